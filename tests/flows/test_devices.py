"""Which GPU a task works on."""

import threading
from contextlib import ExitStack

import pytest

from flows.devices import VISIBLE, device, free_number, visible
from prefactor.errors import InputError


def test_each_number_is_given_once_and_whoever_comes_too_late_waits(tmp_path):
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        assert first.enter_context(free_number(2, tmp_path)) == 0
        assert stack.enter_context(free_number(2, tmp_path)) == 1
        found = []

        def wait() -> None:
            with free_number(2, tmp_path) as number:
                found.append(number)

        late = threading.Thread(target=wait)
        late.start()
        late.join(0.5)
        assert late.is_alive() and not found
        first.close()
        late.join(30)
    assert found == [0]


def test_a_core_has_no_device():
    with device("core"), visible("core") as environment:
        assert environment == {}


def test_processes_each_see_a_gpu_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(VISIBLE, raising=False)
    with visible("gpu") as first, visible("gpu") as second:
        assert [first, second] == [{VISIBLE: "0"}, {VISIBLE: "1"}]
    monkeypatch.setenv(VISIBLE, "2, 5")  # this process's own share of the machine
    with visible("gpu") as first, visible("gpu") as second:
        assert [first, second] == [{VISIBLE: "2"}, {VISIBLE: "5"}]


def test_without_a_gpu_that_is_said_rather_than_waited_for(tmp_path):
    with pytest.raises(InputError, match="this machine has none"), free_number(0, tmp_path):
        pass
