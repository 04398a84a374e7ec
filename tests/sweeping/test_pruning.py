"""What a trial said in an earlier training does not count for a later one."""

from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.sweeping.ledger import Ledger
from prefactor.sweeping.outcome import Outcome, Point, State, complete
from prefactor.sweeping.pruning import STEPS_OF_A_PHASE, step_of
from prefactor.sweeping.ways import Pruning
from tests.sweeping.tiny import in_memory

STEPS = 6


def run(ledger: Ledger, values: list[list[float]]) -> int:
    """A trial of several trainings; after how many validations it was ended, or all."""
    number, said = ledger.begin({}, {}), 0
    for phase, of_phase in enumerate(values):
        for step, value in enumerate(of_phase, 1):
            said += 1
            if ledger.told(number, Point(phase, step, 0, "model", value)):
                ledger.record(Outcome(number, State.PRUNED))
                return said
    ledger.record(complete(number, {}, {"0": {"mean": values[-1][-1]}}))
    return said


@pytest.mark.parametrize(("pruning", "ended"), [("off", 12), ("median", 7), ("halving", 2)])
def test_what_does_worse_later_is_ended_though_it_began_well(tmp_path: Path, pruning: Pruning, ended: int) -> None:
    ledger = in_memory(tmp_path, pruning)
    whole = [run(ledger, [[0.7] * STEPS, [0.9] * STEPS]) for _ in range(6)]
    assert whole[0] == 2 * STEPS and (pruning == "halving" or whole == [2 * STEPS] * 6)
    beginning = 0.6 if pruning == "halving" else 0.7
    assert run(ledger, [[beginning] * STEPS, [0.5] * STEPS]) == ended


def test_the_yardstick_is_never_ended(tmp_path: Path) -> None:
    ledger = in_memory(tmp_path, "halving")
    first = ledger.begin({}, {})
    for _ in range(3):
        run(ledger, [[0.9] * STEPS])
    assert not any(ledger.told(first, Point(0, step, 0, "model", 0.1)) for step in range(1, STEPS))


def test_later_phases_lie_above_earlier_ones() -> None:
    first, second = (step_of(Point(phase, 5, 0, "model", value)) for phase, value in ((0, 0.99), (1, 0.01)))
    assert first < second and first[1] < second[1]
    with pytest.raises(InputError, match="set validations below 1000"):
        step_of(Point(0, STEPS_OF_A_PHASE, 0, "model", 0.5))
