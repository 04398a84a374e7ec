"""A cell loads the one view that its method reads, and names a method that does not exist."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from prefactor import layout
from prefactor.backbones import NoLikelihoodError
from prefactor.choices import best
from prefactor.errors import InputError
from prefactor.layout import Cell
from prefactor.parameters import build
from prefactor.surface import FEATURES, write_surface
from prefactor.training import Trained
from stages.trainings import EvaluationParameters, MethodParameters, best_choice, cell_cohorts, method_parameters


class CountedStates:
    """States that count how often they are read."""

    def __init__(self) -> None:
        self.read = 0

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        self.read += 1
        return np.zeros((len(text_ids), 3), dtype=np.float32)

    def likelihood(self, text_ids: Sequence[str]) -> np.ndarray:
        return np.ones((len(text_ids), 2), dtype=np.float32)


class OfAnEncoder(CountedStates):
    """States without log-probabilities."""

    def likelihood(self, text_ids: Sequence[str]) -> np.ndarray:
        raise NoLikelihoodError("cache x holds no log-probabilities")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a split of three users with a pair each, and no surface table."""
    monkeypatch.chdir(tmp_path)
    roles = ["seen", "validation", "unseen"]
    columns = {"user_id": roles, "role": roles, "part": ["train", "reference", "reference"], "rank": [0, 0, 0]}
    layout.split("small").mkdir(parents=True)
    table = pa.table({**columns, "chosen": ["a", "b", "a"], "rejected": ["b", "c", "c"]})
    pq.write_table(table, layout.split("small") / "pairs.parquet")
    return tmp_path


def views(method: str, states: CountedStates) -> dict[str, tuple[int, ...]]:
    """Views of a method's cohorts and their shapes."""
    cohort = cell_cohorts(Cell("small", "minilm", method, "default"), states)["seen"]  # type: ignore[arg-type]
    return {name: tuple(view.shape) for name, view in cohort.pairs.responses.views.items()}


def test_only_the_view_that_a_method_reads_is_loaded(project: Path) -> None:
    states = CountedStates()
    assert views("bt", states) == {"states": (3, 3)} and states.read == 1
    assert views("item_mean", states) == {} and states.read == 1
    with pytest.raises(InputError, match="rerun stage surface"):
        views("surface", states)
    texts = pa.table({"text_id": ["c", "a", "b"], "prompt": [""] * 3, "response": ["One.", "Two!", "Three?"]})
    pq.write_table(texts, project / "texts.parquet")
    write_surface(project / "texts.parquet", layout.surface("small"))
    for method in ("surface", "longer_text"):
        assert views(method, states) == {"surface": (3, len(FEATURES))}
    assert views("ref", states) == {"likelihood": (3, 2)}
    assert states.read == 1


def test_a_method_that_reads_log_probabilities_says_where_there_are_none(project: Path) -> None:
    wanted = r"^small-minilm-ref-default: cache x .*: take 'ref' out of run.methods, or make backbones.minilm a causal"
    with pytest.raises(InputError, match=wanted):
        views("ref", OfAnEncoder())


def test_an_unknown_method_is_named_with_the_nearest(project: Path) -> None:
    with pytest.raises(InputError, match="unknown method 'surfaces'; did you mean 'surface'"):
        views("surfaces", CountedStates())


def test_a_model_is_trained_with_each_of_its_choices_and_the_best_is_kept() -> None:
    model = {"basis": {"form": "linear", "bases": 4}, "choices": [{}, {"basis": {"bases": 8}}, {"margin": 2.0}]}
    parameters = build(MethodParameters, {"model": model}, "methods.vrf.default")
    losses, asked = [0.5, 0.3, 0.3], []

    def fit(number: int, choice: MethodParameters) -> Any:
        asked.append(choice.model)
        return number, Trained(0, [], 0, 0.9 - number, losses[number], 1)

    kept, trained, found = best_choice(parameters, fit)
    assert asked == [
        {"basis": {"form": "linear", "bases": 4}},
        {"basis": {"form": "linear", "bases": 8}},
        {"basis": {"form": "linear", "bases": 4}, "margin": 2.0},
    ]
    assert kept == 1 and trained.validation_log_loss == 0.3 and found == losses  # the first of equals


