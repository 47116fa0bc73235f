"""A broker that asks over TLS who its clients are: all of ours say so, and nobody else comes in."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from headwater.adapters.kafka_topics import apply_topics
from schemas.broker import Broker, KafkaSettings, Mechanism
from tests.support.deployment import a_deployment
from tests.support.program import poll
from tests.support.sasl_broker import USER, SaslBroker, a_sasl_broker
from tests.support.warm import Warm

_PAGES = 5


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaslBroker]:
    with a_sasl_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.mark.parametrize("mechanism", get_args(Mechanism))
def test_s33_what_is_committed_gets_through_a_broker_that_asks_for_a_password_over_tls(
    mechanism: Mechanism, asking: SaslBroker, tmp_path: Path, database: str, warm: Warm
) -> None:
    with a_deployment(tmp_path, asking, database, warm) as deployed:
        settings = asking.settings(mechanism, deployed.broker.settings.prefix)
        admin = Broker(settings=settings, password=asking.password)
        assert apply_topics(admin, check=True) == []
        words = deployed.write(_PAGES)
        env = _env(settings, asking.password)

        ours = [
            deployed.start(part, env=env, servers=asking.asking) for part in ("ingest", "worker")
        ]

        deployed.wait_for(words)
        poll(lambda: ours[1].client.get("/readyz").status_code == 200, "a worker that has joined")
        assert all(asking.password not in process.said for process in ours)
        assert [process.end() for process in ours] == [0, 0]


def test_s33_a_wrong_password_gets_nobody_in(
    asking: SaslBroker, tmp_path: Path, database: str, warm: Warm
) -> None:
    with a_deployment(tmp_path, asking, database, warm) as deployed:
        settings = asking.settings("SCRAM-SHA-512", deployed.broker.settings.prefix)
        deployed.write(_PAGES)
        wrong = asking.password + "x"

        ingest = deployed.start("ingest", env=_env(settings, wrong), servers=asking.asking)

        poll(lambda: "broker cannot be reached" in ingest.client.get("/readyz").text, "an alarm")
        assert deployed.published() == 0
        assert wrong not in ingest.said
        assert ingest.end() == 0


def _env(settings: KafkaSettings, password: str) -> Mapping[str, str]:
    return {
        "HEADWATER_KAFKA__SECURITY": settings.security,
        "HEADWATER_KAFKA__SASL_MECHANISM": settings.sasl_mechanism,
        "HEADWATER_KAFKA__SASL_USERNAME": USER,
        "HEADWATER_KAFKA__SASL_PASSWORD_ENV": settings.sasl_password_env,
        settings.sasl_password_env: password,
        "HEADWATER_KAFKA__CA_FILE": settings.ca_file,
    }
