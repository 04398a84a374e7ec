"""The nearest key of each query's own user, against a plain loop."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from prefactor.decoding.exact import cosine
from prefactor.decoding.exact.cosine import directions, nearest, nearest_within
from prefactor.errors import InputError

USERS, PROMPTS, WIDTH = 5, 12, 3
owned = st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(0, PROMPTS - 1)), max_size=25)


def drawn(seed: int) -> Tensor:
    table = torch.randn(PROMPTS, WIDTH, generator=torch.Generator().manual_seed(seed))
    return directions(table[torch.arange(PROMPTS) % (PROMPTS - 3)])  # the last three repeat the first


def columns(rows: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    table = torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def found_by(queries: list[tuple[int, int]], keys: list[tuple[int, int]], table: Tensor) -> tuple[list[int], Tensor]:
    """The key of each query, -1 without one, and its cosine."""
    (asker, asked), (holder, key) = columns(queries), columns(keys)
    entry, value = torch.full_like(asker, -1), torch.zeros(len(asker))
    for rows, near, best in nearest_within(table[asked], asker, table, key, holder, USERS):
        assert (entry[rows] == -1).all()
        entry[rows], value[rows] = near, best
    return entry.tolist(), value


@settings(max_examples=60)
@given(owned, owned, st.integers(0, 1_000))
def test_as_by_a_loop_over_queries(queries: list[tuple[int, int]], keys: list[tuple[int, int]], seed: int) -> None:
    """Also where prompts are alike but for rounding: then the first key counts."""
    table = drawn(seed)
    similar = table.double() @ table.double().T
    found, value = found_by(queries, keys, table)
    for number, (user, prompt) in enumerate(queries):
        mine = {place: float(similar[prompt, key]) for place, (owner, key) in enumerate(keys) if owner == user}
        expected = min((p for p in mine if mine[p] >= max(mine.values()) - cosine.TIE), default=-1)
        assert found[number] == expected
        assert not mine or abs(float(value[number]) - max(mine.values())) < 1e-5


def test_of_keys_alike_but_for_rounding_the_first_counts() -> None:
    place, best = nearest(torch.tensor([[0.1, 0.5, 0.5 + 5e-7], [0.1, 0.5, 0.6]]))
    assert place.tolist() == [1, 2]
    torch.testing.assert_close(best, torch.tensor([0.5, 0.6]))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randint(0, 5, (30, 2), generator=generator).tolist() for _ in range(2))
    queries, keys = [tuple(row) for row in queries], [tuple(row) for row in keys]
    whole = found_by(queries, keys, drawn(0))[0]
    for cells in (1, 40):
        monkeypatch.setattr(cosine, "CELLS_PER_CHUNK", cells)
        assert found_by(queries, keys, drawn(0))[0] == whole


def test_directions_have_length_one_and_an_empty_embedding_stays() -> None:
    found = directions(torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    with pytest.raises(InputError, match="prompt 1 is not finite"):
        directions(torch.tensor([[1.0], [torch.nan]]))
    with pytest.raises(InputError, match=r"have shape \(2,\)"):
        directions(torch.ones(2))
