"""What tests share: one server for the whole run, a fresh database for each test, and a real documentation."""

import asyncio
import io
import itertools
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from headwater.cluster.broker import LocalBroker
from index.adapters.postgres.database import Database
from index.adapters.postgres.migrate import migrate
from index.adapters.postgres.server import EmbeddedServer, discard
from tests.support.broker import a_broker

RAY = Path(__file__).parents[1].parent / "shared" / "data" / "ray-docs" / "history.bundle"
_numbers = itertools.count(1)

# Programs start as users start them: with it, one that forgot to flush would pass.
os.environ.pop("PYTHONUNBUFFERED", None)


@pytest.fixture(scope="session")
def ray_docs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Path below `doc/source` -> text, of every page of a real documentation as of the tag `eval`."""
    if not RAY.exists():
        pytest.skip("needs ray-docs/history.bundle in ../shared/data")
    clone = tmp_path_factory.mktemp("ray") / "docs.git"
    subprocess.run(["git", "clone", "-q", "--bare", RAY, clone], check=True)
    command = ["git", "-C", str(clone), "archive", "eval", "doc/source"]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {
            name.removeprefix("doc/source/"): file.read().decode()
            for name, file in files
            if file is not None
        }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded Postgres that holds the template of every test's database."""
    home: Path = tmp_path_factory.mktemp("postgres")
    embedded = EmbeddedServer.start(home, lambda _: None)
    try:
        conninfo = embedded.address.conninfo
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE migrated")
        migrate(named(conninfo, "migrated"))
        yield conninfo
    finally:
        embedded.close()
        discard(home)


@pytest.fixture
def conninfo(server: str) -> Iterator[str]:
    """A migrated database of one's own."""
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE migrated STRATEGY FILE_COPY")
    with _made(server, copy) as conninfo:
        yield conninfo


@pytest.fixture
def empty_conninfo(server: str) -> Iterator[str]:
    """A database of one's own that holds nothing."""
    with _made(server, sql.SQL("CREATE DATABASE {}")) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A Kafka broker that lasts as long as the tests; who breaks one brings their own."""
    with a_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for the whole test: connections belong to the loop they were made in."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def postgres(conninfo: str, runner: asyncio.Runner) -> Iterator[Database]:
    """An open pool of that database."""
    opened = runner.run(Database(conninfo).open())
    yield opened
    runner.run(opened.close())


def named(conninfo: str, database: str) -> str:
    """The same server, another database."""
    return psycopg.conninfo.make_conninfo(conninfo, dbname=database)


@contextmanager
def _made(server: str, create: sql.SQL) -> Iterator[str]:
    name = sql.Identifier(f"test_{next(_numbers)}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(create.format(name))
        yield named(server, name.as_string().strip('"'))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
