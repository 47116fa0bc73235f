"""A real Kafka broker for as long as a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater.cluster.broker import LocalBroker


@contextmanager
def a_broker(folder: Path) -> Iterator[LocalBroker]:
    """A broker with its data in a folder below `folder`."""
    broker = LocalBroker(folder / "broker")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
