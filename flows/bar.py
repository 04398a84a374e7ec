"""A progress bar on a run's Prefect page."""

from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact


class Bar:
    """The bar named ``key``, made when it is first shown."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._made: UUID | None = None

    def show(self, share: float, description: str) -> None:
        """Set it, ``share`` in per cent."""
        if self._made is None:
            made = create_progress_artifact(share, key=self._key, description=description)
            self._made = cast(UUID, made)  # a coroutine only where it is called from one
        else:
            update_progress_artifact(self._made, share, description=description)
