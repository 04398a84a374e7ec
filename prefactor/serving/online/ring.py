"""The keys that hold now, while the service answers."""

from pathlib import Path

from prefactor.errors import InputError
from prefactor.serving.online.keys import Keys, told


class KeyRing:
    """Keys and the file that they are in; without a file ``keys`` is None, and anybody may call.

    ``trouble`` is what was amiss with the file when it was read last, for anybody to see.
    """

    def __init__(self, path: Path | None, before: Keys | None = None) -> None:
        """``before`` are keys that were in the file earlier, and hold on if it is at fault now; nothing is raised."""
        self._path = path
        self.keys: Keys | None = None
        self.trouble: str | None = None
        if path is not None:
            self._take(before or Keys({}), path)

    def renew(self) -> None:
        """Read the file again. InputError if anything is amiss, when what is left of its keys holds already."""
        if self._path is None or self.keys is None:
            return
        trouble = self._take(self.keys, self._path)
        if trouble is not None:
            raise InputError(told(self._path, trouble))

    def _take(self, before: Keys, path: Path) -> str | None:
        self.keys, trouble = before.renewed(path)
        self.trouble = None if trouble is None else f"the keys {trouble}"
        return trouble
