"""Full index through Kafka, Faust and Ray, against encoding the same texts alone and against one machine.

The clock begins when intake begins: broker, database, Ray with its model loaded, worker, `serve` and `intake` are all
ready then. It ends when the commit is searchable. With `--small`, one folder of the documentation.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.chain import a_chain, begin, clients, held_intake, spent, until_published
from bench.corpus import SMALL_ROOT, clone_history, git, require_data, source_toml, workspace
from bench.encode import distinct_texts, embedder_of, encode_s, pages_of, reader_of
from bench.record import machine, write_result
from bench.sizes import is_small
from bench.timeline import shares
from headwater.settings import load_settings

NAME = "cluster_full_index"


def run() -> None:
    """Encode alone, index on one machine, index through the chain: each alone on the machine, one after the other."""
    require_data()
    started = machine()
    with workspace() as folder:
        repository = clone_history(folder, at="eval")
        config = source_toml(name="ray", kind="git", location=repository, ref="main")
        if is_small():
            config = config.replace('root = "doc/source"', f'root = "{SMALL_ROOT}"')
        (folder / "headwater.toml").write_text(config, "utf-8")
        texts, alone_s, alone_cpu_s = asyncio.run(_encode_alone(folder))
        machine_s, machine_cpu_s = _one_machine(folder, texts)
        commit = git(repository, "rev-parse", "eval^{commit}").strip()
        chain = _chain(folder, config, commit, texts)
    chain_s = float(str(chain["seconds"]))
    figures = {
        "texts": texts,
        "encode_alone_s": round(alone_s, 2),
        "encode_alone_cpu_s": round(alone_cpu_s, 2),
        "one_machine_s": round(machine_s, 2),
        "one_machine_cpu_s": round(machine_cpu_s, 2),
        "one_machine_over_encode": round(machine_s / alone_s, 3),
        "chain": chain,
        "chain_over_encode": round(chain_s / alone_s, 3),
        "bound_chain_over_encode": 1.25,
        "chain_over_one_machine": round(chain_s / machine_s, 3),
        "bound_chain_over_one_machine": 1.15,
    }
    write_result(NAME, figures, started)


async def _encode_alone(folder: Path) -> tuple[int, float, float]:
    """How many texts, and the seconds that encoding them takes by the clock and by the processor."""
    settings = load_settings(None, os.environ, folder=folder)
    embedder = await embedder_of(settings)
    try:
        pages = await pages_of(settings, reader_of(settings, embedder))
        texts = list(distinct_texts(list(pages.values())).values())
        before_s = time.process_time()
        alone_s = await encode_s(embedder, texts)
        return len(texts), alone_s, time.process_time() - before_s
    finally:
        embedder.close()


def _one_machine(folder: Path, texts: int) -> tuple[float, float]:
    """Seconds from the first look until all is searchable, as the program reports them, and by the processor.

    The latter are of the whole command without its database.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "headwater.main", "index", "--json"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(done.stdout)
    if report["texts_embedded"] != texts:
        raise SystemExit(f"one machine embedded {report['texts_embedded']} texts of {texts}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(report["seconds"]["total"]), cpu_s


def _chain(folder: Path, config: str, commit: str, texts: int) -> dict[str, object]:
    timeline = folder / "timeline"
    with a_chain(folder, config, ray=True) as chain, held_intake(chain) as claim:
        worker = chain.start("worker", main="bench.traced_main", env={"TIMELINE": str(timeline)})
        serve, ingest = chain.start("serve"), chain.start("ingest")
        chain.until_shared(1)
        before = chain.cpu()
        since_s = begin(chain, claim)
        until_s = until_published(chain, "ray", commit)
        cpu = spent(before, chain.cpu())
        with clients(serve, ingest) as server:
            as_of = server.search("ray", k=1)["as_of"]
        embedded = worker.metric("headwater_texts_embedded_total")
        vectors = chain.count("SELECT count(*) FROM vector_g1")
        worker.end()
    if not isinstance(as_of, dict) or as_of["ray"]["commit"] != commit or vectors != texts:
        raise SystemExit(f"the chain has {vectors} texts of {texts}, and answers as of {as_of}")
    return {
        "seconds": round(until_s - since_s, 2),
        "texts_embedded": int(embedded),
        "spent": shares(timeline, since_s=since_s, until_s=until_s),
        "cpu_s": cpu,
    }
