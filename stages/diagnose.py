"""Stage diagnose: what choosing among more candidates gains by every model of the run, and what keeps it from more."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.cohorts import load_cohorts, text_ids
from prefactor.errors import InputError
from prefactor.evaluation.results import write_results
from prefactor.evaluation.scaling.diagnosis import Diagnosis
from prefactor.evaluation.scaling.diagnosis import diagnose as diagnosed
from prefactor.evaluation.scaling.pool import read_pool
from prefactor.evaluation.scaling.pools import Limits, find_pool, read_asked
from prefactor.evaluation.scaling.rows import scaling_rows, with_shots
from prefactor.evaluation.scaling.scored_table import ScoredTable, compared_by_rules
from prefactor.evaluation.variants import DEFAULT
from prefactor.layout import Cell
from prefactor.parameters import build, load_parameters, section
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

    def among(self, names: Collection[str]) -> tuple[list[str], str | None]:
        """Those that are among ``names``."""
        return [name for name in self.models if name in names], self.common if self.common in names else None


@dataclass(frozen=True)
class DiagnosisParameters:
    """Section ``diagnosis``.

    users       unseen users, and validation users that a rule of choosing is chosen by
    queries     of each user
    candidates  of each query, at most
    kinds       of queries that count, where a source's candidates have a column ``kind``; all by default
    shots       sizes |C| at which unseen users' figures are asked for, beside all that is known of them
    against     pairs of models whose figures are compared, where both are in the run
    rules       of choosing that are tried beside the plain one
    cost        of one candidate, in units of utility's standard deviation; null where nobody named a price
    """

    users: int = 300
    queries: int = 40
    candidates: int = 32
    kinds: tuple[str, ...] = ()
    shots: tuple[int, ...] = (3,)
    against: Mapping[str, str] = field(default_factory=dict)
    rules: RuleParameters = field(default_factory=RuleParameters)
    cost: float | None = None

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ValueError(f"users must be at least 1, got {self.users}")
        _ = self.limits  # raises for what leaves no choice

    @property
    def limits(self) -> Limits:
        """How much is taken of a pool. Raises ValueError for too little."""
        return Limits(self.queries, self.candidates, self.kinds)


def diagnose(dataset: str, backbone: str) -> None:
    """Write candidates with all scores, what is found of them, and the page; of a dataset without gold only why not."""
    parameters = build(DiagnosisParameters, section(load_parameters(), "diagnosis"), "diagnosis")
    asked = run_parameters()
    with atomic_folder(layout.diagnosis(dataset, backbone)) as scratch:
        tables = _tables(dataset, parameters)
        missing = NO_GOLD if not tables else NO_CHOICE if not len(tables["unseen", None]) else None
        if missing is not None:
            write_json(scratch / "about.json", {"left_out": {"everything": missing}})
            return
        cells = [Cell(dataset, backbone, *names) for names in product(asked.methods, asked.variants)]
        refused = {_name(cell): _fill(tables, cell, asked.seeds) for cell in cells}
        left_out = {name: why for name, why in refused.items() if why is not None}
        _write(scratch, {_name(cell): cell for cell in cells}, tables, parameters, left_out)


def _tables(dataset: str, parameters: DiagnosisParameters) -> dict[Condition, ScoredTable]:
    """By role and known pairs, without scores; none where nobody knows what candidates are worth."""
    prepared, split = layout.prepared(dataset), layout.split(dataset)
    cohorts, found = load_cohorts(split, {}), dict[Condition, ScoredTable]()
    numbers = text_ids(split)
    for role in ("unseen", "validation"):
        users = cohorts[role].first(parameters.users)
        pool = find_pool(prepared, read_asked(split, role, users.user_ids), parameters.limits)
        if pool is None:
            return {}
        table = found[role, None] = ScoredTable.of(users, pool, numbers)
        if role == "unseen":
            found |= {(role, shots): table.told(shots) for shots in parameters.shots}
    return found


def _fill(tables: Mapping[Condition, ScoredTable], cell: Cell, seeds: Sequence[int]) -> str | None:
    """Add the scores of a cell's models; why not, where they cannot score every candidate."""
    states = cell_states(cell, read_object(cell.model / "training.json")["backbone"])
    models = {seed: seed_model(cell, seed) for seed in seeds}
    views = cell_views(cell, states, models.values())
    try:
        texts = {role: table.texts(views) for (role, shots), table in tables.items() if shots is None}
    except InputError as error:
        return str(error)
    cohorts = load_cohorts(layout.split(cell.dataset), views)
    for (role, _), table in tables.items():
        table.score(_name(cell), models, cohorts[role].first(len(table.users)), texts[role])
    return None


def _name(cell: Cell) -> str:
    """How a cell's models are called in the table."""
    return cell.method if cell.variant == DEFAULT else f"{cell.method}/{cell.variant}"


def _write(
    folder: Path,
    cells: Mapping[str, Cell],
    tables: Mapping[Condition, ScoredTable],
    parameters: DiagnosisParameters,
    left_out: Mapping[str, str],
) -> None:
    """All that is found of the tables."""
    scored = cells.keys() - left_out.keys()
    against = {one: other for one, other in parameters.against.items() if {one, other} <= scored}
    found = {shots: _diagnosed(table, against) for (role, shots), table in tables.items() if role == "unseen"}
    figures = with_shots({shots: part.figures for shots, part in found.items()})
    unseen, validation = tables["unseen", None], tables["validation", None]
    rules = compared_by_rules(validation, unseen, *parameters.rules.among(scored))
    title = next(iter(cells.values())).dataset
    about = found[None].about
    about = {**about, **_made_up(title), "left_out": {**about.get("left_out", {}), **left_out}}
    whole = replace(found[None], about=about)
    whole.write(folder)
    written = {"pools": unseen.whole, "pools_validation": validation.whole, "rules": rules, "shots": figures}
    for name, table in written.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    write_results(_rows(figures, cells), folder / "results.parquet")
    fewer = {shots: part for shots, part in found.items() if shots is not None}
    write_page(folder / "index.html", title, whole, rules if len(rules) else None, fewer, parameters.cost)


def _made_up(dataset: str) -> dict[str, str]:
    """What the page has to say of a dataset that was made from sample files."""
    source = read_object(layout.prepared(dataset) / "source.json")
    return (
        {"made from": "sample files: these figures say nothing about the published data"}
        if source.get("sample")
        else {}
    )


def _diagnosed(table: ScoredTable, against: Mapping[str, str]) -> Diagnosis:
    return diagnosed(read_pool(table.whole), against=against)


def _rows(figures: pd.DataFrame, cells: Mapping[str, Cell]) -> pd.DataFrame:
    """All figures in the results' schema."""
    any_cell = next(iter(cells.values()))
    protocol = leakage_rule(layout.split(any_cell.dataset))
    identity = {"dataset": any_cell.dataset, "backbone": any_cell.backbone, "protocol": protocol}
    trained = {
        name: {"method": cell.method, "variant": cell.variant, "run": read_object(cell.model / "training.json")["run"]}
        for name, cell in cells.items()
    }
    return scaling_rows(figures, identity, trained)


if __name__ == "__main__":
    run(diagnose)
