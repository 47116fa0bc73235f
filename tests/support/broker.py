"""A real Kafka broker for as long as a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from headwater.cluster.broker import LocalBroker, free_port
from schemas.broker import Broker, KafkaSettings
from tests.support.leg import Leg, a_leg


@contextmanager
def a_broker(folder: Path) -> Iterator[LocalBroker]:
    """A broker with its data in a folder below `folder`."""
    broker = LocalBroker(folder / "broker")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def a_broker_with_a_leg(folder: Path) -> Iterator[tuple[LocalBroker, Leg]]:
    """A broker that also listens behind a leg: who begins there is sent there ever after.

    A broker tells its clients where it is, so a proxy before its one port would be left behind at once.
    """
    behind = free_port()
    with a_leg(behind) as leg:
        broker = LocalBroker(folder / "broker")
        properties = folder / "broker" / "server.properties"
        properties.write_text(_with_a_second_port(properties.read_text("utf-8"), behind, leg.port))
        broker.start()
        try:
            yield broker, leg
        finally:
            broker.stop()


def reached(broker: LocalBroker, *, partitions: int = 4, replication: int = 1) -> Broker:
    """The broker as an installation of its own reaches it."""
    settings = KafkaSettings(
        servers=broker.address,
        prefix=f"test-{uuid4().hex[:12]}",
        partitions=partitions,
        replication=replication,
        resend_after_s=1.0,
    )
    return Broker(settings=settings)


def _with_a_second_port(properties: str, behind: int, told: int) -> str:
    lines = []
    for line in properties.splitlines():
        name, _, value = line.partition("=")
        match name:
            case "listeners":
                value += f",LEG://127.0.0.1:{behind}"
            case "advertised.listeners":
                value += f",LEG://127.0.0.1:{told}"
            case "listener.security.protocol.map":
                value += ",LEG:PLAINTEXT"
        lines.append(f"{name}={value}")
    return "\n".join([*lines, "inter.broker.listener.name=PLAINTEXT", ""])
