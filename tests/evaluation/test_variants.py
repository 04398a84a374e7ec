"""What a variant changes, of which base: by key, with the values that params.yaml leaves to the method."""

from collections.abc import Mapping
from typing import Any

import pytest

from prefactor.evaluation.variants import Change, Variation, changes, variations
from prefactor.layout import Cell
from prefactor.methods import VRF

BASIS = {"form": "linear", "bases": 8}
PUBLISHED = {"basis": {"form": "mlp", "bases": 8}, "margin": 2.0}


def cell(variant: str, method: str = "vrf", dataset: str = "d") -> Cell:
    return Cell(dataset, "b", method, variant)


def trained(models: Mapping[str, Mapping[str, Any]]) -> dict[Cell, Mapping[str, Any]]:
    """VRFs with the parameters of their models, trained alike."""
    return {cell(name): {"model": model, "training": {"epochs": 5}} for name, model in models.items()}


def test_equal_parameters_change_nothing_whatever_their_order() -> None:
    assert changes({"a": {"b": 1, "c": [2]}}, {"a": {"c": [2], "b": 1}}) == ()


def test_changes_are_named_by_dotted_key_and_swap_with_the_sides() -> None:
    one, other = {"a": {"b": 1}, "c": True}, {"a": {"b": 2}, "c": False}
    assert changes(one, other) == (Change("a.b", 1, 2), Change("c", True, False))
    assert changes(other, one) == tuple(Change(key, after, before) for key, before, after in changes(one, other))


def test_a_section_that_one_side_lacks_is_one_change() -> None:
    assert changes({"step": {"epochs": 3, "rate": 1}}, {"step": None}) == (Change("step", "set", None),)
    assert changes({}, {"step": {"epochs": 3}}) == (Change("step", None, "set"),)


@pytest.mark.parametrize(
    ("before", "after", "numeric"),
    [(1, 2, True), (0.0, 1, True), (True, False, False), (None, 2, False), ("a", "b", False), (1, True, False)],
)
def test_only_numbers_lie_on_a_line(before: object, after: object, numeric: bool) -> None:
    assert Change("key", before, after).is_numeric == numeric


def test_the_methods_own_value_stands_for_what_is_left_out() -> None:
    own = VRF.Parameters.regularisation
    strong = {"basis": BASIS, "regularisation": 10 * own}
    known = trained({"default": {"basis": BASIS}, "strong": strong, "same": {"basis": BASIS, "regularisation": own}})
    assert variations(known) == {
        cell("strong"): Variation("default", (Change("model.regularisation", own, 10 * own),)),
        cell("same"): Variation("default", ()),
    }


def test_choices_are_a_change_like_others() -> None:
    open_form = {"basis": BASIS, "choices": [{}, {"margin": 2.0}]}
    found = variations(trained({"default": {"basis": BASIS}, "open": open_form}))
    assert found == {cell("open"): Variation("default", (Change("model.choices", [], open_form["choices"]),))}


def test_a_variant_is_of_the_base_that_it_changes_least() -> None:
    plain, weak = {**PUBLISHED, "attenuated": False}, {"basis": BASIS, "regularisation": 0.0}
    found = variations(trained({"plain": plain, "weak": weak, "default": {"basis": BASIS}, "faithful": PUBLISHED}))
    assert found[cell("plain")] == Variation("faithful", (Change("model.attenuated", True, False),))
    assert found[cell("weak")].base == "default"
    assert found[cell("faithful")].base == "default" and len(found[cell("faithful")].changes) == 2
    assert set(found) == {cell("plain"), cell("weak"), cell("faithful")}


def test_a_variant_as_near_to_both_is_of_the_default() -> None:
    found = variations(trained({"faithful": {"margin": 2.0}, "other": {"margin": 3.0}, "default": {"margin": 1.0}}))
    assert found[cell("other")] == Variation("default", (Change("model.margin", 1.0, 3.0),))


def test_without_a_default_variants_are_of_the_published_parameters_and_these_of_nothing() -> None:
    found = variations(trained({"a": {**PUBLISHED, "margin": 3.0}, "faithful": PUBLISHED}))
    assert found == {cell("a"): Variation("faithful", (Change("model.margin", 2.0, 3.0),))}


def test_without_any_base_variants_are_of_the_first_by_name() -> None:
    found = variations(trained({"c": {"margin": 3.0}, "b": {"margin": 2.0}, "a": {"margin": 1.0}}))
    assert {item.variant: variation.base for item, variation in found.items()} == {"b": "a", "c": "a"}


def test_nothing_is_a_variant_of_another_method_or_on_other_data() -> None:
    known = {cell("one"): {"model": {}}, cell("default", "pref"): {"model": {}}}
    assert variations({**known, cell("default", dataset="e"): {"model": {}}}) == {}
