"""Sweeps of one number and paired differences of variants: every figure of the rows, nothing without them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from prefactor.evaluation.variants import Change, Variation
from prefactor.reporting import collect, write_report
from prefactor.reporting.estimates import MINUS, TO
from prefactor.reporting.sensitivity import Sweep, sweeps, view_of_variants
from prefactor.reporting.tables import Contender, differences_from_vrf, sections, styles
from prefactor.reporting.variants import ARROW
from prefactor.trainings import Training

BASIS = {"form": "linear", "bases": 8}
BETA = {"none": 0.0, "strong": 0.1}
WEAKER = 0.02  # by how much `strong` is worse
HISTORY = "seed,step,loss,validation_seen_accuracy,validation_users_accuracy\n0,240,0.5,0.7,0.7\n"


def of_vrf(variant: str) -> Contender:
    return Contender("vrf", variant)


def varied(*changes: Change, base: str = "default") -> Variation:
    return Variation(base, changes)


def leave(root: Path, variant: str, model: dict) -> Training:
    training = Training("stylebench", "minilm", "vrf", variant, root)
    training.folder.mkdir(parents=True, exist_ok=True)
    summary = {"seeds": {"0": {"best_step": 240, "validation_accuracy": 0.7, "trainable_parameters": 1}}, "run": "r"}
    (training.folder / "training.json").write_text(json.dumps({**summary, "parameters": {"model": model}}))
    (training.folder / "history.csv").write_text(HISTORY)
    return training


def with_variants(rows: pd.DataFrame) -> pd.DataFrame:
    """Also `none`, as good as `default`; `strong`, worse; `plain`, which changes no number; `margin`, of `faithful`."""
    default = rows[(rows.method == "vrf") & (rows.variant == "default")]
    frames = [rows, *(default.assign(variant=name) for name in ("none", "plain"))]
    frames.append(default.assign(variant="strong", value=default.value - WEAKER))
    single = {"metric": "accuracy_minus_base", "setting": "against=default", "split": "unseen", "seed": "all"}
    one = default[(default.metric == "accuracy") & (default.split == "unseen") & (default.seed == "all")]
    ends = {"value": -WEAKER, "ci_low": -0.03, "ci_high": -0.01, "low_items": -0.04, "high_items": 0.005}
    shared = {"resampled": "users; users and prompts"}
    frames.append(one.assign(**single, **ends, **shared, variant="strong"))
    published = single | {"setting": "against=faithful", "value": 0.007, "ci_low": 0.006, "ci_high": 0.008}
    frames.append(one.assign(**published, variant="margin"))
    return pd.concat(frames, ignore_index=True)


def leave_variants(root: Path) -> dict[Contender, Training]:
    models: dict[str, dict] = {name: {"basis": BASIS, "regularisation": beta} for name, beta in BETA.items()}
    models["default"] = {"basis": BASIS}  # the method's own beta
    models["plain"] = {"basis": BASIS, "attenuated": False}
    models["faithful"] = {"basis": {"form": "mlp", "bases": 8}, "unit_prior": True}
    models["margin"] = {**models["faithful"], "margin": 2.5}
    return {of_vrf(name): leave(root, name, model) for name, model in models.items()}


def test_a_sweep_has_every_value_in_order_and_the_defaults_own() -> None:
    changed = {of_vrf(f"k{bases}"): varied(Change("model.loadings.bases", 12, bases)) for bases in (20, 4)}
    changed[of_vrf("other")] = varied(Change("model.common", True, False))
    changed[of_vrf("both")] = varied(Change("a", 1, 2), Change("b", 1, 2))
    contenders = {4: of_vrf("k4"), 12: of_vrf("default"), 20: of_vrf("k20")}
    (found,) = sweeps(changed)
    assert found == Sweep(of_vrf("default"), "model.loadings.bases", contenders, 12)
    assert list(found.contenders) == [4, 12, 20] and found.title == "VRF: model.loadings.bases"


def test_methods_and_numbers_are_kept_apart_and_a_value_is_drawn_once() -> None:
    lore = Contender("lore", "default")
    changed = {Contender("lore", "b2"): Variation("default", (Change("model.basis.bases", 8, 2),))}
    changed |= {of_vrf(name): varied(Change("model.basis.bases", 12, 2)) for name in ("second", "first")}
    changed[of_vrf("margin")] = varied(Change("model.margin", 1.0, 4.0))
    changed[of_vrf("published")] = varied(Change("model.margin", 1.0, 3.0), base="faithful")
    found = {(sweep.base, sweep.key): sweep.contenders for sweep in sweeps(changed)}
    default, faithful = of_vrf("default"), of_vrf("faithful")
    keys = {(lore, "model.basis.bases"), (default, "model.basis.bases")}
    assert set(found) == keys | {(base, "model.margin") for base in (default, faithful)}
    assert found[default, "model.basis.bases"] == {2: of_vrf("first"), 12: default}
    assert found[faithful, "model.margin"] == {1.0: faithful, 3.0: of_vrf("published")}


def test_the_table_has_the_rows_figures_by_value(results: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    rows = with_variants(results())
    (section,) = sections(rows)
    view = view_of_variants(section, styles([section]), leave_variants(tmp_path))
    assert view is not None
    sweep, published = view.sweeps
    assert sweep.title == "VRF: model.regularisation" and published.title == "VRF (faithful): model.margin"
    assert [row.label for row in sweep.table.rows] == ["0", "0.001, default", "0.1"]
    assert sweep.table.headings == ("Seen", "Unseen", "Unseen, 9 pairs", "Unseen, 1 pair")
    mine = rows[(rows.method == "vrf") & (rows.metric == "accuracy") & (rows.seed == "all")]
    for row, variant in zip(sweep.table.rows, ("none", "default", "strong"), strict=True):
        ours = mine[mine.variant == variant]
        whole = ours[ours.shots.isna()].set_index("split").value
        few = ours[ours.split == "unseen"].dropna(subset="shots").set_index("shots").value
        expected = [whole["seen"], whole["unseen"], few[9], few[1]]
        assert [cell.order for cell in row.cells] == pytest.approx(expected) and all(
            cell.interval for cell in row.cells
        )


def test_every_variant_stands_beside_what_it_changes(results: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    (section,) = sections(with_variants(results()))
    view = view_of_variants(section, styles([section]), leave_variants(tmp_path))
    assert view is not None and view.ablations is not None
    rows = {row.label.rpartition(" ")[2]: row.cells for row in view.ablations.rows}
    assert set(rows) == {"strong", "faithful", "margin"}  # the others have no paired differences here
    base, change, figure, *_ = rows["strong"]
    assert (base.interval, change.interval) == ("default", f"model.regularisation: 0.001 {ARROW} 0.1")
    assert (figure.text, figure.interval) == (f"{MINUS}2.0", f"{MINUS}3.0 to {MINUS}1.0")
    assert figure.shared == f"{MINUS}4.0 to +0.5"
    assert [cell.interval for cell in rows["faithful"][:2]] == [
        "default",
        f"model.basis.form: linear {ARROW} mlp; model.unit_prior: false {ARROW} true",
    ]
    from_vrf = differences_from_vrf(section, {})
    assert from_vrf is not None and not any(row.label.startswith("VRF") for row in from_vrf.rows)


@pytest.mark.parametrize("upside_down", [False, True])
def test_variants_of_the_default_and_of_the_published_parameters_are_in_one_table(
    upside_down: bool, results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows = with_variants(results())
    (section,) = sections(rows[::-1] if upside_down else rows)
    view = view_of_variants(section, styles([section]), leave_variants(tmp_path))
    assert view is not None and view.ablations is not None
    rows_by_name = {row.label.rpartition(" ")[2]: row.cells for row in view.ablations.rows}
    found = {name: [cell.text or cell.interval for cell in cells] for name, cells in rows_by_name.items()}
    assert found["strong"][0] == "default" and found["strong"][2] == f"{MINUS}2.0"
    assert found["margin"][:3] == ["faithful", f"model.margin: 1 {ARROW} 2.5", "+0.7"]


def test_a_variant_of_any_method_is_in_the_table_without_its_training_too(
    results: Callable[..., pd.DataFrame],
) -> None:
    (section,) = sections(results())
    view = view_of_variants(section, styles([section]), {})
    assert view is not None and view.ablations is not None and not view.sweeps
    assert view.ablations.headings == ("A variant of", "What it changes", "Unseen")
    found = {row.label.partition(" ")[0]: row.cells for row in view.ablations.rows}
    assert set(found) == {"BT", "LoRe", "VRF"}
    base, change, figure = found["LoRe"]
    assert (base.interval, change.interval, figure.text) == ("default", "", f"{MINUS}1.4")


def test_there_is_nothing_to_show_of_defaults_alone(results: Callable[..., pd.DataFrame]) -> None:
    (section,) = sections(results().query("variant != 'faithful'"))
    assert view_of_variants(section, styles([section]), {}) is None


def test_the_page_draws_a_sweep_with_its_values_and_conditions(
    results: Callable[..., pd.DataFrame], make_run: Callable[[Path], None], tmp_path: Path
) -> None:
    make_run(tmp_path)
    leave_variants(tmp_path)
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, with_variants(results()), collect(tmp_path))
    page = out.read_text(encoding="utf-8")
    assert "What the parameters do" in page and "VRF: model.regularisation" in page
    (drawn,) = [svg for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if ">model.regularisation</text>" in svg]
    for text in ("0", "0.001", "0.1", "seen", "unseen", "unseen, 9 pairs", "unseen, 1 pair"):
        assert f">{text}</text>" in drawn
    assert "Every variant against what it is a variant of" in page and "Minus its base" in page
    assert "the dotted line is the base" in page and "minus default" not in page.lower()
    assert f"{MINUS}3.0 to {MINUS}1.0" in page and f'74.8</b> <span class="ci">73.7 {TO} 75.8' in page
