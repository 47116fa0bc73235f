"""Run benchmarks: all of them, or those named. One JSON file each in `bench/results/`."""

import argparse
import importlib
import os

NAMES = ("full_index", "replay", "processing", "query", "retrieval", "start")


def main() -> None:
    """Run what is named, in the order given."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)"
    )
    names = parser.parse_args().names or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"no benchmark is named {name}")
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        del os.environ[name]  # benchmarks have an index of their own
    for name in names:
        importlib.import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
