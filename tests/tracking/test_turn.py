"""One publisher of a checkout at a time."""

import threading

from prefactor.tracking.turn import turn


def test_turns_do_not_overlap(tmp_path):
    inside, most = 0, 0

    def take() -> None:
        nonlocal inside, most
        for _ in range(20):
            with turn(tmp_path, "sqlite:///x.db"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
