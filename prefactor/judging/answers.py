"""A judge's answers on disk, by the content of what was asked: a killed run goes on, and a second one asks nothing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefactor.atomic import write_json
from prefactor.judging.endpoint import Answer
from prefactor.preferences import content_id


@dataclass(frozen=True)
class Answers:
    """A folder with a small JSON file for each answer, written whole or not at all; None keeps nothing.

    No file holds a question, a key or an address: a question is known by its hash alone.
    """

    folder: Path | None

    def get(self, key: str) -> Answer | None:
        """The answer to a question; None if none is kept, or what is there is no answer."""
        if self.folder is None:
            return None
        try:
            return Answer(**json.loads(self._path(self.folder, key).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer."""
        if self.folder is not None:
            write_json(self._path(self.folder, key), asdict(answer))

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def answer_key(address: str, model: str, options: Mapping[str, Any], messages: list[dict[str, str]]) -> str:
    """32 hex digits by which an answer is found again: where and who is asked, how, and what.

    Two servers may call different models the same, so the address is in the hash, and only there.
    """
    return content_id(*(json.dumps(part, sort_keys=True) for part in (address, model, dict(options), messages)))
