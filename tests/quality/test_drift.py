"""A dataset against its previous version: what is measured, what stops the pipeline, and that it is on a page."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.preferences import content_id
from prefactor.quality import QualityParameters, validate_tables
from prefactor.quality.parameters import DriftParameters
from tests.quality.small import change, make_preferences

SHOWN = DriftParameters(*[None] * 7)
Versions = tuple[Path, Path]


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    """The folders of the previous version and of the present one, which are the same."""
    folders = tmp_path / "previous", tmp_path / "small"
    for folder in folders:
        make_preferences().save(folder)
    return folders


def measured(versions: Versions, drift: DriftParameters = SHOWN) -> dict[str, dict[str, float | None]]:
    previous, prepared = versions
    parameters = QualityParameters(previous={"small": str(previous)}, drift=drift, chosen_first=(0, 1))
    result = validate_tables(prepared, prepared.with_name("docs"), parameters)
    assert result["suites"]["drift"]["rows"] == 7
    return result["observed"]["drift"]


def change_pairs(folder: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    def edited(old: pd.DataFrame) -> pd.DataFrame:
        new = edit(old.copy())
        return new.assign(pair_id=[content_id(*row) for row in zip(new.user_id, new.chosen, new.rejected, strict=True)])

    change(folder / "pairs.parquet", edited)


def turned(old: pd.DataFrame, rows: list[int]) -> pd.DataFrame:
    old.loc[rows, ["chosen", "rejected"]] = old.loc[rows, ["rejected", "chosen"]].to_numpy()
    return old


def index(previous: np.ndarray, now: np.ndarray) -> float:
    """The population stability index as its docstring defines it."""
    edges = np.unique(np.quantile(previous, np.arange(1, 10) / 10, method="inverted_cdf"))
    bins = [np.bincount(np.searchsorted(edges, sizes), minlength=len(edges) + 1) for sizes in (previous, now)]
    used = (bins[0] + bins[1]) > 0
    before, after = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in bins)
    return float(((after - before) * np.log(after / before)).sum())


def test_without_a_previous_version_nothing_is_measured(versions: Versions, tmp_path: Path) -> None:
    other = QualityParameters(previous={"another": "nowhere"})
    result = validate_tables(versions[1], tmp_path / "docs", other)
    assert "drift" not in result["suites"] and "drift" not in result["observed"]
    assert not (tmp_path / "docs" / "drift.html").exists()


def test_the_same_version_has_not_drifted(versions: Versions) -> None:
    found = measured(versions, DriftParameters(*[0.0] * 7))
    assert {measure["change"] for measure in found.values()} == {0.0}
    assert found["labels_turned"]["previous"] == 96 and found["users_lost"]["now"] == 8


def test_what_changed_is_measured(versions: Versions) -> None:
    previous, prepared = versions

    def edit(old: pd.DataFrame) -> pd.DataFrame:
        left = turned(old, [0, 1, 2])
        left = left[left.user_id != "u7"]
        new = left[left.user_id == "u0"].assign(user_id="newcomer").iloc[:5]
        return pd.concat([left, new])

    change_pairs(prepared, edit)
    change(prepared / "users.parquet", lambda old: old.assign(user_id=old.user_id.replace("u7", "newcomer")))
    found = measured(versions)
    before, after = (pd.read_parquet(folder / "pairs.parquet") for folder in versions)
    size = pd.read_parquet(previous / "texts.parquet").set_index("text_id").response.str.len()
    longer = [
        pairs.assign(longer=np.sign(size[pairs.chosen].to_numpy() - size[pairs.rejected].to_numpy()) / 2 + 0.5)
        .groupby("user_id")["longer"]
        .mean()
        .mean()
        for pairs in (before, after)
    ]
    counts = [pairs.user_id.value_counts().to_numpy() for pairs in (before, after)]
    assert found["users_lost"] == {"previous": 8, "now": 7, "change": 0.125}
    assert found["users_new"] == {"previous": 8, "now": 8, "change": 0.125}
    assert found["labels_turned"] == {"previous": 84, "now": 3, "change": round(3 / 84, 6)}
    assert found["chosen_longer"]["change"] == pytest.approx(abs(longer[1] - longer[0]), abs=1e-6)
    assert found["pairs_per_user"]["change"] == pytest.approx(index(*counts), abs=1e-6)
    assert found["response_length"]["change"] == found["prompt_length"]["change"] == 0


def test_lengths_are_held_against_the_previous_deciles(versions: Versions) -> None:
    """Texts of the previous version that nobody judges any more, longer than most."""
    previous, _ = versions
    noise = np.random.default_rng(0)
    further = [
        {"prompt": f"{number}{'?' * noise.integers(40)}", "response": "x" * int(noise.integers(1, 90))}
        for number in range(200)
    ]
    rows = [{"text_id": content_id(row["prompt"], row["response"]), **row} for row in further]
    change(previous / "texts.parquet", lambda old: pd.concat([old, pd.DataFrame(rows)]))
    found = measured(versions)
    before, after = (pd.read_parquet(folder / "texts.parquet") for folder in versions)
    for measure, sizes in (
        ("prompt_length", [texts.prompt.drop_duplicates().str.len().to_numpy() for texts in (before, after)]),
        ("response_length", [texts.response.str.len().to_numpy() for texts in (before, after)]),
    ):
        assert found[measure]["change"] == pytest.approx(index(*sizes), abs=1e-6) and found[measure]["change"] > 0.3
        assert [found[measure]["previous"], found[measure]["now"]] == [np.median(values) for values in sizes]


def test_a_judgement_that_contradicts_itself_has_not_turned(versions: Versions) -> None:
    """Of whoever chose both ways, in either version, no choice can be said to be another now."""
    previous, prepared = versions
    change_pairs(previous, lambda old: pd.concat([old, turned(old.copy(), [0]).iloc[:1]]))
    change_pairs(prepared, lambda old: pd.concat([turned(old, [0]), turned(old.copy(), [1]).iloc[1:2]]))
    assert measured(versions)["labels_turned"] == {"previous": 95, "now": 0, "change": 0}


def test_versions_without_a_common_judgement_say_nothing_of_labels(versions: Versions) -> None:
    previous, prepared = versions
    change_pairs(previous, lambda old: old.assign(user_id="old " + old.user_id))
    change(previous / "users.parquet", lambda old: old.assign(user_id="old " + old.user_id))
    found = measured(versions)
    assert found["labels_turned"] == {"previous": 0, "now": 0, "change": None} and found["users_lost"]["change"] == 1
    assert "nan" not in (prepared.with_name("docs") / "drift.html").read_text().lower()


def test_what_is_above_its_bound_stops_the_pipeline_and_is_on_the_page(versions: Versions) -> None:
    """By default a turned label in ten is too many; what is only shown never stops."""
    prepared = versions[1]
    change_pairs(prepared, lambda old: turned(old, list(range(0, 96, 10))))
    change_pairs(prepared, lambda old: pd.concat([old, old[old.user_id == "u0"].assign(user_id="newcomer")]))
    change(
        prepared / "users.parquet",
        lambda old: pd.concat([old, pd.DataFrame([{"user_id": "newcomer", "weight": [1.0]}])]),
    )
    with pytest.raises(InputError) as caught:
        measured(versions, DriftParameters())
    (failure,) = json.loads((prepared.with_name("docs") / "result.json").read_text())["failures"]
    assert failure["expectation"] == "labels_turned change values to be between (max_value 0.01)"
    assert failure["rows"] == 1 and failure["observed"] == f"{10 / 96:.6g}"
    assert "raise quality.drift.labels_turned" in str(caught.value) and "observed 0.104167" in str(caught.value)
    row = pd.read_csv(prepared.with_name("docs") / failure["file"]).iloc[0]
    assert (row.measure, row.now, row.bound) == ("labels_turned", 10, 0.01)
    page, contents = ((prepared.with_name("docs") / name).read_text() for name in ("drift.html", "index.html"))
    assert "<td>judgements of both versions that turned</td>" in page and "quantile_disc" in page
    assert 'href="drift.html"' in contents and "labels turned" in contents


@pytest.mark.parametrize("damage", ["folder", "table", "column", "rows"])
def test_a_previous_version_that_cannot_be_read_is_an_error_with_a_fix(versions: Versions, damage: str) -> None:
    previous, _ = versions
    if damage == "folder":
        previous = previous.with_name("nowhere")
    elif damage == "table":
        (previous / "users.parquet").unlink()
    elif damage == "column":
        pd.DataFrame({"user_id": ["u0"]}).to_parquet(previous / "pairs.parquet")
    else:
        change(previous / "texts.parquet", lambda old: old.iloc[:0])
        change(previous / "pairs.parquet", lambda old: old.iloc[:0])
    said = "drift: previous values to not be null" if damage == "rows" else "set quality.previous.small to a folder"
    with pytest.raises(InputError, match=said) as caught:
        measured((previous, versions[1]))
    assert damage == "rows" or str(previous) in str(caught.value)


def test_bounds_are_read_from_params_yaml() -> None:
    built = build(QualityParameters, {"previous": {"small": "old"}, "drift": {"users_lost": None}}, "quality")
    assert built.drift.users_lost is None and built.drift.labels_turned == 0.01
    for wrong in ({"users_lost": -0.1}, {"users_lost": math.nan}):
        with pytest.raises(InputError, match="users_lost must be 0 or more, or null"):
            build(QualityParameters, {"drift": wrong}, "quality")
    with pytest.raises(InputError, match="did you mean 'users_lost'"):
        build(QualityParameters, {"drift": {"user_lost": 0.1}}, "quality")
