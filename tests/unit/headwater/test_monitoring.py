"""What the dashboard and the alarms ask for is there: metrics, labels, services, runbooks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.metrics import make_http_metrics, make_metrics
from index.core.formats.markdown import parse_markdown
from ingest.core.window import WINDOW
from schemas.formats import Dialect

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "monitoring"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads(
    (FOLDER / "grafana" / "dashboards" / "headwater.json").read_text("utf-8")
)
SCRAPED: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    },
}
_METRIC = re.compile(r"\b((?:headwater|process)_\w+|up\b)(?:\{([^}]*)\})?")
_ADDED = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that of the buckets."""
_UNITS = {"s": ("_seconds",), "bytes": ("_bytes",)}


def metrics() -> dict[str, set[str]]:
    """Every series the program gives, with its labels."""
    made = make_metrics()
    make_http_metrics(made.registry)
    found: dict[str, set[str]] = {}
    for collector in list(made.registry._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        for name in made.registry._collector_to_names[collector]:
            found[name] = labels
    # Some that tell of the process itself name themselves only when asked.
    for family in made.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set(sample.labels))
    return found | {"up": set()}


KNOWN = metrics()


def asked(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of a query, with the labels that it is asked for by name."""
    for name, matchers in _METRIC.findall(query):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers or ""))


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_every_metric_and_label_that_is_asked_for_is_there(query: str) -> None:
    names = dict(asked(query))

    assert names
    for name, labels in names.items():
        assert name in KNOWN, name
        assert labels <= KNOWN[name] | _ADDED, name
    grouped = {
        label.strip()
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
        for label in labels.split(",")
    }
    assert grouped <= set().union(*(KNOWN[name] for name in names)) | _ADDED


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_counters_are_asked_for_their_growth_and_brackets_close(query: str) -> None:
    for name, _ in asked(query):
        if name.endswith(("_total", "_bucket")) and not name.startswith("headwater_reset"):
            assert re.search(rf"(?:rate|increase)\({name}", query), name

    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing)


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_has_the_unit_of_what_it_shows(panel: dict[str, Any]) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    names = {name for target in panel["targets"] for name, _ in asked(target["expr"])}

    for of_unit, marks in _UNITS.items():
        is_of_unit = all(any(mark in name for mark in marks) for name in names)
        assert (unit == of_unit) == (is_of_unit and unit != "percentunit")


def test_panels_do_not_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()

    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alarm_leads_to_a_chapter_of_its_own(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    page = (ROOT / path).read_text("utf-8")
    sections = {s.anchor: s for s in parse_markdown(page, dialect=Dialect.GITHUB).sections}

    assert sections[anchor].heading == rule["alert"]
    text = "".join(block.text for block in sections[anchor].blocks)
    for part in ("It means", "Make sure", "Do", "Do not"):
        assert part in text
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_waits_at_least_two_scrapes_and_at_most_an_hour(rule: dict[str, Any]) -> None:
    scrape_s = int(SCRAPED["global"]["scrape_interval"].removesuffix("s"))
    windows = re.findall(r"\[(\d+)([mh])\]", rule["expr"]) + re.findall(
        r"^(\d+)([mh])$", rule.get("for", "")
    )

    seconds = [int(count) * {"m": 60, "h": 3600}[unit] for count, unit in windows]

    assert seconds
    assert all(2 * scrape_s <= window <= 3600 for window in seconds)
    assert re.search(r"[<>]=? ?\d|== ?\d", rule["expr"])


def test_what_the_design_wants_an_alarm_for_has_one() -> None:
    wanted = {
        "headwater_behind_pages",
        "headwater_freshness_seconds_bucket",
        "headwater_lag_events",
        "headwater_acknowledged_timestamp_seconds",
        "headwater_parked",
        "headwater_ready",
        "headwater_database_writable",
        "headwater_retries_total",
        "process_start_time_seconds",
        "headwater_claim_held",
        "headwater_source_trouble",
        "headwater_reset_detected_total",
        "headwater_notices_total",
    }

    assert wanted <= {name for rule in RULES for name, _ in asked(rule["expr"])}


def test_a_process_of_which_none_is_left_is_told() -> None:
    """The name of a container that has ended resolves to nothing: there is no `up` to be 0 then."""
    told = set(re.findall(r'absent\(up\{job="([\w-]+)"\}\)', QUERIES["HeadwaterProcessGone"]))

    assert told == {job["job_name"] for job in SCRAPED["scrape_configs"]}


def test_an_alarm_waits_for_no_more_pages_than_intake_lets_pile_up() -> None:
    [bound] = re.findall(r"> (\d+)$", QUERIES["HeadwaterStaysBehind"])

    assert int(bound) < WINDOW.pages


def test_what_is_scraped_and_shown_are_services_and_files_that_there_are() -> None:
    services = COMPOSE["services"]
    for job in SCRAPED["scrape_configs"]:
        [found] = job["dns_sd_configs"]
        [name] = found["names"]
        told = " ".join([*services[name]["command"], *services[name].get("entrypoint", [])])
        assert f"--port {found['port']}" in told
        assert job["job_name"] == f"headwater-{name}"
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["monitoring"]
        for volume in services[name]["volumes"]:
            source = volume.split(":")[0]
            assert (
                (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            )
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"prometheus"}


def test_every_metric_of_ours_has_a_row_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(headwater_\w+)`", page, re.MULTILINE))
    given = {
        name
        for name in KNOWN
        if name.startswith("headwater_") and not name.endswith(("_created", "_bucket", "_sum"))
    }

    # A counter or histogram has more names than the one that it is told by.
    assert told <= given
    assert {name for name in given if not _is_told(name, told)} == set()


def _is_told(name: str, told: set[str]) -> bool:
    return any(name in (one, one.removesuffix("_total"), f"{one}_count") for one in told)
