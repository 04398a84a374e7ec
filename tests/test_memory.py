"""What a program has held is its own, whoever started it."""

import subprocess
import sys

from prefactor.memory import most_memory

HELD = 400  # MB
MEASURE = """
from prefactor.memory import most_memory
before = most_memory()
held = bytearray(50 * 10**6)
print(before, most_memory())
"""


def test_memory_of_whoever_started_it_does_not_count() -> None:
    held = bytearray(HELD * 10**6)
    assert most_memory() > HELD
    told = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True).stdout.split()
    before, after = map(float, told)
    assert before < HELD / 2 and 45 < after - before < 100
    del held
