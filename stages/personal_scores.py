"""Stage personal-scores: whatever needs a language model predicts pairs, beside the run's reward models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.cohorts import Cohort
from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.drift.recovery import chance_at, precision_at
from prefactor.decoding.exact.exhaustive import approximation
from prefactor.decoding.exact.recovery import by_chance, precision
from prefactor.decoding.history import HistoryScorer
from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.exhaustive import exhaustive_rows
from prefactor.evaluation.generation.precision import precision_rows
from prefactor.evaluation.generation.scores import Scorer, judge_scorers, scorer_differences, scorer_of, scorer_rows
from prefactor.evaluation.generation.tables import write_about, write_table
from prefactor.evaluation.items import read_kind
from prefactor.evaluation.results import in_schema
from prefactor.judging.truth import TrueTastes, read_tastes
from prefactor.parameters import load_parameters, section
from prefactor.reading import read_object
from stages.running import run
from stages.workshops import adapted, generation_parameters, identity_of, is_format_check, open_workshop

REFERENCES = ("bt", "vrf", "drift", "exact_global", "history")
BESIDE = ("bt", "vrf", "drift", "exact", "exact_anchored", "history")  # what per-user training is held against
SHIFTED = (
    "exact",
    "exact_global",
    "exact_anchored",
    "exact_global_anchored",
)  # EXACT's claim: where tastes change with the topic, retrieval beats one subset
SHARE = 0.1  # of all a user wants: an attribute with as much is truly theirs
RECOVERED = (1, 2, 3)  # k of precision at k
CHARTED = 6  # people of the attribute chart


def personal_scores(model: str) -> None:
    """Judge every scorer on the same unseen users and pairs, at several |C|; write results, chart and what was done."""
    parameters = generation_parameters()
    rows, charts = [], []
    for number, dataset in enumerate(parameters.datasets):
        workshop = open_workshop(model, dataset)
        rows += _judged(workshop, first=number == 0)
        if number == 0:
            charts.append(_chart(workshop))
            about = _about(workshop)
    with atomic_folder(layout.personal_scores(model)) as scratch:
        write_table(scratch, "results", in_schema(pd.concat(rows, ignore_index=True)))
        write_table(scratch, "attributes", pd.concat(charts, ignore_index=True))
        write_about(scratch, about)


def _judged(workshop: Workshop, first: bool) -> list[pd.DataFrame]:
    """All rows of one dataset; of further ones only what EXACT claims of tastes that change with the topic."""
    identity, shift = identity_of(workshop), _shift(workshop)
    shifted = {f"{name};topic_shift={shift}": exact_scorer(workshop, name) for name in SHIFTED}
    others = [f"{name};topic_shift={shift}" for name in ("exact_global", "exact_global_anchored")]
    rows = _scored(workshop, shifted, (workshop.parameters.pairs,), others)
    if not first:
        return rows
    main, variants = dict(_scorers(workshop)), dict(_variants(workshop))
    rows += _scored(workshop, main, workshop.parameters.shots, REFERENCES)
    rows += _scored(workshop, variants, (workshop.parameters.pairs,), ["drift", "exact;k=1"], leave=["drift"])
    return [*rows, *_recovered(workshop, identity), _checked(workshop, identity), *_adapted(workshop, identity)]


def _scored(
    workshop: Workshop,
    scorers: Mapping[str, Scorer],
    shots: Sequence[int],
    references: Sequence[str],
    leave: Sequence[str] = (),
) -> list[pd.DataFrame]:
    """Figures of scorers, but for those to ``leave`` out, and differences from some of them."""
    identity, kind = identity_of(workshop), read_kind(layout.prepared(workshop.dataset))
    judged = judge_scorers(scorers, workshop.people.cohort, shots, kind)
    paired = [scorer_differences(judged, name, identity) for name in references if name in judged]
    shown = {name: found for name, found in judged.items() if name not in leave}
    return [scorer_rows(shown, identity), *paired]


def _adapted(workshop: Workshop, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """Whatever was trained for single users, beside all others on the same few."""
    cohort, known = adapted(workshop), (workshop.parameters.pairs,)
    scorers: dict[str, Scorer] = {"lora_reward": workshop.lora_reward(), "dpo": workshop.dpo()}
    scorers |= {name: scorer for name, scorer in _scorers(workshop) if name in BESIDE}
    kind = read_kind(layout.prepared(workshop.dataset))
    named = {f"{name};users={len(cohort)}": scorer for name, scorer in scorers.items()}
    judged = judge_scorers(named, cohort, known, kind)
    yield scorer_rows(judged, identity)
    for name in ("vrf", "lora_reward"):
        if name in scorers:
            yield scorer_differences(judged, f"{name};users={len(cohort)}", identity)


def _shift(workshop: Workshop) -> str:
    options = section(load_parameters(), f"datasets.{workshop.dataset}.options")
    return "on" if options.get("topic_shift", 0) else "off"


def _scorers(workshop: Workshop) -> Iterator[tuple[str, Scorer]]:
    """Reward models first, then what needs the language model."""
    for method in section(load_parameters(), "run.methods"):
        reward, _ = workshop.reward(method)
        yield method, scorer_of(reward)
    yield "drift", workshop.drift()
    for name in ("exact", "exact_anchored", "exact_global"):
        yield name, exact_scorer(workshop, name)
    yield "history", history_scorer(workshop)


def _variants(workshop: Workshop) -> Iterator[tuple[str, Scorer]]:
    """Drift and EXACT in other forms."""
    parameters = workshop.parameters
    yield "drift", workshop.drift()  # for the others to be held against
    for kept in parameters.attributes_kept:
        yield f"drift;m={kept}", workshop.drift(replace(parameters.drift, attributes_kept=kept))
    yield "drift_logistic", workshop.drift(replace(parameters.drift, form="logistic"))
    yield "drift_per_token", workshop.drift(replace(parameters.drift, per="token"))
    for size in parameters.subset_sizes:
        yield f"exact;k={size}", workshop.exact(replace(parameters.exact, k=size))
    for name in ("exact_global_anchored", "exact_positive"):
        yield name, exact_scorer(workshop, name)


def exact_scorer(workshop: Workshop, name: str) -> Scorer:
    """One of EXACT's forms."""
    exact = workshop.parameters.exact
    forms = {
        "exact": exact,
        "exact_global": replace(exact, retrieval="global"),
        "exact_anchored": replace(exact, anchored=True),
        "exact_global_anchored": replace(exact, retrieval="global", anchored=True),
        "exact_positive": replace(exact, positive=True),
    }
    return workshop.exact(forms[name])


