"""Per-user reductions, and users side by side, against plain loops."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from prefactor.segments import connected, groups_by_length, places, segment_mean, segment_sum, side_by_side


@given(st.lists(st.integers(0, 20), min_size=0, max_size=12), st.integers(1, 500), st.integers(0, 100))
def test_groups_hold_every_row_once(lengths: list[int], cells: int, seed: int) -> None:
    """Each user with rows comes once, with exactly their rows in order, beside users of similar length."""
    segment = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
    segment = segment[torch.randperm(len(segment), generator=torch.Generator().manual_seed(seed))]
    found: dict[int, list[int]] = {}
    for users, rows, real in groups_by_length(segment, len(lengths), lambda n: cells // n):
        size = real.sum(-1)
        assert int(size.max()) < 2 * int(size.min())
        assert len(users) == 1 or len(users) * rows.shape[1] <= cells
        assert not set(users.tolist()) & set(found)
        found |= {int(user): mine[kept].tolist() for user, mine, kept in zip(users, rows, real, strict=True)}
    expected = {user: (segment == user).nonzero().flatten().tolist() for user in range(len(lengths))}
    assert found == {user: rows for user, rows in expected.items() if rows}


def test_sums_and_means_as_by_a_loop() -> None:
    values, segment = torch.randn(30, 4), torch.randint(0, 5, (30,))
    for user in range(6):  # user 5 has no rows
        mine = values[segment == user]
        torch.testing.assert_close(segment_sum(values, segment, 6)[user], mine.sum(0))
        torch.testing.assert_close(segment_mean(values, segment, 6)[user], mine.sum(0) / max(len(mine), 1))


def test_places_number_each_segments_rows_in_order_of_appearance() -> None:
    place, count = places(torch.tensor([2, 0, 2, 2, 0]), 4)
    assert place.tolist() == [0, 0, 1, 2, 1] and count.tolist() == [2, 0, 3, 0]
    place, count = places(torch.empty(0, dtype=torch.long), 2)
    assert place.tolist() == [] and count.tolist() == [0, 0]


@given(st.lists(st.integers(0, 4), max_size=20))
def test_rows_side_by_side_are_each_segments_own_in_order(owners: list[int]) -> None:
    segment = torch.tensor(owners, dtype=torch.long)
    values = torch.arange(1.0, len(owners) + 1).unsqueeze(-1)
    found, place = side_by_side(values, segment, 5)
    assert torch.equal(found[segment, place], values)
    for user in range(5):
        mine = values[segment == user]
        assert torch.equal(found[user, : len(mine)], mine) and (found[user, len(mine) :] == 0).all()


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_connected_nodes_share_their_least_one(size: int, edges: list[tuple[int, int]]) -> None:
    """Against joining one edge after another."""
    edges = [(first % size, second % size) for first, second in edges]
    label = [*range(size)]
    for first, second in edges:
        ends = label[first], label[second]
        label = [min(ends) if value in ends else value for value in label]
    table = torch.tensor(edges, dtype=torch.long).reshape(-1, 2)
    assert connected(table[:, 0], table[:, 1], size).tolist() == label
