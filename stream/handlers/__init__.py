"""The use cases of a stream: page events as they come, and records as a broker keeps them."""

from stream.handlers.consume import Consumer, Told, consume_batch
from stream.handlers.records import RecordConsumer, consume_records
from stream.handlers.retries import heard_retries

__all__ = [
    "Consumer",
    "RecordConsumer",
    "Told",
    "consume_batch",
    "consume_records",
    "heard_retries",
]
