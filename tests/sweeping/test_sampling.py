"""What a sweep tries next: never the same twice, all of a grid, and what a good draw comes from."""

from pathlib import Path

import pytest

from prefactor.sweeping.outcome import complete
from prefactor.sweeping.sampling import distributions, next_changes
from prefactor.sweeping.space import Flat, Range, Space
from prefactor.sweeping.ways import How
from tests.sweeping.tiny import in_memory

LISTS = Space({"model.bases": (4, 8, 16), "model.form": ("linear", "mlp")})
BASE = {"model.bases": 8, "model.form": "mlp"}


def drawn(folder: Path, how: How, space: Space, base: Flat, most: int) -> list[Flat]:
    """A sweep's trials, whose score is the larger the nearer the learning rate, if there is one, is to 0.01."""
    ledger = in_memory(folder, "off")
    while (changes := next_changes(how, space, base, ledger.trials())) is not None and len(ledger.trials()) < most:
        number = ledger.begin(changes, distributions(space))
        rate = changes.get("training.learning_rate", 0.5)
        ledger.record(complete(number, changes, {"0": {"mean": 1 - abs(rate - 0.01)}}))
    return [ledger.changes(trial.number) for trial in ledger.trials()]


@pytest.mark.parametrize("how", ["grid", "tpe", "random"])
def test_a_space_of_lists_is_tried_whole_and_nothing_twice(tmp_path: Path, how: How) -> None:
    found = drawn(tmp_path, how, LISTS, BASE, 99)
    assert found[0] == {}  # the variant as it stands, whose values are tried by it
    assert sorted(map(repr, found[1:])) == sorted(repr(point) for point in LISTS.grid() if point != BASE)


def test_a_grid_is_tried_in_its_order(tmp_path: Path) -> None:
    assert drawn(tmp_path, "grid", LISTS, {}, 99)[1:] == LISTS.grid()


@pytest.mark.parametrize("how", ["tpe", "random"])
def test_draws_come_from_their_space_and_are_the_same_again(tmp_path: Path, how: How) -> None:
    space = Space(
        {**LISTS.leaves, "training.learning_rate": Range(0.001, 1.0, log=True), "training.epochs": Range(2, 9)}
    )
    found = drawn(tmp_path / "one", how, space, {}, 15)
    assert found == drawn(tmp_path / "two", how, space, {}, 15)
    for point in found[1:]:
        assert 0.001 <= point["training.learning_rate"] <= 1.0 and point["training.epochs"] in range(2, 10)
        assert isinstance(point["training.epochs"], int)


def test_tpe_draws_where_earlier_trials_were_good(tmp_path: Path) -> None:
    space = Space({"training.learning_rate": Range(0.0, 1.0)})

    def late(how: How) -> float:
        found = drawn(tmp_path / how, how, space, {}, 40)[25:]
        return sum(abs(point["training.learning_rate"] - 0.01) for point in found)

    assert late("tpe") < 0.5 * late("random")
