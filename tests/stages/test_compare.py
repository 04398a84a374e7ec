"""Which paired differences are taken: from one BT and one VRF of all others, from its own base of every variant."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.items import Outcomes, outcomes_table
from prefactor.evaluation.results import in_schema, write_results
from prefactor.layout import Cell
from stages.compare import _paired

USERS, PAIRS = 12, 4
RIGHT = {"bt": 0.5, "vrf": 0.9, "lore": 0.7}  # of `default`; other variants have 0.1 less


MODELS = {"default": {}, "faithful": {"margin": 2.0, "temperature": 2.0}}
MODELS["plain"] = {**MODELS["faithful"], "attenuated": False}


def leave(cell: Cell) -> Cell:
    level = RIGHT[cell.method] - 0.1 * [*MODELS].index(cell.variant)
    cell.model.mkdir(parents=True)
    model = MODELS[cell.variant] if cell.method == "vrf" else {}
    summary = {"seeds": {"0": {}}, "run": "r", "parameters": {"model": model}}
    (cell.model / "training.json").write_text(json.dumps(summary))
    user = np.repeat(np.arange(USERS), PAIRS)
    right = level + 0.01 * np.random.default_rng(0).normal(size=USERS * PAIRS)
    cell.evaluation.mkdir(parents=True)
    table = pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)], "seed": "0", "split": "unseen", "pairs": PAIRS})
    table = table.assign(accuracy=right.reshape(USERS, PAIRS).mean(1), shots=pd.array([None] * USERS, dtype="Int64"))
    table.to_parquet(cell.evaluation / "users.parquet")
    single = Outcomes(right, user, np.tile(np.arange(PAIRS), USERS)[:, None], "prompts")
    outcomes_table({("unseen", None): single}).to_parquet(cell.evaluation / "outcomes.parquet")
    identity = {"dataset": "d", "protocol": "p", "backbone": "b", "method": cell.method, "variant": cell.variant}
    write_results(
        in_schema(pd.DataFrame([{**identity, "setting": "", "run": "r"}])), cell.evaluation / "results.parquet"
    )
    return cell


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    cells = [leave(Cell("d", "b", method, variant)) for method in RIGHT for variant in ("default", "faithful")]
    cells.append(leave(Cell("d", "b", "vrf", "plain")))
    return pd.concat(_paired(cells)).set_index(["method", "variant", "metric"])


def test_a_variant_is_held_against_its_own_default(rows: pd.DataFrame) -> None:
    for method in RIGHT:
        found = rows.loc[(method, "faithful", f"accuracy_minus_{method}")]
        assert found["value"] == pytest.approx(-0.1) and found["setting"] == "against=default"
        assert np.isfinite([found["ci_low"], found["ci_high"], found["low_items"], found["high_items"]]).all()
        assert (method, "default", f"accuracy_minus_{method}") not in rows.index


def test_a_variant_of_the_published_parameters_is_held_against_them(rows: pd.DataFrame) -> None:
    found = rows.loc[("vrf", "plain", "accuracy_minus_vrf")]
    assert found["value"] == pytest.approx(-0.1) and found["setting"] == "against=faithful"


def test_other_methods_are_held_against_bt_and_vrf_only(rows: pd.DataFrame) -> None:
    for metric, level in (("accuracy_minus_bt", 0.5), ("accuracy_minus_vrf", 0.9)):
        assert rows.loc[("lore", "default", metric), "value"] == pytest.approx(0.7 - level)
    others = rows.query("metric == 'accuracy_minus_lore'").reset_index()
    assert set(others["method"]) == {"lore"} and not rows.index.duplicated().any()
