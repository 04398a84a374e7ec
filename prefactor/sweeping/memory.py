"""Memory of a trial: a limit that it cannot pass, and what running out of it looks like."""

import resource

OUT_OF_MEMORY = "out of memory"
SAYS_SO = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "MemoryError",
    "Unable to allocate",
)
GIGABYTE = 10**9


def limit_memory(gigabytes: float | None) -> None:
    """Let this process have so much memory of its own; files that it maps, libraries too, do not count."""
    if gigabytes is None:
        return
    most, hard = int(gigabytes * GIGABYTE), resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def ran_out(text: str) -> bool:
    """Whether an error's text says that memory was at an end: Python's, numpy's, Arrow's, torch's on CPU or GPU."""
    return any(words in text for words in SAYS_SO)
