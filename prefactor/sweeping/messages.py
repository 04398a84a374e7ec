"""What a trial's process says to whoever started it: lines of its output, among all others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MARK = "@trial "
Kind = Literal["told", "scored", "done", "failed", "changed"]


@dataclass(frozen=True)
class Message:
    """One message.

    told     a validation: a Point's fields
    scored   a seed's scores by name, with ``seed`` and the ``users`` behind them: a Users' fields
    done     all seeds were trained: ``memory_mb``
    failed   the trial has no score: ``reason``
    changed  the data are not those that the sweep began with, so it has to stop: ``reason``
    """

    kind: Kind
    values: Mapping[str, Any]

    def line(self) -> str:
        """As printed."""
        return MARK + json.dumps({"kind": self.kind, **self.values})


def message_in(line: str) -> Message | None:
    """The message that a line is; None for any other line."""
    if not line.startswith(MARK):
        return None
    values = json.loads(line.removeprefix(MARK))
    return Message(values.pop("kind"), values)
