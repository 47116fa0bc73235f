"""One Postgres for all tests that bring a database of their own, since starting one takes seconds."""

import signal
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from index.adapters.postgres.server import EmbeddedServer, discard
from tests.support.warm import Warm, a_warm_start


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Where commands are forked from."""
    with a_warm_start() as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """How to connect to a server that lasts as long as the tests."""
    home = tmp_path_factory.mktemp("postgres")
    server = EmbeddedServer.start(home, lambda line: None)
    try:
        yield server.address.conninfo
    finally:
        server.close()
        discard(home)


@pytest.fixture(scope="module")
def module_database(postgres: str) -> Iterator[str]:
    yield from _a_database(postgres)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """How to connect to an empty database."""
    yield from _a_database(postgres)


def _a_database(postgres: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """What a test starts hears a hangup, even where the tests themselves were started to survive one."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
