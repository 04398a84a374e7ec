"""What a variant changes: by key, with the values that params.yaml leaves to the method."""

import json
from pathlib import Path

import pytest

from prefactor.methods import VRF
from prefactor.reporting.tables import Contender
from prefactor.reporting.variants import ARROW, Change, Variation, changes, variations
from prefactor.trainings import Training

BASIS = {"form": "linear", "bases": 8}


def trained(root: Path, variant: str, model: dict, method: str = "vrf") -> tuple[Contender, Training]:
    training = Training("d", "b", method, variant, root)
    training.folder.mkdir(parents=True)
    summary = {"seeds": {"0": {}}, "run": "r", "parameters": {"model": model, "training": {"epochs": 5}}}
    (training.folder / "training.json").write_text(json.dumps(summary))
    return Contender(method, variant), training


def test_equal_parameters_change_nothing_whatever_their_order() -> None:
    assert changes({"a": {"b": 1, "c": [2]}}, {"a": {"c": [2], "b": 1}}) == ()
    assert str(Variation(Contender("vrf", "default"), ())) == "nothing"


def test_changes_are_named_by_dotted_key_and_swap_with_the_sides() -> None:
    one, other = {"a": {"b": 1}, "c": True}, {"a": {"b": 2}, "c": False}
    assert changes(one, other) == (Change("a.b", 1, 2), Change("c", True, False))
    assert changes(other, one) == tuple(Change(key, after, before) for key, before, after in changes(one, other))
    changed = changes(one, other)
    assert str(Variation(Contender("vrf", "default"), changed)) == f"a.b: 1 {ARROW} 2; c: true {ARROW} false"
    assert str(Variation(Contender("vrf", "faithful"), changed[:1])) == f"of faithful: a.b: 1 {ARROW} 2"


def test_a_part_that_one_side_lacks_is_a_change() -> None:
    assert changes({"step": {"epochs": 3}}, {"step": None}) == (Change("step.epochs", 3, None),)


@pytest.mark.parametrize(
    ("before", "after", "numeric"),
    [(1, 2, True), (0.0, 1, True), (True, False, False), (None, 2, False), ("a", "b", False), (1, True, False)],
)
def test_only_numbers_lie_on_a_line(before: object, after: object, numeric: bool) -> None:
    assert Change("key", before, after).is_numeric == numeric


def test_many_changes_are_counted() -> None:
    many = changes({}, {"a": 1, "b": 2, "c": 3})
    assert str(Variation(Contender("vrf", "default"), many)) == "3 parameters"


def test_the_methods_own_value_stands_for_what_is_left_out(tmp_path: Path) -> None:
    own = VRF.Parameters.regularisation
    known = dict(
        [
            trained(tmp_path, "default", {"basis": BASIS}),
            trained(tmp_path, "strong", {"basis": BASIS, "regularisation": 10 * own}),
            trained(tmp_path, "same", {"basis": BASIS, "regularisation": own}),
        ]
    )
    default = Contender("vrf", "default")
    assert variations(known) == {
        Contender("vrf", "strong"): Variation(default, (Change("model.regularisation", own, 10 * own),)),
        Contender("vrf", "same"): Variation(default, ()),
    }


def test_a_variant_is_of_the_base_that_it_changes_least(tmp_path: Path) -> None:
    published = {"basis": {"form": "mlp", "bases": 8}, "margin": 2.0}
    known = dict(
        [
            trained(tmp_path, "plain", {**published, "attenuated": False}),
            trained(tmp_path, "default", {"basis": BASIS}),
            trained(tmp_path, "faithful", published),
        ]
    )
    found = variations(known)
    faithful = Contender("vrf", "faithful")
    assert found[Contender("vrf", "plain")] == Variation(faithful, (Change("model.attenuated", True, False),))
    assert found[faithful].base == Contender("vrf", "default") and len(found[faithful].changes) == 2
    assert set(found) == {Contender("vrf", "plain"), faithful}


def test_without_a_default_there_is_nothing_to_change(tmp_path: Path) -> None:
    known = dict([trained(tmp_path, "one", {"basis": BASIS}), trained(tmp_path, "default", {"basis": BASIS}, "pref")])
    assert variations(known) == {}
