"""Stage ask: how well unseen users are known by answers to questions, chosen well and at random."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

import torch

from prefactor import layout
from prefactor.asking.answers import Answers, find_answers
from prefactor.asking.criteria import CRITERIA, INFORMATION, RANDOM
from prefactor.asking.evidence import by_evidence
from prefactor.asking.interview import Interview
from prefactor.asking.rows import Held, interview_rows
from prefactor.asking.trial import Trial, unasked
from prefactor.atomic import atomic_folder, write_json
from prefactor.cohorts import Cohort, load_cohorts
from prefactor.errors import InputError
from prefactor.evaluation.items import read_kind
from prefactor.evaluation.results import write_results
from prefactor.evaluation.variants import DEFAULT
from prefactor.layout import Cell
from prefactor.methods.base import RewardModel
from prefactor.methods.pref import PReF
from prefactor.methods.vrf import VRF
from prefactor.parameters import build, load_parameters, nearest, section
from prefactor.preferences import Responses
from prefactor.progress import Progress
from prefactor.reading import read_object
from prefactor.reporting.asking import write_page
from prefactor.seeds import generator, mixed_seed
from stages.evaluate import leakage_rule
from stages.running import run
from stages.trainings import cell_states, cell_views, run_parameters, seed_model

ROLE = "unseen"
METHODS = (VRF.name, PReF.name)
GIVEN = "given"  # the pairs that users came with: nobody asked
EVIDENCE, TRAINED = "evidence", "trained"  # what a user's shares of VRF's bases are made of
AGAINST = {
    "random": {"asked": RANDOM},
    "pref": {"asked": "pref"},
    "one_by_one": {"together": "1"},
    "trained": {"shares": TRAINED},
}


@dataclass(frozen=True)
class AskingParameters:
    """Section ``asking``.

    datasets   whose unseen users are asked, in a world of known truth or with ratings; none by default
    users      of them, at most
    pairs      of the pool that questions are chosen from, at most
    questions  numbers of questions after which users are judged
    criteria   that choose questions for VRF, whose users are known by their answers alone
    fewer      of them, those that VRF as it was trained and PReF are asked by too
    together   questions at once, beside one after another; 1 for not at all
    seed       of the pool, of answers by chance, and of questions at random
    """

    datasets: tuple[str, ...] = ()
    users: int = 1000
    pairs: int = 2000
    questions: tuple[int, ...] = (0, 1, 2, 3, 5, 9, 15, 20, 45)
    criteria: tuple[str, ...] = tuple(CRITERIA)
    fewer: tuple[str, ...] = (INFORMATION, "pref", RANDOM)
    together: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("users", "pairs", "together"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.questions or min(self.questions) < 0:
            raise ValueError(f"questions must be numbers from 0 on, got {list(self.questions)}")
        for criterion in (*self.criteria, *self.fewer):
            if criterion not in CRITERIA:
                raise ValueError(f"unknown criterion {criterion!r}{nearest(criterion, CRITERIA, 'criteria')}")


@dataclass(frozen=True)
class Asked:
    """One method's models by training seed, the users who are asked, and for each seed a pool and their answers."""

    cell: Cell
    models: Mapping[int, RewardModel]
    cohort: Cohort
    pools: Mapping[int, tuple[Responses, Answers]]

    @classmethod
    def of(cls, cell: Cell, seeds: Sequence[int], parameters: AskingParameters) -> Self:
        """InputError where nobody knows what responses are worth to the dataset's users."""
        prepared, split = layout.prepared(cell.dataset), layout.split(cell.dataset)
        models = {seed: seed_model(cell, seed) for seed in seeds}
        states = cell_states(cell, read_object(cell.model / "training.json")["backbone"])
        views = cell_views(cell, states, models.values())
        cohort = load_cohorts(split, views)[ROLE].first(parameters.users)
        pools = {}
        for seed in seeds:
            drawn = mixed_seed(parameters.seed, "pool", seed)
            answers = find_answers(prepared, split, ROLE, cohort.user_ids, parameters.pairs, drawn)
            if answers is None:
                raise InputError(
                    f"asking.datasets: nobody knows what users of {cell.dataset} would answer: take it out"
                )
            gathered = {name: torch.from_numpy(view.gather(answers.text_ids)) for name, view in views.items()}
            pools[seed] = Responses(gathered, torch.full((len(answers.text_ids),), -1)), answers
        return cls(cell, models, cohort, pools)

    def readings(self) -> dict[str, Mapping[int, RewardModel]]:
        """The models by what users' shares are made of: what they are asked by most comes first."""
        found = {TRAINED: self.models}
        if self.cell.method != VRF.name:
            return found
        told = {seed: by_evidence(model) for seed, model in self.models.items() if isinstance(model, VRF)}
        return {EVIDENCE: told, **found}


