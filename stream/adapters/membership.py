"""What the client of a Faust app knows of its place in the group: it has no public way to tell."""

import contextlib
from collections.abc import Mapping
from typing import Any


def assigned(app: Any) -> frozenset[int]:
    """The partitions this member has; none while it is not known."""
    with contextlib.suppress(Exception):  # between two assignments the client has nothing to tell
        return frozenset(part.partition for part in app.consumer.assignment())
    return frozenset()


def ends_heard(app: Any) -> Mapping[int, int]:
    """One past the last record of each partition this member has, as far as it has fetched."""
    with contextlib.suppress(Exception):
        consumer = app.consumer
        return {part.partition: consumer.highwater(part) or 0 for part in consumer.assignment()}
    return {}


def why_not_joined(app: Any) -> str | None:
    """None while this member has its place in the group and a connection to who keeps it; else the reason."""
    try:
        client = app.consumer._thread._consumer
        coordinator = client._coordinator
        if coordinator.generation < 0 or coordinator.need_rejoin(client._subscription.subscription):
            return "the worker has not joined its group yet"
        if coordinator.coordinator_id is None:
            return "the worker has lost the broker that keeps its group"
        is_connected = any(
            connection.connected()
            for (node, _), connection in client._client._conns.items()
            if node == coordinator.coordinator_id
        )
    except (AttributeError, TypeError):  # nothing of the client is there yet
        return "the worker's client has not started yet"
    return None if is_connected else "the worker has no connection to the broker"
