"""What docker-compose.yml and the Dockerfile say exists: commands, options, settings, pages, targets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from typer.main import get_command

from headwater.cluster.broker import _PROPERTIES
from headwater.http import make_app
from headwater.main import app
from headwater.settings import load_settings
from index.settings import RaySettings
from schemas.topics import MAX_RECORD_BYTES

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
PROGRAM = {
    name: service["command"]
    for name, service in OURS.items()
    if "entrypoint" not in service and service["command"]
}
SECRETS = re.compile(r"PASSWORD|TOKEN|SECRET")


def test_every_command_and_option_is_one_of_the_program() -> None:
    wrapped = [re.findall(r"exec headwater (.*)", _entrypoint(name)) for name in OURS]
    driving = [line.split() for [line] in filter(None, wrapped)]

    assert {words[0] for words in driving} == {"ingest", "models", "worker"}
    for words in [*PROGRAM.values(), *driving]:
        command: Any = get_command(app)
        options = iter(words)
        for word in options:
            if word.startswith("--"):
                assert word in {option for param in command.params for option in param.opts}, words
                next(options)
            else:
                command = command.commands[word]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_of_the_program(name: str, tmp_path: Path) -> None:
    environment = {
        key: re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"1", str(value))
        for key, value in OURS[name]["environment"].items()
    }

    settings = load_settings(None, environment, folder=tmp_path)

    assert settings.kafka.servers == "kafka:9092"
    assert settings.database.url.startswith("postgresql://")


def test_a_worker_is_healthy_once_it_is_ready() -> None:
    assert "/readyz'" in str(SERVICES["worker"]["healthcheck"]["test"])


def test_every_health_check_of_ours_asks_for_a_page_that_there_is() -> None:
    made = make_app(routes=[], checks={}, hosts=(), metrics_registry=CollectorRegistry())
    pages = {route.path for route in made.routes}

    asked = {
        name: re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", str(service["healthcheck"]))
        for name, service in OURS.items()
        if "http://127.0.0.1" in str(service.get("healthcheck"))
    }

    assert set(asked) == {"ingest", "worker", "serve"}
    for name, [(port, path)] in asked.items():
        assert path in pages
        words = [*OURS[name]["command"], *_entrypoint(name).split()]
        assert words[words.index("--port") + 1] == port


def test_ray_serve_is_asked_where_it_listens() -> None:
    environment = OURS["serve"]["environment"]
    settings = RaySettings(serve_port=int(environment["HEADWATER_RAY__SERVE_PORT"]))

    assert environment == OURS["models"]["environment"]
    assert environment["HEADWATER_RAY__SERVE_URL"] == f"http://ray-head:{settings.serve_port}"
    assert f"http://ray-head:{settings.serve_port}/-/" in str(OURS["models"]["healthcheck"])


def test_nothing_is_published_beyond_this_host() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    asked = re.findall(r"\$\{(\w+)(:?[-?])?", text)

    assert {name for name, _ in asked if SECRETS.search(name)} == {
        "POSTGRES_PASSWORD",
        "RAY_AUTH_TOKEN",
    }
    assert all(how == ":?" for name, how in asked if SECRETS.search(name))
    assert not re.search(r"(?:PASSWORD|TOKEN): (?!\$)", text)


def test_who_takes_webhooks_gets_their_secrets() -> None:
    """What .env holds is filled into the file, and reaches no process unless one is given it."""
    assert SERVICES["ingest"]["ports"]
    assert SERVICES["ingest"]["env_file"] == [".env"]


@pytest.mark.parametrize("file", [".dockerignore", ".gitignore"])
def test_the_file_of_the_secrets_gets_neither_into_an_image_nor_into_a_commit(file: str) -> None:
    # `COPY . .` would put it into a layer, where whoever gets the image reads it.
    assert ".env" in (ROOT / file).read_text("utf-8").splitlines()


def test_a_service_waits_for_services_that_there_are_and_come_up() -> None:
    for service in SERVICES.values():
        for name, how in dict(service.get("depends_on", {})).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] == "no"


def test_everything_that_runs_on_is_started_again() -> None:
    once = {name for name, service in SERVICES.items() if service["restart"] == "no"}

    assert once == {"migrate", "topics"}
    assert {service["restart"] for name, service in SERVICES.items() if name not in once} == {
        "unless-stopped"
    }


def test_every_image_of_ours_is_a_target_that_runs_as_somebody_else_than_root() -> None:
    stages = _stages((ROOT / "Dockerfile").read_text("utf-8"))

    for service in OURS.values():
        lines = stages[service["build"]["target"]]
        assert any(re.fullmatch(r"USER headwater", line) for line in lines)


def test_whoever_runs_in_an_image_owns_every_folder_that_is_made_for_it() -> None:
    """`install` gives its last folders alone to the owner, and leaves those above them to root."""
    base = " ".join(_stages((ROOT / "Dockerfile").read_text("utf-8"))["base"])
    [made] = re.findall(r"install -d -o headwater -g headwater ([^&]*?)(?: ENV|$)", base)
    owned = {Path(folder.rstrip("\\")) for folder in made.split() if folder.startswith("/")}
    home = Path("/home/headwater")
    mounted = {
        Path(volume.split(":")[1])
        for service in OURS.values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }

    assert mounted <= owned
    for folder in owned:
        above = {one for one in folder.parents if home in one.parents}
        assert above <= owned


def test_every_ray_node_keeps_its_objects_in_the_memory_that_it_is_given() -> None:
    nodes = {
        name: words
        for name in OURS
        if "start" in (words := f"{_entrypoint(name)} {' '.join(OURS[name].get('command', []))}")
        and "ray" in words
    }

    assert set(nodes) == {"ray-head", "ray-gpu", "models", "ingest", "worker"}
    for name, words in nodes.items():
        [taken] = re.findall(r"--object-store-memory=(\d+)", words)
        assert int(taken) * 2 <= _bytes(OURS[name]["shm_size"])


def test_a_source_may_be_reached_over_ssh() -> None:
    base = " ".join(_stages((ROOT / "Dockerfile").read_text("utf-8"))["base"])

    assert {"git", "openssh-client"} <= set(base.split())


def test_brokers_carry_the_largest_record() -> None:
    kafka = SERVICES["kafka"]["environment"]

    assert int(kafka["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_RECORD_BYTES
    assert f"message.max.bytes={MAX_RECORD_BYTES}\n" in _PROPERTIES


def _bytes(size: str) -> int:
    assert size.endswith("m")
    return int(size.removesuffix("m")) * 2**20


def _entrypoint(name: str) -> str:
    return " ".join(OURS[name].get("entrypoint", []))


def _stages(text: str) -> Mapping[str, list[str]]:
    stages: dict[str, list[str]] = {}
    for line in text.splitlines():
        found = re.match(r"FROM \S+ AS (\S+)", line)
        if found:
            stages[found[1]] = []
        elif stages:
            list(stages.values())[-1].append(line)
    return stages