def test_a_loss_that_is_no_number_is_not_the_best() -> None:
    assert best([math.nan, 0.7]) == best([None, 0.7]) == 1 and best([0.7, math.nan, 0.7]) == 0


def test_a_mistyped_choice_is_named_before_anything_is_trained(project: Path) -> None:
    model = {"ridge": 2.0, "choices": [{}, {"rigde": 3.0}]}
    (project / "params.yaml").write_text(yaml.safe_dump({"methods": {"lr": {"default": {"model": model}}}}))
    with pytest.raises(InputError, match=r"model.choices.1: unknown key 'rigde'; did you mean 'ridge'"):
        method_parameters(Cell("d", "b", "lr", "default"))
    wrong = {"rigde": 2.0, "choices": [{}, {"ridge": 3.0}]}
    (project / "params.yaml").write_text(yaml.safe_dump({"methods": {"lr": {"default": {"model": wrong}}}}))
    with pytest.raises(InputError, match=r"lr.default.model: unknown key 'rigde'"):
        method_parameters(Cell("d", "b", "lr", "default"))


@pytest.mark.parametrize("choices", [{}, {"choices": []}])
def test_without_choices_a_model_is_as_its_parameters_say(choices: dict[str, Any]) -> None:
    parameters = build(MethodParameters, {"model": {"ridge": 2.0, **choices}}, "methods.lr.default")
    assert [choice.model for choice in parameters.choices()] == [{"ridge": 2.0}]


@pytest.mark.parametrize("choices", [{"a": 1}, [1], "mlp"])
def test_choices_that_are_no_changes_are_refused(choices: Any) -> None:
    with pytest.raises(InputError, match=r"methods.lr.default.*choices must be a list of changes to model"):
        build(MethodParameters, {"model": {"choices": choices}}, "methods.lr.default")


@pytest.mark.parametrize("name", ["doubts", "recovery"])
def test_sizes_asked_for_are_some_of_the_curves(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} are some of shots \[1, 3\], got \[9\]"):
        EvaluationParameters(**{"shots": (1, 3), "doubts": (), "recovery": (), name: (3, 9)})  # type: ignore[arg-type]


def test_draws_are_for_the_methods_that_are_named() -> None:
    assert EvaluationParameters(draws=5).draws_of("bt") == 5
    some = EvaluationParameters(draws=5, draw_methods=("vrf",))
    assert (some.draws_of("vrf"), some.draws_of("bt")) == (5, 0)
    with pytest.raises(ValueError, match="unknown method 'vfr'"):
        EvaluationParameters(draw_methods=("vfr",))
    with pytest.raises(ValueError, match="draw_seeds must be at least 1"):
        EvaluationParameters(draw_seeds=0)


def test_slices_are_off_unless_attributes_are_named() -> None:
    assert build(EvaluationParameters, {}, "evaluation").slices.of("prism") == ()
    everywhere = build(EvaluationParameters, {"slices": {"attributes": ["age", "age", "gender"]}}, "evaluation").slices
    assert everywhere.of("prism") == everywhere.of("tldr") == ("age", "gender") and everywhere.datasets == ()
    named = build(EvaluationParameters, {"slices": {"attributes": {"prism": ["age"]}}}, "evaluation").slices
    assert (named.of("prism"), named.of("tldr"), named.datasets) == (("age",), (), ("prism",))


def test_groups_that_are_nearly_one_person_are_refused() -> None:
    assert build(EvaluationParameters, {"slices": {"smallest": 5}}, "evaluation").slices.smallest == 5
    with pytest.raises(InputError, match=r"evaluation.slices: smallest must be at least 5.* got 4"):
        build(EvaluationParameters, {"slices": {"smallest": 4}}, "evaluation")
    with pytest.raises(InputError, match="did you mean 'attributes'"):
        build(EvaluationParameters, {"slices": {"attribute": ["age"]}}, "evaluation")
