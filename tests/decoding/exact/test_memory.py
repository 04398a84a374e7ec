"""What is kept of repeated prompts, and that keeping more later is keeping all at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prefactor.decoding.exact.memory import Memory

USERS = 3
entry = st.tuples(
    st.integers(0, USERS - 1),  # user
    st.integers(0, 3),  # prompt
    st.tuples(st.integers(0, 2), st.integers(3, 5)),  # subset
    st.integers(-2, 2).map(float),  # objective, often equal
    st.integers(-2, 2).map(float),  # gain
)
entries = st.lists(entry, max_size=12)


def memory(rows: list[tuple]) -> Memory:
    segment, prompt, subsets, objective, gain = ([row[column] for row in rows] for column in range(5))
    return Memory.of(
        USERS,
        np.array(segment, dtype=np.int64),
        np.array(prompt, dtype=np.int64),
        np.array(subsets, dtype=np.int64).reshape(-1, 2),
        np.array(objective, dtype=np.float64),
        np.array(gain, dtype=np.float64),
    )


def same(first: Memory, second: Memory) -> bool:
    names = ("segment", "prompt", "subsets", "objective", "gain")
    return first.users == second.users and all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


@given(entries)
def test_a_prompt_keeps_the_subset_with_the_largest_objective(rows: list[tuple]) -> None:
    found = memory(rows)
    held = [*zip(found.segment.tolist(), found.prompt.tolist(), strict=True)]
    assert held == sorted({row[:2] for row in rows})
    for number, key in enumerate(held):
        best = max(row[3] for row in rows if row[:2] == key)
        first = min(row[2] for row in rows if row[:2] == key and row[3] == best)
        assert found.objective[number] == best and tuple(found.subsets[number].tolist()) == first


@given(entries, st.randoms())
def test_the_order_of_pairs_does_not_matter(rows: list[tuple], random: object) -> None:
    shuffled = [*rows]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert same(memory(shuffled), memory(rows))


@given(entries, entries)
def test_appending_is_keeping_all_at_once(old: list[tuple], new: list[tuple]) -> None:
    assert same(memory(old).append(memory(new)), memory([*old, *new]))


def test_no_entry_means_no_attributes() -> None:
    found = memory([(0, 0, (1, 4), 0.0, 0.0)]).subset_of(np.array([-1, 0]))
    assert found.tolist() == [[-1, -1], [1, 4]]


def test_attributes_are_counted_over_a_users_entries() -> None:
    entries = [(0, 0, (0, 1)), (0, 1, (1, 0)), (0, 2, (3, -1)), (1, 0, (0, 1)), (2, 0, (-1, -1))]
    found = memory([(*row, 0.0, 0.0) for row in entries])
    assert found.selected(4).tolist() == [[2, 2, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert not memory([]).selected(4).any()
