"""How a broker is reached."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.topics import Topics

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Kafka carries page events: `servers` empty means none, and events stay in the process.

    `servers` is `host:port`, several apart by commas. `sasl_password_env` names the variable that holds the password.
    `prefix` begins the name of every topic and group. `partitions` and `replication` are what `topics apply` makes
    topics with. The partitions of a worker that says nothing for `session_timeout_s` go to the others.
    Where nothing that was sent is applied or parked for `resend_after_s`, it is sent again.
    A worker ends, to be started again, when for `stalled_after_s` more and more records wait for it and none is
    acknowledged, unless it is at work on those at hand or tries again what has failed.
    """

    servers: str = ""
    prefix: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$")] = "headwater"
    security: Security = "PLAINTEXT"
    sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password_env: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    session_timeout_s: Annotated[float, Meta(ge=1, le=300)] = 8.0
    resend_after_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    stalled_after_s: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    partitions: Annotated[int, Meta(ge=1, le=10_000)] = 8
    replication: Annotated[int, Meta(ge=1, le=32_767)] = 1


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """The settings with the password they name."""

    settings: KafkaSettings
    password: str = ""

    def __repr__(self) -> str:
        return f"Broker({self.settings.servers!r})"

    @property
    def topics(self) -> Topics:
        """The topics of this installation."""
        return Topics(self.settings.prefix)

    @property
    def servers(self) -> list[str]:
        """Each server as `host:port`."""
        return [part.strip() for part in self.settings.servers.split(",") if part.strip()]
