"""Run benchmarks: all of them, or those named. One JSON file each in `bench/results/`."""

import argparse
import importlib
import os
import signal

from bench.sizes import COMMITS, HOME, SMALL

NAMES = (
    "full_index",
    "replay",
    "processing",
    "overhead",
    "streams",
    "serving_memory",
    "scale",
    "phrase",
    "retrieval",
    "versions",
    "refusals",
    "newcomer",
    "ranker",
    "routing",
    "start",
    "cluster_full_index",
    "cluster_processing",
    "cluster_replay",
    "scaling",
    "growth_cluster",
    "backlog",
    "chaos",
)


def main() -> None:
    """Run what is named, in the order given."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="little of what a deployment does: to see that it works",
    )
    parser.add_argument(
        "--commits", type=int, metavar="N", help="at most so many later commits in cluster_replay"
    )
    parser.add_argument(
        "--home",
        metavar="FOLDER",
        help="keep the indexes of retrieval, versions and refusals there, and use it again",
    )
    options = parser.parse_args()
    names = options.names or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"no benchmark is named {name}")
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        del os.environ[name]  # benchmarks have an index of their own
    os.environ |= {SMALL: "1"} if options.small else {}
    os.environ |= {COMMITS: str(options.commits)} if options.commits else {}
    os.environ |= {HOME: options.home} if options.home else {}
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell had them ignored
        signal.signal(number, _end)
    for name in names:
        importlib.import_module(f"bench.{name}").run()


def _end(number: int, _frame: object) -> None:
    """Leave by way of every `finally`, so that no process stays behind."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
