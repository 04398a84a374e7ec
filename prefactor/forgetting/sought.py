"""What is looked for in a file, by the datasets that it is about."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from prefactor.forgetting.traces import Traces


@dataclass(frozen=True)
class Sought:
    """``plain``: the ids of a person; ``known``: more traces, by dataset; ``wanted``: the datasets that are asked for.

    What is one person's alone in one dataset may be anybody's in another.
    """

    plain: Traces
    known: Mapping[str, Traces]
    wanted: frozenset[str]

    @cached_property
    def everything(self) -> Traces:
        """The traces of all datasets."""
        return _joined([self.plain, *self.known.values()])

    def about(self, datasets: Collection[str | None]) -> Traces | None:
        """The traces in a file about some datasets, or about none in particular; None for one that is not asked for."""
        if not datasets or None in datasets:
            return self.everything
        asked = [name for name in datasets if name in self.wanted]
        return _joined(self.known.get(str(name), self.plain) for name in asked) if asked else None


def _joined(traces: Iterable[Traces]) -> Traces:
    found = Traces()
    for each in traces:
        found = found | each
    return found
