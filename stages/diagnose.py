"""Stage diagnose: what choosing among more candidates gains by every model of the run, and what keeps it from more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.cohorts import Cohort, StateView, load_cohorts, text_ids
from prefactor.errors import InputError
from prefactor.evaluation.results import in_schema, write_results
from prefactor.evaluation.scaling.diagnosis import Diagnosis
from prefactor.evaluation.scaling.diagnosis import diagnose as diagnosed
from prefactor.evaluation.scaling.pool import SEED, STD, TRAIT, read_pool
from prefactor.evaluation.scaling.pools import Limits, find_pool, read_asked
from prefactor.evaluation.scaling.rating import Candidates, rate, user_doubts
from prefactor.evaluation.scaling.rows import scaling_rows
from prefactor.evaluation.scaling.rules.scored import ScoredPool
from prefactor.evaluation.scaling.rules.search import COLUMNS, compare_rules
from prefactor.evaluation.variants import DEFAULT
from prefactor.layout import Cell
from prefactor.methods.base import Margin
from prefactor.parameters import build, load_parameters, section
from prefactor.preferences import Responses
from prefactor.reading import read_object
from prefactor.reporting.diagnosis import write_page
from stages.evaluate import leakage_rule
from stages.running import run
from stages.trainings import cell_states, cell_views, run_parameters, seed_model

NO_GOLD = "nobody knows what any candidate is worth to these users, so nothing can be held against it"
NO_CHOICE = "no user has two candidates of one query that a model could choose among"
Condition = tuple[str, int | None]  # role, known pairs of each user


@dataclass(frozen=True)
class RuleParameters:
    """Whose scores rules of choosing are tried on, and the model that they fall back on; those of them that are run."""

    models: tuple[str, ...] = ()
    common: str | None = None


@dataclass(frozen=True)
class DiagnosisParameters:
    """Section ``diagnosis``.

    users       unseen users, and validation users that a rule of choosing is chosen by
    queries     of each user
    candidates  of each query, at most
    shots       sizes |C| at which unseen users' figures are asked for, beside all that is known of them
    against     pairs of models whose figures are compared, where both are in the run
    rules       of choosing that are tried beside the plain one
    cost        of one candidate, in units of utility's standard deviation; null where nobody named a price
    """

    users: int = 300
    queries: int = 40
    candidates: int = 32
    shots: tuple[int, ...] = (3,)
    against: Mapping[str, str] = field(default_factory=dict)
    rules: RuleParameters = field(default_factory=RuleParameters)
    cost: float | None = None

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ValueError(f"users must be at least 1, got {self.users}")
        self.limits.__post_init__()

    @property
    def limits(self) -> Limits:
        """How much is taken of a pool."""
        return Limits(self.queries, self.candidates)


def diagnose(dataset: str, backbone: str) -> None:
    """Write candidates with all scores, what is found of them, and the page; of a dataset without gold only why not."""
    parameters = build(DiagnosisParameters, section(load_parameters(), "diagnosis"), "diagnosis")
    asked = run_parameters()
    with atomic_folder(layout.diagnosis(dataset, backbone)) as scratch:
        tables = _tables(dataset, parameters)
        missing = NO_GOLD if not tables else NO_CHOICE if not len(tables["unseen", None].pool) else None
        if missing is not None:
            write_json(scratch / "about.json", {"left_out": {"everything": missing}})
            return
        cells = [Cell(dataset, backbone, *names) for names in product(asked.methods, asked.variants)]
        refused = {_name(cell): _fill(tables, cell, asked.seeds) for cell in cells}
        left_out = {name: why for name, why in refused.items() if why is not None}
        _write(scratch, {_name(cell): cell for cell in cells}, tables, parameters, left_out)


@dataclass
class _Table:
    """Candidates of one role's users, and the scores that are filled in, by column.

    ``rows`` are the candidates' numbers among the split's texts; -1 for one that is in no pair.
    """

    users: Cohort
    pool: pd.DataFrame
    candidates: Candidates
    rows: torch.Tensor
    shots: int | None
    scores: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def whole(self) -> pd.DataFrame:
        """Everything, with how many pairs are known of each user."""
        known = self.users.known(self.shots).pairs_per_user().numpy()[self.candidates.user]
        return self.pool.assign(**{f"{TRAIT}known_pairs": known.astype(np.float32)}, **self.scores)

    def fill(self, name: str, margins: Mapping[int, Margin], doubts: Mapping[str, np.ndarray]) -> None:
        """Add a model's scores by training seed, their standard deviations if it has any, and its doubt of users."""
        for doubt, values in doubts.items():
            self.scores[f"{TRAIT}{name}:{doubt}"] = values[self.candidates.user]
        certain = not any(margin.variance.any() for margin in margins.values())
        for seed, margin in margins.items():
            column = f"{name}{SEED}{seed}"
            self.scores[column] = margin.mean.numpy()
            if not certain:
                self.scores[f"{STD}{column}"] = margin.variance.sqrt().numpy()


