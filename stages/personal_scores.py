"""Stage personal-scores: whatever needs a language model predicts pairs, beside the run's reward models."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.cohorts import Cohort
from prefactor.decoding.scorers import (
    Scorer,
    exact_scorer,
    language_scorers,
    pairs_in_history,
    trained_scorers,
    variant_scorers,
)
from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.attribute_chart import attribute_chart
from prefactor.evaluation.generation.exhaustive import exhaustive_rows
from prefactor.evaluation.generation.precision import precision_rows
from prefactor.evaluation.generation.recovery import recovered
from prefactor.evaluation.generation.scores import judge_scorers, scorer_differences, scorer_of, scorer_rows
from prefactor.evaluation.generation.selections import selections
from prefactor.evaluation.generation.tables import write_about, write_table
from prefactor.evaluation.generation.true_shares import TrueShares, true_shares
from prefactor.evaluation.items import read_kind
from prefactor.evaluation.results import in_schema
from prefactor.parameters import load_parameters, section
from stages.running import run
from stages.workshops import adapted, generation_parameters, identity_of, is_format_check, open_workshop

REFERENCES = ("bt", "vrf", "drift", "exact_global", "history")
BESIDE = ("bt", "vrf", "drift", "exact", "exact_anchored", "history")  # what per-user training is held against
GLOBAL = ("exact_global", "exact_global_anchored")
SHIFTED = ("exact", "exact_anchored", *GLOBAL)  # EXACT's claim: where tastes change with the topic, retrieval is better


def personal_scores(model: str) -> None:
    """Judge every scorer on the same unseen users and pairs, at several |C|; write results, chart and what was done."""
    first, *others = generation_parameters().datasets
    rows, chart, about = _main(open_workshop(model, first, keeps=True))
    rows += [found for dataset in others for found in _shifted(open_workshop(model, dataset, keeps=True))]
    with atomic_folder(layout.personal_scores(model)) as scratch:
        write_table(scratch, "results", in_schema(pd.concat(rows, ignore_index=True)))
        write_table(scratch, "attributes", chart)
        write_about(scratch, about)


def _main(workshop: Workshop) -> tuple[list[pd.DataFrame], pd.DataFrame, dict[str, object]]:
    """All rows of the dataset that texts are written for, Drift's chart, and what was done."""
    names = workshop.library.names
    truth = true_shares(layout.prepared(workshop.dataset), workshop.people.user_ids, names)
    rows = [*_shifted(workshop), *_all_scorers(workshop), *_variants(workshop)]
    rows += [*_selected(workshop, truth), *_adapted(workshop)]
    return rows, attribute_chart(workshop.tastes, names, truth), _about(workshop, truth)


def _shifted(workshop: Workshop) -> Iterator[pd.DataFrame]:
    """What EXACT claims of tastes that change with the topic, in a world where they do or do not."""
    options = section(load_parameters(), f"datasets.{workshop.dataset}.options")
    world = f"topic_shift={'on' if options.get('topic_shift', 0) else 'off'}"
    scorers = {f"{name};{world}": exact_scorer(workshop, name) for name in SHIFTED}
    yield from _scored(workshop, scorers, [f"{name};{world}" for name in GLOBAL])


def _all_scorers(workshop: Workshop) -> Iterator[pd.DataFrame]:
    """Reward models, and what needs the language model, by number of known pairs."""
    yield from _scored(workshop, _scorers(workshop), REFERENCES, shots=workshop.parameters.shots)


def _variants(workshop: Workshop) -> Iterator[pd.DataFrame]:
    yield from _scored(workshop, variant_scorers(workshop), ["drift", "exact;k=1"], leave=["drift"])


def _selected(workshop: Workshop, truth: TrueShares | None) -> Iterator[pd.DataFrame]:
    """Precision at k of what was selected, where the truth is known; and greedy selection against all subsets."""
    people, exact, identity = workshop.people, workshop.exact(), identity_of(workshop)
    if truth is not None:
        memory = exact.adapt(people.known).memory
        yield precision_rows(recovered(workshop.tastes.weights, memory, truth.shares, people.user_ids), identity)
    tried = selections(exact.objective, people.cohort, exact.parameters.k, workshop.parameters.exhaustive_pairs)
    yield exhaustive_rows(tried, identity)


def _adapted(workshop: Workshop) -> Iterator[pd.DataFrame]:
    """Whatever was trained for single users, beside all others on the same few."""
    cohort = adapted(workshop)
    beside = {name: scorer for name, scorer in _scorers(workshop).items() if name in BESIDE}
    users = f"users={len(cohort)}"
    few = {f"{name};{users}": scorer for name, scorer in (trained_scorers(workshop) | beside).items()}
    yield from _scored(workshop, few, [f"vrf;{users}", f"lora_reward;{users}"], cohort)


def _scorers(workshop: Workshop) -> dict[str, Scorer]:
    """Reward models first, then what needs the language model."""
    methods = section(load_parameters(), "run.methods")
    return {method: scorer_of(workshop.reward(method)[0]) for method in methods} | language_scorers(workshop)


def _scored(
    workshop: Workshop,
    scorers: Mapping[str, Scorer],
    references: Sequence[str],
    cohort: Cohort | None = None,
    shots: Sequence[int] | None = None,
    leave: Sequence[str] = (),
) -> Iterator[pd.DataFrame]:
    """Figures of scorers, but for those to ``leave`` out, and differences from some of them.

    Of all users, unless a cohort is named; known by as many pairs as the writers, unless ``shots`` are.
    """
    identity, kind = identity_of(workshop), read_kind(layout.prepared(workshop.dataset))
    everyone, usual = workshop.people.cohort, (workshop.parameters.pairs,)
    judged = judge_scorers(scorers, cohort or everyone, shots or usual, kind)
    yield scorer_rows({name: found for name, found in judged.items() if name not in leave}, identity)
    for name in references:
        if name in judged:
            yield scorer_differences(judged, name, identity)


def _about(workshop: Workshop, truth: TrueShares | None) -> dict[str, object]:
    parameters = workshop.parameters
    measured = {} if truth is None else {"attributes of the world": truth.measured}
    return {
        "language model": workshop.name,
        "dataset": workshop.dataset,
        "users": len(workshop.people.user_ids),
        "pairs": parameters.pairs,
        "pairs in a history": round(pairs_in_history(workshop, max(parameters.shots)), 1),
        "attributes": len(workshop.library.names),
        **measured,
        "format_check": is_format_check(load_parameters(), workshop.name, workshop.dataset),
        "left_out": {},
    }


if __name__ == "__main__":
    run(personal_scores)
