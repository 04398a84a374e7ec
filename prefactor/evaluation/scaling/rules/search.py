"""Each rule's parameter is chosen on the validation users' pools; what the rule gains is measured on unseen users'."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

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
        chosen, curve = self.choose(rule), []
        wide: list[Interval] = []
        for parameter in rule.grid:
            found = Judged.of(rule, parameter, self.unseen, self.sizes)
            values = found.beside(plain)  # (S,2J)
            curve += [sets.user_means(values), *self.shares(rule, parameter, sets)]
            if parameter is chosen:  # not "==": that of a rule without one is NaN
                wide = over_what_is_shared(sets, values, partial(found.beside_without, plain))
        intervals = iter(of_columns([np.concatenate(curve, 1)]))
        about = {"rule": rule.name, "model": self.model, "n_users": sets.users, "n_queries": sets.queries}
        for parameter in rule.grid:
            start = {**about, "parameter": parameter, "chosen": parameter is chosen}
            wider = iter(wide if parameter is chosen else [])
            for metric in (GAIN, DIFFERENCE):
                for size in self.sizes:
                    yield _row({**start, "metric": metric, "n": size}, next(intervals), next(wider, None))
            if rule.doubt is not None:
                yield _row({**start, "metric": SHARE, "n": pd.NA}, next(intervals), None)

    def choose(self, rule: Rule) -> float:
        """The parameter with the greatest gain of validation users, on average over n > 1; of equals the plainest."""
        plainest = rule.plainest_first()
        if len(plainest) == 1:
            return plainest[0]
        sizes = [size for size in self.sizes if size > 1]
        sets = Sets.of(self.validation)
        gains = [Judged.of(rule, parameter, self.validation, sizes).gain.mean(1) for parameter in plainest]
        return plainest[int(np.argmax([sets.weight @ gain for gain in gains]))]

    def shares(self, rule: Rule, parameter: float, sets: Sets) -> list[np.ndarray]:
        """(U, 1) share of unseen users' sets that the global reward decides; none for a rule that does not abstain."""
        if rule.doubt is None:
            return []
        each = [abstains(part, rule.doubt, parameter).mean(0) for part in self.unseen]  # (R,s) -> (s,) for each block
        return [sets.user_means(np.concatenate(each)[:, None])]


def _row(start: Mapping[str, object], interval: Interval, wide: Interval | None) -> dict[str, object]:
    items = {"low_items": np.nan, "high_items": np.nan}
    if wide is not None:
        items = {"low_items": wide.low, "high_items": wide.high}
    return {**start, **interval.columns(), **items}
