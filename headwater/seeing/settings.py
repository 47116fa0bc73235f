"""Where traces go."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether traces are sent: `otlp_endpoint` empty means that none are.

    `otlp_endpoint` is a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. `service_name` begins the
    name under which each process reports. `sample_ratio` is the share of traces that are sent, decided where a trace
    begins.
    """

    otlp_endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s/]\S*)?$")] = ""
    service_name: Annotated[str, Meta(min_length=1, max_length=100)] = "headwater"
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
