"""Result rows by what they are of."""

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.reporting.generation.measured import Measured, in_order
from tests.reporting.generation.made_up import measured, row


def test_figures_are_found_by_setting_and_known_pairs() -> None:
    found = measured(
        row("accuracy", "exact", 0.6, shots=5),
        row("accuracy", "drift", 0.7, shots=40),
        row("accuracy", "drift", 0.65, shots=5),
        row("accuracy", "drift", 0.5, setting="m=3", shots=40),
        row("accuracy", "drift", 0.9) | {"split": "seen"},
        row("accuracy", "drift", 0.9) | {"seed": "0"},
    )
    plain = found.find("accuracy", m=None)
    assert [(key.method, key.shots) for key, _ in plain] == [("drift", 5), ("drift", 40), ("exact", 5)]
    assert found.one("accuracy", "drift", m=None).value == 0.7 and found.one("accuracy", "drift", m="3").value == 0.5
    assert found.one("accuracy", "drift", m="7") is None and found.values("m", "accuracy") == ["3"]


def test_all_known_pairs_count_as_the_most() -> None:
    found = measured(row("accuracy", "drift", 0.7, shots=40), row("accuracy", "drift", 0.8))
    assert found.one("accuracy", "drift").value == 0.8


def test_a_variant_is_told_apart_and_a_figure_given_twice_is_refused() -> None:
    first = row("accuracy", "drift", 0.7)
    found = measured(first, first | {"variant": "faithful"})
    assert [key.setting for key, _ in found.find("accuracy")] == ["", "variant=faithful"]
    with pytest.raises(InputError, match="one figure twice"):
        measured(first, first)


def test_datasets_may_have_the_same_figure_and_are_told_apart() -> None:
    mine = row("accuracy", "exact", 0.6, setting="topic_shift=off")
    other = mine | {"dataset": "prism", "value": 0.7, "setting": "format_check=1;topic_shift=off"}
    found = measured(mine, other)
    assert found.datasets == ["prism", "stylebench"] and found.checks == {"prism"}
    values = [found.of_dataset(name).one("accuracy", "exact", topic_shift="off").value for name in found.datasets]
    assert values == [0.7, 0.6] and not found.of_dataset("stylebench").checks
    assert {key.setting for key in found.estimates} == {"topic_shift=off"}


def test_numbers_sort_as_numbers() -> None:
    assert sorted(["10", "3-5", "1", "on", "20-40"], key=in_order) == ["1", "3-5", "10", "20-40", "on"]


def test_without_rows_nothing_is_found() -> None:
    empty = Measured.of(pd.DataFrame(columns=["split", "seed"]))
    assert not empty.estimates and not empty.find("accuracy") and not empty.values("m", "accuracy")
