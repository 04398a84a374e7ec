"""Each rule's parameter is chosen on the validation users' pools; what the rule gains is measured on unseen users'."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from prefactor.evaluation.intervals import Interval, of_columns
from prefactor.evaluation.scaling.best import sizes_of
from prefactor.evaluation.scaling.rules.abstention import abstains
from prefactor.evaluation.scaling.rules.gains import Judged, Sets
from prefactor.evaluation.scaling.rules.rule import ARGMAX, Rule, rules_for
from prefactor.evaluation.scaling.rules.scored import Scored, ScoredPool, sorted_doubts
from prefactor.evaluation.scaling.rules.widths import over_what_is_shared

GAIN, DIFFERENCE, SHARE = "gain", "gain_minus_argmax", "share"
COLUMNS = (
    *("rule", "parameter", "chosen", "model", "n", "metric", "value", "ci_low", "ci_high", "low_items", "high_items"),
    *("n_users", "n_queries"),
)


def compare_rules(
    validation: ScoredPool, unseen: ScoredPool, models: Sequence[str], common: str | None = None
) -> pd.DataFrame:
    """The table ``rules`` (COLUMNS): every rule with every parameter on unseen users, for each of ``models``.

    ``common`` names the global reward that rules fall back on. Metrics: GAIN, in gold's unit, of the best of ``n`` over
    a candidate at random; DIFFERENCE, the same less that of plain argmax in the same sets, averaged over seeds; SHARE
    of the sets that the global reward decides. ``chosen`` marks each rule's parameter that gained most, on average over
    n > 1, on validation users; it alone is what the rule is judged by, and it alone has intervals over users and what
    they share (``low_items``, ``high_items``).
    """
    rows = [row for model in models for row in _Comparison.of(validation, unseen, model, common).rows()]
    table = pd.DataFrame(rows, columns=[*COLUMNS])
    return table.astype({"n": "Int64", "chosen": bool, "parameter": float})


class _Figure(NamedTuple):
    """What one column of users' figures is: the parameter's place in the grid, the metric, and N of a curve."""

    place: int
    metric: str
    n: int | None


@dataclass(frozen=True)
class _Comparison:
    """A model's rules, the sets that choose their parameters and those that judge them."""

    model: str
    validation: tuple[Scored, ...]
    unseen: tuple[Scored, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, validation: ScoredPool, unseen: ScoredPool, model: str, common: str | None) -> "_Comparison":
        known = validation.of(model, common)
        doubts = sorted_doubts(known)
        choosing, judging = (
            tuple(part.held_against(doubts) for part in scored) for scored in (known, unseen.of(model, common))
        )
        return cls(model, choosing, judging, sizes_of(min(validation.pool.least, unseen.pool.least)))

    def rows(self) -> Iterator[dict[str, object]]:
        """The model's rows of the table."""
        sets = Sets.of(self.unseen)
        plain = Judged.of(ARGMAX, ARGMAX.grid[0], self.unseen, self.sizes)
        for rule in rules_for([*self.validation, *self.unseen]):
            yield from self.of_rule(rule, sets, plain)

    def of_rule(self, rule: Rule, sets: Sets, plain: Judged) -> Iterator[dict[str, object]]:
        """A rule's rows: its curve over the parameters tried."""
        chosen, columns = self.choose(rule), dict[_Figure, np.ndarray]()
        wide: dict[_Figure, Interval] = {}
        for place, parameter in enumerate(rule.grid):
            found = Judged.of(rule, parameter, self.unseen, self.sizes)
            values, curves = found.beside(plain), self.curves(place)  # (S,2J)
            columns |= zip(curves, sets.user_means(values).T, strict=True)
            if rule.doubt is not None:
                columns[_Figure(place, SHARE, None)] = self.share(rule.doubt, parameter, sets)
            if place == chosen:
                wider = over_what_is_shared(sets, values, partial(found.beside_without, plain))
                wide = dict(zip(curves, wider, strict=False))  # none where nothing is shared
        intervals = of_columns([np.stack([*columns.values()], 1)])
        about = {"rule": rule.name, "model": self.model, "n_users": sets.users, "n_queries": sets.queries}
        for figure, interval in zip(columns, intervals, strict=True):
            tried = {"parameter": rule.grid[figure.place], "chosen": figure.place == chosen}
            yield _row({**about, **tried, "metric": figure.metric, "n": figure.n}, interval, wide.get(figure))

    def curves(self, place: int) -> "list[_Figure]":
        """What the columns of ``Judged.beside`` are, of the parameter at a place of the grid."""
        return [_Figure(place, metric, size) for metric in (GAIN, DIFFERENCE) for size in self.sizes]

    def choose(self, rule: Rule) -> int:
        """The place in the grid of the parameter with the greatest gain of validation users, on average over n > 1.

        Of equals the plainest.
        """
        if len(rule.grid) == 1:
            return 0
        plainest = rule.plainest_first()
        sizes = [size for size in self.sizes if size > 1]
        sets = Sets.of(self.validation)
        gains = [Judged.of(rule, rule.grid[place], self.validation, sizes).gain.mean(1) for place in plainest]
        return plainest[int(np.argmax([sets.weight @ gain for gain in gains]))]

    def share(self, doubt: str, parameter: float, sets: Sets) -> np.ndarray:
        """(U,) share of unseen users' sets that the global reward decides by a doubt."""
        each = [abstains(part, doubt, parameter).mean(0) for part in self.unseen]  # (R,s) -> (s,) for each block
        return sets.user_means(np.concatenate(each)[:, None])[:, 0]


def _row(start: Mapping[str, object], interval: Interval, wide: Interval | None) -> dict[str, object]:
    items = {"low_items": np.nan, "high_items": np.nan}
    if wide is not None:
        items = {"low_items": wide.low, "high_items": wide.high}
    return {**start, **interval.columns(), **items}
