"""Whatever predicts pairs, judged as reward models are: the same users, pairs, metrics and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import torch

from prefactor.cohorts import Cohort
from prefactor.decoding.scorers import Scorer
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import margins, per_pair, per_user
from prefactor.evaluation.calibration import Forecast
from prefactor.evaluation.comparison import paired_differences
from prefactor.evaluation.generation.settings import joined_setting, parsed_setting
from prefactor.evaluation.items import Condition, Kind, Outcomes, differences
from prefactor.evaluation.results import Judged, in_schema, per_user_table, result_rows, setting_text
from prefactor.methods.base import Margin, RewardModel
from prefactor.preferences import PairBatch

SHOTS = (5, 10, 20, 40)
SEED = "0"


def judge_scorers(
    scorers: Mapping[str, Scorer],
    cohort: Cohort,
    shots: Sequence[int | None] = SHOTS,
    kind: Kind = "prompts",
    seed: str = SEED,
) -> dict[str, list[Judged]]:
    """Every scorer on the cohort's evaluation pairs, its users known by their first n reference pairs, n of ``shots``.

    None stands for all reference pairs; a user with fewer than n counts with those there are. ``kind``: what users
    share. A name may end in a setting, as in ``drift;m=3``. Where two n leave the same known pairs, a scorer is asked
    once. InputError for margins that are not one finite number a pair.
    """
    pairs, found = cohort.to_predict("evaluation"), {name: list[Judged]() for name in scorers}
    for name, scorer in scorers.items():
        asked: dict[int, Judged] = {}  # by number of known pairs: sets are nested, so equal numbers are equal sets
        for limit in shots:
            known = cohort.known(limit)
            if len(known) not in asked:
                margin = _checked(scorer(known, pairs), len(pairs), name)
                asked[len(known)] = _judged(margin, cohort, known, pairs, limit, kind, seed)
            found[name].append(replace(asked[len(known)], shots=limit))
    return found


def scorer_rows(judged: Mapping[str, Sequence[Judged]], identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows of all scorers; ``identity`` has what they share: dataset, protocol, backbone, variant, run."""
    rows = [result_rows(groups, _named(name, identity)) for name, groups in judged.items()]
    return in_schema(pd.concat(rows, ignore_index=True))


def scorer_differences(
    judged: Mapping[str, Sequence[Judged]], reference: str, identity: Mapping[str, str]
) -> pd.DataFrame:
    """Rows ``accuracy_minus_<reference>`` of every other scorer, user by user on the same pairs.

    The reference's own setting, if its name has one, is in the rows' setting as ``against=<setting>``, else the
    variant.
    """
    method, _, setting = reference.partition(";")
    against = setting.replace(";", ",") or str(identity.get("variant", ""))
    rows = [
        _differences(groups, judged[reference], _named(name, identity), method, against)
        for name, groups in judged.items()
        if name != reference
    ]
    return in_schema(pd.concat(rows, ignore_index=True)) if rows else in_schema(pd.DataFrame())


def scorer_of(model: RewardModel) -> Scorer:
    """A trained reward model as a scorer, to stand beside the others on the very same users and pairs."""
    return lambda known, pairs: margins(model, known, pairs)


def _judged(
    margin: Margin, cohort: Cohort, known: PairBatch, pairs: PairBatch, limit: int | None, kind: Kind, seed: str
) -> Judged:
    return Judged(
        cohort.role,
        limit,
        cohort.user_ids,
        figures={seed: per_user(margin, pairs)},
        forecasts={seed: Forecast.of(margin, pairs)},
        outcomes=Outcomes.by_metric(cohort, [per_pair(margin)], kind),
        known=known.pairs_per_user().numpy(),
    )


def _checked(margin: Margin, count: int, name: str) -> Margin:
    """The margin without gradients, on the CPU, one lapse a pair."""
    parts = [part.detach().cpu() for part in (margin.mean, margin.variance, margin.lapse)]
    if parts[0].shape != (count,) or parts[1].shape != (count,):
        raise InputError(f"scorer {name} gave margins of shape {tuple(parts[0].shape)} for {count} pairs: one a pair")
    wrong = int((~torch.isfinite(parts[0]) | ~torch.isfinite(parts[1])).sum())
    if wrong:
        raise InputError(
            f"scorer {name} gave {wrong} of {count} margins that are no numbers: give 0 where it is silent"
        )
    return Margin(parts[0], parts[1], parts[2])


def _named(name: str, identity: Mapping[str, str]) -> dict[str, str]:
    """``drift;m=3`` is the method drift in the setting m=3."""
    method, _, setting = name.partition(";")
    return {**identity, "method": method, "setting": joined_setting(identity.get("setting", ""), setting)}


def _differences(
    mine: Sequence[Judged], other: Sequence[Judged], identity: Mapping[str, str], name: str, against: str
) -> pd.DataFrame:
    pairs = differences(_pairs(mine), _pairs(other))
    rows = paired_differences(per_user_table(mine), per_user_table(other), identity, name, against, pairs)
    return rows.assign(setting=setting_text({**parsed_setting(identity["setting"]), "against": against}))


def _pairs(judged: Sequence[Judged]) -> dict[Condition, Outcomes]:
    return {(group.split, group.shots): group.outcomes["accuracy"] for group in judged if group.outcomes}
