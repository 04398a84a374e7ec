"""What a killed search goes on from: whole configurations trained alike in the same worlds, and nothing else."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from prefactor.errors import InputError
from prefactor.layout import Cell
from prefactor.search import SearchParameters
from stages import search as stage
from stages.search import _earlier, as_table
from tests.worlds import make_cohorts

TRAINED = [{"training": {"epochs": 1}}, {"training": {"epochs": 2}}, {"training": {"epochs": 3}}]


def row(number: int, mean: float = 0.5) -> dict:
    return {"number": number, "changes": {}, "trained": TRAINED[number], "d/b": {"seen": mean, "mean": mean}}


def left(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def test_whole_configurations_are_kept_and_a_broken_line_is_dropped(tmp_path: Path) -> None:
    whole = [json.dumps(row(number)) + "\n" for number in (0, 1)]
    path = left(tmp_path / "bt.part", *whole, '{"number": 2, "chan')
    assert _earlier(path, TRAINED, {"d/b"}) == [row(0), row(1)]
    assert path.read_text() == "".join(whole)  # what comes next is appended to whole lines


@pytest.mark.parametrize(
    ("trained", "worlds"),
    [([{"training": {"epochs": 9}}, *TRAINED[1:]], {"d/b"}), (TRAINED, {"d/b", "e/b"}), (TRAINED, {"e/b"})],
)
def test_other_parameters_or_other_worlds_begin_anew(tmp_path: Path, trained: list, worlds: set[str]) -> None:
    path = left(tmp_path / "bt.part", json.dumps(row(0)) + "\n")
    assert _earlier(path, trained, worlds) == [] and path.read_text() == ""


def test_the_best_comes_first_and_of_equals_the_earlier() -> None:
    table = as_table([row(0, 0.6), row(1, 0.7), row(2, 0.7)], 0.0)
    assert list(table["number"]) == [1, 2, 0] and list(table["score"]) == [0.7, 0.7, 0.6]
    assert list(table["d/b seen"]) == [0.7, 0.7, 0.6] and "trained" not in table


def test_what_went_on_to_a_second_round_comes_before_what_did_not() -> None:
    table = as_table([row(0, 0.9), {**row(1, 0.6), "e/b": {"seen": 0.8, "mean": 0.8}}], 0.0)
    assert list(table["number"]) == [1, 0] and list(table["score"]) == [pytest.approx(0.7), 0.9]


RATES = [0.1, 0.2, 0.3, 0.4]
SCORES = {"d": dict(zip([0.0, *RATES], [0.5, 0.6, 0.9, 0.8, 0.7], strict=True))}
SCORES["e"] = {0.0: 0.4, 0.2: 0.1, 0.3: 0.7}  # nobody else may be asked for


@pytest.mark.parametrize(("tie", "chosen"), [(0.0, 2), (0.005, 1), (0.02, 0)])
def test_of_those_that_are_level_the_one_with_the_fewest_epochs_is_chosen(tie: float, chosen: int) -> None:
    table = as_table([row(0, 0.69), row(1, 0.697), row(2, 0.7)], tie)
    assert list(table["epochs"]) == [3, 2, 1] and list(table["number"][table["chosen"]]) == [chosen]


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Search learning rates of BT in a first world and a second one, where training is a table of scores."""

    def found(final_datasets: list[str]) -> pd.DataFrame:
        rates = {"training": {"learning_rate": RATES}}
        search = {
            "methods": ["bt"],
            "number": 5,
            "finalists": 2,
            "final_datasets": final_datasets,
            "spaces": {"bt": rates},
        }
        run = {"datasets": ["d", "e"], "backbones": ["b"], "methods": ["bt"], "variants": ["default"], "seeds": [0]}
        methods = {"bt": {"default": {"training": {"learning_rate": 0.0}}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"run": run, "methods": methods, "search": search}))
        stage.search("bt")
        return pd.read_csv(tmp_path / "reports/search/bt/configurations.csv")

    def scored(cell, values, *_):
        return {"mean": SCORES[cell.dataset][values["training"]["learning_rate"]]}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage, "cell_states", lambda cell: None)
    monkeypatch.setattr(stage, "cell_cohorts", lambda cell, states: {})
    monkeypatch.setattr(stage, "_scored", scored)
    return found


def test_the_best_of_the_first_round_and_default_alone_go_on_and_all_worlds_decide(searched) -> None:
    table = searched(["e"])
    assert list(table["score"]) == pytest.approx([0.75, 0.5, 0.45, 0.7, 0.6])
    assert list(table["worlds"]) == [2, 2, 2, 1, 1] and list(table["chosen"]) == [True, *[False] * 4]
    chosen = [json.loads(changes).get("training", {}).get("learning_rate") for changes in table["changes"]]
    assert chosen[0] == 0.3 and chosen[1] == 0.2 and chosen[2] is None  # `default`


@pytest.mark.parametrize("wrong", [["f"], ["d", "e"]])
def test_a_second_round_needs_worlds_of_the_run_and_leaves_some_to_the_first(searched, wrong: list[str]) -> None:
    with pytest.raises(InputError, match=r"search\.final_datasets"):
        searched(wrong)


def test_a_configuration_is_scored_by_the_best_of_its_choices() -> None:
    """What is scored is one of the choices as it would be without the other."""
    cohorts = make_cohorts()
    cell, parameters = Cell("d", "b", "bt", "default"), SearchParameters(shots=(1, 3))
    model = {"basis": {"form": "linear", "bases": 1}}
    training = {"epochs": 3, "learning_rate": 0.01, "validations": 1}

    def scores(**choices: object) -> dict[str, float]:
        values = {"model": {**model, **choices}, "training": training}
        found = stage._scored(cell, values, cohorts, parameters)
        return {name: value for name, value in found.items() if name != "seconds"}

    mlp = {"basis": {"form": "mlp"}}
    alone = scores(), scores(choices=[mlp])
    assert alone[0] != alone[1]
    assert scores(choices=[{}, mlp]) in alone


def test_a_configuration_that_trains_a_backbone_is_refused() -> None:
    values = {"model": {}, "tuning": {"mode": "lora"}}
    with pytest.raises(InputError, match=r"tuning: search trains no backbone: set it to null"):
        stage._scored(Cell("d", "b", "bt", "default"), values, {}, SearchParameters())