def _tables(dataset: str, parameters: DiagnosisParameters) -> dict[Condition, _Table]:
    """By role and known pairs, without scores; none where nobody knows what candidates are worth."""
    prepared, split = layout.prepared(dataset), layout.split(dataset)
    cohorts, found = load_cohorts(split, {}), dict[Condition, _Table]()
    numbers = pd.Index(text_ids(split))
    for role in ("unseen", "validation"):
        users = cohorts[role].first(parameters.users)
        pool = find_pool(prepared, read_asked(prepared, split, role, users.user_ids), parameters.limits)
        if pool is None:
            return {}
        candidates = Candidates.of(pool, users.user_ids)
        rows = torch.from_numpy(numbers.get_indexer(list(candidates.text_ids)))
        for shots in (None, *(parameters.shots if role == "unseen" else ())):
            found[role, shots] = _Table(users, pool, candidates, rows, shots)
    return found


def _fill(tables: Mapping[Condition, _Table], cell: Cell, seeds: Sequence[int]) -> str | None:
    """Add the scores of a cell's models; why not, where they cannot score every candidate."""
    states = cell_states(cell, read_object(cell.model / "training.json")["backbone"])
    models = {seed: seed_model(cell, seed) for seed in seeds}
    views = cell_views(cell, states, models.values())
    try:
        texts = {role: _texts(cell, views, table) for (role, shots), table in tables.items() if shots is None}
    except InputError as error:
        return str(error)
    cohorts = load_cohorts(layout.split(cell.dataset), views)
    for (role, shots), table in tables.items():
        known = cohorts[role].first(len(table.users)).known(shots)
        margins = {n: rate(model, known, texts[role], table.candidates) for n, model in models.items()}
        table.fill(_name(cell), margins, user_doubts([*models.values()], known))
    return None


def _texts(cell: Cell, views: Mapping[str, StateView], table: _Table) -> Responses:
    """A table's candidates as a cell's models read them. InputError for one that they cannot read."""
    unknown = int((table.rows < 0).sum())
    if not views and unknown:
        raise InputError(
            f"it knows texts from pairs alone, and {unknown} of {len(table.rows)} candidates are in no pair"
        )
    names = table.candidates.text_ids
    return Responses({name: torch.from_numpy(view.gather(names)) for name, view in views.items()}, table.rows)


def _name(cell: Cell) -> str:
    """How a cell's models are called in the table."""
    return cell.method if cell.variant == DEFAULT else f"{cell.method}/{cell.variant}"


def _write(
    folder: Path,
    cells: Mapping[str, Cell],
    tables: Mapping[Condition, _Table],
    parameters: DiagnosisParameters,
    left_out: Mapping[str, str],
) -> None:
    """All that is found of the tables."""
    against = {
        one: other for one, other in parameters.against.items() if {one, other} <= cells.keys() - left_out.keys()
    }
    found = {shots: _diagnosed(table, against) for (role, shots), table in tables.items() if role == "unseen"}
    fewer = {shots: part for shots, part in found.items() if shots is not None}
    rules = _rules(tables, parameters.rules, [name for name in cells if name not in left_out])
    title = next(iter(cells.values())).dataset
    whole = replace(found[None], about={**found[None].about, **_made_up(title), "left_out": dict(left_out)})
    whole.write(folder)
    for (role, shots), table in tables.items():
        if shots is None:
            name = "pools" if role == "unseen" else f"pools_{role}"
            table.whole.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    rules.to_parquet(folder / "rules.parquet", compression="zstd", index=False)
    _few(found).to_parquet(folder / "shots.parquet", compression="zstd", index=False)
    write_results(_rows(found, cells), folder / "results.parquet")
    write_page(folder / "index.html", title, whole, rules if len(rules) else None, fewer, parameters.cost)


def _made_up(dataset: str) -> dict[str, str]:
    """What the page has to say of a dataset that was made from sample files."""
    source = read_object(layout.prepared(dataset) / "source.json")
    return (
        {"made from": "sample files: these figures say nothing about the published data"}
        if source.get("sample")
        else {}
    )


def _diagnosed(table: _Table, against: Mapping[str, str]) -> Diagnosis:
    return diagnosed(read_pool(table.whole), against=against)


def _rules(tables: Mapping[Condition, _Table], parameters: RuleParameters, names: Sequence[str]) -> pd.DataFrame:
    """What rules gain on unseen users, each with the parameter that validation users chose; empty without models."""
    models = [name for name in parameters.models if name in names]
    if not models or not len(tables["validation", None].pool):
        return pd.DataFrame(columns=[*COLUMNS])
    choosing, judging = (ScoredPool.read(tables[role, None].whole) for role in ("validation", "unseen"))
    return compare_rules(choosing, judging, models, parameters.common if parameters.common in names else None)


def _few(found: Mapping[int | None, Diagnosis]) -> pd.DataFrame:
    """The figures of users of whom fewer pairs are known; column ``shots`` says how many."""
    return pd.concat(
        [part.figures.assign(shots=pd.array([shots] * len(part.figures), "Int64")) for shots, part in found.items()]
    )


def _rows(found: Mapping[int | None, Diagnosis], cells: Mapping[str, Cell]) -> pd.DataFrame:
    """All figures in the results' schema."""
    any_cell = next(iter(cells.values()))
    protocol = leakage_rule(layout.split(any_cell.dataset))
    identity = {"dataset": any_cell.dataset, "backbone": any_cell.backbone, "protocol": protocol}
    trained = {
        name: {"method": cell.method, "variant": cell.variant, "run": read_object(cell.model / "training.json")["run"]}
        for name, cell in cells.items()
    }
    rows = [scaling_rows(part.figures, identity, trained, shots) for shots, part in found.items()]
    return in_schema(pd.concat(rows, ignore_index=True))


if __name__ == "__main__":
    run(diagnose)