def history_scorer(workshop: Workshop) -> HistoryScorer:
    """EXACT's Base."""
    speaker, longest = workshop.speaker, _longest_response(workshop)

    def likelihood(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        return speaker.log_probabilities(prompts, responses, [PLAIN] * len(prompts))

    limit = workshop.histories.limit + workshop.parameters.sampling.max_new_tokens - longest
    most = workshop.parameters.history_pairs
    return HistoryScorer(likelihood, workshop.people.texts, workshop.count_tokens, limit, most)


def _longest_response(workshop: Workshop) -> int:
    return max(workshop.count_tokens(workshop.people.texts.responses)) + 1


def _recovered(workshop: Workshop, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """Precision at k of what was selected, where the truth is known."""
    truth = true_shares(workshop)
    if truth is None:
        return
    known = torch.from_numpy(truth)
    memory = workshop.exact().adapt(workshop.people.known).memory
    found = []
    for k in RECOVERED:
        drift = precision_at(workshop.tastes.weights, known, k).numpy(), chance_at(known, k).numpy()
        exact = precision(memory.subsets, memory.segment, truth, k), by_chance(truth, k)
        for method, (own, blind) in (("drift", drift), ("exact", exact)):
            ids = workshop.people.user_ids
            found.append(pd.DataFrame({"user_id": ids, "method": method, "k": k, "precision": own, "chance": blind}))
    yield precision_rows(pd.concat(found, ignore_index=True), identity)


def true_shares(workshop: Workshop) -> np.ndarray | None:
    """(U, A) how much of all that a user wants each attribute is, over contexts; None where nobody knows."""
    tastes = _true_tastes(workshop)
    if tastes is None:
        return None
    truth, scorers = tastes
    columns = [scorers.index(name) if name in scorers else -1 for name in workshop.library.names]
    wanted = np.stack([truth.utilities[user].mean(0) for user in workshop.people.user_ids]).clip(min=0)  # (U,S)
    share = wanted / wanted.sum(1, keepdims=True).clip(min=np.finfo(float).tiny)
    return np.pad(share, ((0, 0), (0, 1)))[:, columns]  # an attribute that no scorer measures: 0


def _true_tastes(workshop: Workshop) -> tuple[TrueTastes, list[str]] | None:
    prepared = layout.prepared(workshop.dataset)
    source = read_object(prepared / "source.json")
    if not source.get("truth"):
        return None
    return read_tastes(prepared, source), list(source["scorers"])


def _checked(workshop: Workshop, identity: Mapping[str, str]) -> pd.DataFrame:
    """Greedy selection against all subsets, on each user's first known pairs."""
    people, k = workshop.people, workshop.parameters.exact.k
    each = max(1, workshop.parameters.exhaustive_pairs // len(people.user_ids))
    pairs = _first_pairs(people.cohort, each)[: workshop.parameters.exhaustive_pairs]
    found = approximation(workshop.exact().objective, pairs[:, 1:], k)
    ids = [people.user_ids[user] for user in pairs[:, 0]]
    table = pd.DataFrame({"user_id": ids, "method": "exact", "setting": f"k={k}"})
    return exhaustive_rows(table.assign(greedy=found.greedy, best=found.best), identity)


def _first_pairs(cohort: Cohort, each: int) -> np.ndarray:
    """(N, 3) user and text rows of y+ and y- of each user's first known pairs."""
    known = cohort.known(each)
    text = known.responses.text.numpy()
    columns = (known.segment.numpy(), text[known.chosen.numpy()], text[known.rejected.numpy()])
    return np.stack(columns, 1)


def _chart(workshop: Workshop) -> pd.DataFrame:
    """Drift's W - L per attribute of the first users."""
    tastes, truth = workshop.tastes, true_shares(workshop)
    rows = [
        {
            "user": user + 1,
            "attribute": name,
            "difference": float(tastes.preference[user, number]),
            "weight": float(tastes.weights[user, number]),
            "true": None if truth is None else bool(truth[user, number] >= SHARE),
        }
        for user in range(min(CHARTED, len(workshop.people.user_ids)))
        for number, name in enumerate(workshop.library.names)
    ]
    return pd.DataFrame(rows)


def _about(workshop: Workshop) -> dict[str, object]:
    parameters, values = workshop.parameters, load_parameters()
    return {
        "language model": workshop.name,
        "dataset": workshop.dataset,
        "users": len(workshop.people.user_ids),
        "pairs": parameters.pairs,
        "attributes": len(workshop.library.names),
        "format_check": is_format_check(values, workshop.name, workshop.dataset),
        "left_out": {},
    }


if __name__ == "__main__":
    run(personal_scores)
