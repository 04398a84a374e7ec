"""What a trial's process is told, and what it says."""

from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.sweeping.memory import ran_out
from prefactor.sweeping.messages import Message, message_in
from prefactor.sweeping.order import Order, read_order, write_order
from tests.sweeping.tiny import make_data, settings


def test_messages_are_read_as_they_were_said_and_other_lines_are_none() -> None:
    said = Message("failed", {"reason": 'a "b"\nc'})
    assert message_in(said.line()) == said and "\n" not in said.line()
    assert message_in("sweep: 3/40 steps") is None


def test_orders_are_read_as_they_were_written(tmp_path: Path) -> None:
    order = Order(7, settings(make_data(tmp_path)), {"training.learning_rate": 1e-5}, 1.5)
    assert read_order(write_order(tmp_path, order)) == order
    with pytest.raises(InputError, match="name the order of a trial"):
        read_order(tmp_path / "none.json")
    with pytest.raises(ValueError, match="memory_gb must be positive"):
        Order(7, order.settings, {}, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried",
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "Unable to allocate 7.45 GiB for an array with shape (1000000000,)",
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ],
)
def test_running_out_of_memory_is_known_by_its_words(text: str) -> None:
    assert ran_out(text) and not ran_out("the loss is nan")