def ask(dataset: str, backbone: str) -> None:
    """Interview unseen users in every way; write results.parquet, about.json and the page."""
    parameters = build(AskingParameters, section(load_parameters(), "asking"), "asking")
    asked = run_parameters()
    held, about = list[Held](), dict[str, object]()
    for method in (name for name in METHODS if name in asked.methods):
        one = Asked.of(Cell(dataset, backbone, method, DEFAULT), asked.seeds, parameters)
        held += _interviews(one, parameters)
        about = about or _about(one, parameters)
    if not held:
        raise InputError(f"run.methods has none of {', '.join(METHODS)}, who could be asked: add one")
    rows = interview_rows(held, AGAINST)
    with atomic_folder(layout.asking(dataset, backbone)) as scratch:
        write_results(rows, scratch / "results.parquet")
        write_json(scratch / "about.json", about)
        write_page(scratch / "index.html", dataset, rows, about)


def _interviews(one: Asked, parameters: AskingParameters) -> Iterator[Held]:
    """Every way in which the users are asked, and the pairs that they came with."""
    identity = _identity(one.cell)
    readings, kind = one.readings(), read_kind(layout.prepared(one.cell.dataset))
    for shares, models in readings.items():
        main = shares == EVIDENCE
        ways = [Interview(criterion) for criterion in (parameters.criteria if main else parameters.fewer)]
        if main and parameters.together > 1:
            ways.append(Interview(INFORMATION, parameters.together))
        progress = Progress(f"ask {one.cell} by {shares}", len(ways) * len(models), "interviews")
        for way in ways:
            trial = Trial(one.cohort, kind)
            for seed, model in models.items():
                chance = generator(parameters.seed, "questions", seed)
                states = way.hold(model, *one.pools[seed], max(parameters.questions), chance)
                trial.judge(str(seed), model, states, parameters.questions)
                progress.advance()
            yield Held(identity, _setting(way.criterion, shares, way.together), trial.judged())
        progress.finish()
        trial = Trial(one.cohort, kind)
        for seed, model in models.items():
            trial.judge(str(seed), model, unasked(model, one.cohort, parameters.questions), parameters.questions)
        yield Held(identity, _setting(GIVEN, shares, 1), trial.judged())


def _setting(asked: str, shares: str, together: int) -> dict[str, str]:
    return {"asked": asked, "shares": shares, "together": str(together)}


def _identity(cell: Cell) -> dict[str, str]:
    training = read_object(cell.model / "training.json")
    return {
        "dataset": cell.dataset,
        "protocol": leakage_rule(layout.split(cell.dataset)),
        "backbone": cell.backbone,
        "method": cell.method,
        "variant": cell.variant,
        "run": training["run"],
    }


def _about(one: Asked, parameters: AskingParameters) -> dict[str, object]:
    """What the figures were made of: counts alone."""
    answers = [answers for _, answers in one.pools.values()]
    return {
        "users": len(one.cohort),
        "pools, one for each training seed": len(answers),
        "pairs of a pool": max(len(each.first) for each in answers),
        "answers by a coin, both responses being worth the same": round(fmean(each.ties for each in answers), 4),
        "evaluation pairs": len(one.cohort.to_predict("evaluation")),
        "training seeds": list(one.models),
        "seed of the pools": parameters.seed,
    }


if __name__ == "__main__":
    run(ask)
