"""How much memory a program has held."""

import resource
import sys
from pathlib import Path

MEGABYTE = 10**6


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
