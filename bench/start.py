"""Start: `headwater up` on an existing index, from the process's start until it is ready."""

from bench.corpus import BUNDLE, require_data, source_toml, workspace
from bench.record import machine, spread, write_result
from bench.server import serving

NAME = "start"
_RUNS = 5


def run() -> None:
    """Index part of the documentation once, then start again and again."""
    require_data()
    started = machine()
    with workspace() as folder:
        (folder / "headwater.toml").write_text(
            source_toml(name="ray", kind="git", location=BUNDLE, ref="eval"), "utf-8"
        )
        with serving(folder) as server:
            first_s = server.ready_s
        seconds = []
        for _ in range(_RUNS):
            with serving(folder) as server:
                seconds.append(server.ready_s)
    write_result(
        NAME, {"first_s": round(first_s, 1), "ready_s": spread(seconds), "bound_s": 4.0}, started
    )
