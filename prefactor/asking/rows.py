"""What interviews found, as rows of the results' schema: figures of each way of asking, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from prefactor.evaluation.comparison import paired_differences
from prefactor.evaluation.items import Condition, Outcomes, differences
from prefactor.evaluation.results import Judged, in_schema, per_user_table, result_rows, setting_text


@dataclass(frozen=True)
class Held:
    """Interviews of one model in one way.

    identity  dataset, protocol, backbone, method, variant, run
    setting   ``asked``: by which criterion; ``together``: how many questions at once; ``shares``: what a user's shares
              of VRF's bases are made of
    """

    identity: Mapping[str, str]
    setting: Mapping[str, str]
    judged: Sequence[Judged] = field(repr=False)

    def like(self, **changes: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What another way of asking the same model would be."""
        return self.identity, {**self.setting, **changes}

    @property
    def key(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What it is told from others by."""
        return self.like()


def interview_rows(held: Sequence[Held], against: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """All figures by number of questions (column ``shots``), and paired differences of accuracy.

    ``against`` are changes of the setting by name: of each way of asking the difference is taken from the same with
    that change, where that was held too. ``random`` makes the metric ``accuracy_minus_random``.
    """
    rows = [result_rows(one.judged, {**one.identity, "setting": setting_text(one.setting)}) for one in held]
    for name, change in against.items():
        for one in held:
            other = next((each for each in held if each.key == one.like(**change)), None)
            if other is not None and other is not one:
                rows.append(_differences(one, other, name))
    return in_schema(pd.concat(rows, ignore_index=True))


def _differences(one: Held, other: Held, name: str) -> pd.DataFrame:
    own, theirs = (per_user_table(each.judged) for each in (one, other))
    pairs = differences(_outcomes(one.judged), _outcomes(other.judged))
    found = paired_differences(own, theirs, one.identity, name, one.identity["variant"], pairs)
    return found.assign(setting=setting_text(one.setting))


def _outcomes(judged: Sequence[Judged]) -> dict[Condition, Outcomes]:
    return {(group.split, group.shots): group.outcomes["accuracy"] for group in judged if group.outcomes}
