"""Which GPU of its machine a task works on: a slot says that one is free somewhere, this says which one it is here."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.slots import SLOTS
from prefactor.errors import InputError

SECONDS_BETWEEN_LOOKS = 0.2
VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def device(kind: SLOTS) -> Iterator[None]:
    """Of the kind ``gpu``, make one that no other process of this user has PyTorch's current one, for the block."""
    if kind != "gpu":
        yield
        return
    import torch

    with free_number(torch.cuda.device_count()) as number, torch.cuda.device(number):
        yield


@contextmanager
def visible(kind: SLOTS) -> Iterator[Mapping[str, str]]:
    """Environment in which a process sees one GPU that no other process of this user has; of a core, any that there is.

    Held for the block. Raises InputError where this machine has no GPU.
    """
    if kind != "gpu":
        yield {}
        return
    import torch

    with free_number(torch.cuda.device_count()) as number:
        mine = os.environ.get(VISIBLE)  # numbers count among those
        yield {VISIBLE: mine.split(",")[number].strip() if mine else str(number)}


@contextmanager
def free_number(count: int, folder: Path | None = None) -> Iterator[int]:
    """The lowest number below ``count`` that nobody has, waiting for one; free again when the process ends, however.

    Raises InputError where there is none at all.
    """
    if count < 1:
        raise InputError("a GPU was asked for, but this machine has none: choose a core")
    folder = folder or Path(tempfile.gettempdir())
    while True:
        for number in range(count):
            with ExitStack() as stack:
                lock = stack.enter_context((folder / f"prefactor-{os.getuid()}-gpu-{number}.lock").open("a"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield number
                return
        time.sleep(SECONDS_BETWEEN_LOOKS)
