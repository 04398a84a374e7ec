"""Where an adaptation of users lies: its output, and beside that the work that becomes it."""

from pathlib import Path

ABOUT = "adaptation.json"  # in the output, beside the parts
LOCK = "lock"  # in the work's folder: whoever does it holds this
_WORK = ".parts"


def work_of(out: Path) -> Path:
    """The folder of the work that becomes this output."""
    return out.with_name(f".{out.name}{_WORK}")


def is_work(folder: Path) -> bool:
    """Is it one."""
    return folder.name.startswith(".") and folder.name.endswith(_WORK)
