"""`make cluster`: the deployed topology on this machine, until Ctrl-C.

python -m headwater.cluster [--config FILE] [--workers N] [--port N] [--folder DIR] [--no-ray] [--ray-serve]
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from shlex import quote

from headwater.cluster.topology import Cluster, Plan, wait_ready
from headwater.console import say
from headwater.settings import FILE_NAME
from schemas.errors import HeadwaterError

_EXIT_WRONG_USE = 2
_FIRST_SYNC_WITHIN_S = 3600.0


def main() -> None:
    """Run it. Failures become one line and an exit status."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path(FILE_NAME))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--folder", type=Path, default=Path(".headwater/cluster"))
    parser.add_argument("--no-ray", action="store_true", help="workers embed by themselves")
    parser.add_argument(
        "--ray-serve", action="store_true", help="Ray Serve embeds questions: 1 GB of memory more"
    )
    options = parser.parse_args()
    try:
        sys.exit(_run(options))
    except HeadwaterError as error:
        say(f"headwater: {error}")
        sys.exit(_EXIT_WRONG_USE)


def _run(options: argparse.Namespace) -> int:
    if not options.config.is_file():
        say(
            f"headwater: {options.config}: no such file; it names the sources, see docs/reference/configuration.md"
        )
        return _EXIT_WRONG_USE
    told, is_started = threading.Event(), threading.Event()

    def tell(*_: object) -> None:
        told.set()
        if not is_started.is_set():
            raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, tell)
    plan = Plan(
        options.folder.resolve(),
        options.config.resolve(),
        workers=options.workers,
        port=options.port,
        ray=not options.no_ray,
        ray_serve=options.ray_serve,
    )
    with Cluster(plan, os.environ, say) as cluster:
        is_started.set()
        say(f"answering on {cluster.address('serve')}; webhooks go to {cluster.address('ingest')}")
        say(f"logs in {plan.folder}; the first sync is under way (Ctrl-C stops)")
        say(
            f"for headwater commands, in another terminal:  . {quote(str(cluster.environment_file))}"
        )
        threading.Thread(target=_tell_ready, args=(cluster,), daemon=True).start()
        cluster.wait(told.is_set)
    return 0


def _tell_ready(cluster: Cluster) -> None:
    wait_ready(cluster, "ingest", within_s=_FIRST_SYNC_WITHIN_S)
    say("everything is indexed")


if __name__ == "__main__":
    main()
