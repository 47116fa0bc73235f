"""The processor time of processes with all below them, those that have ended included."""

import psutil


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process, its children and what they waited for have taken so far.

    A child that ends while nobody looks is counted once its parent has waited for it. 0.0 for a process that is gone.
    """
    try:
        process = psutil.Process(pid)
        return sum(_own_s(one) for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def shares_s(pid: int) -> dict[str, float]:
    """What `cpu_s` counts, by what each process calls itself: the first word of its command line, without folders."""
    try:
        process = psutil.Process(pid)
        every = (process, *process.children(recursive=True))
    except psutil.NoSuchProcess:
        return {}
    shares: dict[str, float] = {}
    for one in every:
        name = _name(one)
        shares[name] = shares.get(name, 0.0) + _own_s(one)
    return shares


def alone_s(pid: int) -> float:
    """Seconds of processor time that a process itself has taken so far; 0.0 for one that is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _own_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _name(process: psutil.Process) -> str:
    """A script or module says more than the Python that runs it; a Ray worker tells its class, and then its method."""
    try:
        words = process.cmdline() or [process.name()]
    except psutil.Error:
        return "gone"
    told = next((word for word in words[1:] if word.endswith(".py")), words[0])
    return told.rsplit("/", 1)[-1].split(" ")[0].partition(".")[0]
