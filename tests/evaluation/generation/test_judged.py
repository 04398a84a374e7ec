"""What is made of generated texts, and what is left out with its reason: by gold utility and by a judge model."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from prefactor import layout
from prefactor.decoding.people import evaluation_prompts
from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.judged import BEST_OF_N, STYLES, Judged
from prefactor.evaluation.scaling.best import expected_best
from prefactor.evaluation.scaling.pool import read_pool
from prefactor.judging.gold import GoldUtility
from prefactor.layout import Cell
from prefactor.methods.base import Shape
from prefactor.methods.item_mean import ItemMean
from prefactor.methods.storage import save_model
from tests.decoding.projects import DATASET, MODEL, VALUES, fresh_copy, tiny_project
from tests.stub_judge import completion, stub_judge

IDENTITY = {"dataset": DATASET, "protocol": "global", "backbone": MODEL, "variant": "default", "run": "", "setting": ""}
WORDS = ("Sure.", "I would rather not say so.", "First, mix it; then bake it!", "Dear Sir, kindly wait.", "Yes")
METHODS = ("base", "drift", "best_of_n-bt")


def judged(folder: Path, answers: Path, models: list[str], styles: int = 8, **changes: object) -> Judged:
    """Made-up texts for the users of a project, with candidates of two prompts."""
    values = {**VALUES, "run": {**VALUES["run"], "methods": models}}
    workshop = Workshop({**values, "generation": {**VALUES["generation"], **changes}}, DATASET, MODEL, folder)
    prepared = folder / layout.prepared(DATASET)
    asked = evaluation_prompts(prepared, folder / layout.split(DATASET), 2)
    prompts = pd.DataFrame({"group_id": [one.group_id for one in asked], "prompt": [one.prompt for one in asked]})
    written = pd.DataFrame({"user_id": workshop.people.user_ids}).merge(prompts, how="cross")
    texts = [written.assign(method=name, response=WORDS[number]) for number, name in enumerate(METHODS)]
    table = pd.concat(texts, ignore_index=True).assign(tokens=3, finished=True, seconds=0.1, about="{}")
    pool, styled = (_candidates(prompts, size) for size in (5, styles))
    return Judged(workshop, table, pool, styled, GoldUtility.find(prepared), answers)


def _candidates(prompts: pd.DataFrame, size: int) -> pd.DataFrame:
    samples = pd.DataFrame({"sample": range(size)})
    samples["response"] = [f"{WORDS[number % len(WORDS)]} {'So. ' * number}" for number in range(size)]
    return prompts.merge(samples, how="cross")


def test_gold_utility_judges_texts_and_choices(tmp_path: Path) -> None:
    found = judged(tiny_project(), tmp_path, ["bt", "lore", "vrf"])
    assert found.scored is None
    rows = pd.concat([*found.rows(IDENTITY)])
    assert found.scored is not None
    check_scored(found.scored, rows)
    metrics = set(rows["metric"])
    assert {"win_rate", "win_rate_minus_drift", "best_of_n_gain_minus_bt", "win_rate_over_bt_minus_vrf"} <= metrics
    assert set(rows.loc[rows["metric"] == "win_rate", "method"]) == {*METHODS} - {"base"}
    assert found.about()["left_out"] == {}
    gains = rows[rows["metric"] == "best_of_n_gain"]
    assert {"n=4"} <= set(gains["setting"]) and "n=8" not in set(gains["setting"])  # the base's own is no candidate
    assert set(found.examples()["user"]) == {1, 2, 3}


def check_scored(table: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Candidates of every user and prompt that a diagnosis reads: utility, rewards, those deviations that there are."""
    assert [*table.columns] == ["user", "query", "candidate", "gold", "bt", "lore", "vrf", "std:vrf"]
    pool = read_pool(table)
    assert pool.models == ("bt", "lore", "vrf") and pool.sets == 2 * len(pool.user_ids) and pool.least == 4
    block = pool.blocks[0]
    best = expected_best(block.gold, block.scores["bt"][0], [4])[:, 0].mean()
    told = rows[(rows["metric"] == "best_of_n_utility") & (rows["method"] == "bt") & (rows["setting"] == "n=4")]
    assert set(told["value"].round(6)) == {round(best, 6)}


def test_a_pool_without_the_bases_own_text_is_chosen_from(tmp_path: Path) -> None:
    first = judged(tiny_project(), tmp_path, ["bt"])
    rows = pd.concat([*first.rows(IDENTITY)])
    other = replace(first, pool=first.pool.assign(response=first.pool["response"].mask(first.pool["sample"] == 0, "!")))
    again = pd.concat([*other.rows(IDENTITY)])
    for metric in ("best_of_n_utility", "best_of_n_win_rate"):
        values = [table.loc[table["metric"] == metric, "value"].tolist() for table in (rows, again)]
        assert values[0] == values[1] != []


@pytest.mark.parametrize(
    ("models", "styles", "why"),
    [
        (["bt", "vrf"], 3, "labelled by 3 different scores, and 8"),
        (["lore", "vrf"], 8, "BT is not among"),
        (["bt"], 8, "no other model"),
        (["bt", "vrf"], 0, "no default VRF"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_left_out_with_the_reason(
    tmp_path: Path, models: list[str], styles: int, why: str
) -> None:
    found = judged(tiny_project(), tmp_path, models, styles)
    metrics = set(pd.concat([*found.rows(IDENTITY)])["metric"])
    assert why in found.about()["left_out"][STYLES]
    assert "win_rate" in metrics and "best_of_n_gain" in metrics and "win_rate_over_bt" not in metrics


def test_a_model_that_knows_texts_by_number_chooses_nothing(tmp_path: Path) -> None:
    folder = fresh_copy(tmp_path / "project")
    place = folder / Cell(DATASET, MODEL, "item_mean", "default").model
    shutil.copytree(folder / Cell(DATASET, MODEL, "bt", "default").model, place)
    shutil.rmtree(layout.seed_folder(place, 0))
    model = ItemMean(ItemMean.Parameters(), Shape(4, 10, 36), torch.Generator().manual_seed(0))
    save_model(model.eval(), layout.seed_folder(place, 0))
    found = judged(folder, tmp_path, ["item_mean"])
    rows = pd.concat([*found.rows(IDENTITY)])
    assert "cannot judge a new one" in found.left_out["choices by item_mean"]
    assert {BEST_OF_N, STYLES} <= {*found.left_out} and "win_rate" in set(rows["metric"])


def test_without_gold_utility_a_judge_model_decides(tmp_path: Path) -> None:
    nobody = replace(judged(tiny_project(), tmp_path, ["bt", "vrf"]), gold=None)
    assert "win_rate" not in set(pd.concat([*nobody.rows(IDENTITY)])["metric"])
    assert {"gold utility", BEST_OF_N, STYLES, "win rates"} == {*nobody.left_out}
    with stub_judge() as stub:
        stub.reply = lambda _: completion("A")
        judge = {"endpoint": {"url": stub.url, "model": "small"}}
        found = replace(judged(tiny_project(), tmp_path, ["bt", "vrf"], judge=judge), gold=None)
        rows = pd.concat([*found.rows(IDENTITY)])
    assert found.about()["judge"]["model"] == "small" and "win rates" not in found.left_out
    for metric in ("win_rate", "win_rate_minus_drift", "win_rate_minus_best_of_n-bt"):
        assert set(rows.loc[rows["metric"] == metric, "setting"]) == {"judge=small"}
