"""Memory of a trial: a limit that it cannot pass, and what running out of it looks like."""

import resource
import sys
from pathlib import Path

OUT_OF_MEMORY = "out of memory"
SAYS_SO = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "MemoryError",
    "Unable to allocate",
)
GIGABYTE, MEGABYTE = 10**9, 10**6


def limit_memory(gigabytes: float | None) -> None:
    """Let this process have so much memory of its own; files that it maps, libraries too, do not count."""
    if gigabytes is None:
        return
    most, hard = int(gigabytes * GIGABYTE), resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def most_memory() -> float:
    """The most memory that this program has held so far, in MB.

    What getrusage says is no less than whoever started it held at that moment, so Linux is asked for its own.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / MEGABYTE if sys.platform == "darwin" else peak * 1024 / MEGABYTE
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MEGABYTE


def ran_out(text: str) -> bool:
    """Whether an error's text says that memory was at an end: Python's, numpy's, Arrow's, torch's on CPU or GPU."""
    return any(words in text for words in SAYS_SO)
