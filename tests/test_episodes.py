"""Episodes: every user once per epoch, disjoint roles, the size rule kept."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.episodes import EpisodeParameters, episodes, reference_sizes
from prefactor.preferences import PairBatch
from tests.worlds import make_pairs

RULES = [1, 9, 0.33, "log-uniform"]


def test_an_epoch_visits_every_user_once_with_all_their_pairs() -> None:
    known = make_pairs(10, 7, seen=True)
    batches = list(islice(episodes(known, EpisodeParameters(4, 3), torch.Generator().manual_seed(0)), 3))
    assert sorted(torch.cat([batch.users for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        for local, user in enumerate(batch.users):
            rows, original = batch.segment == local, known.segment == user
            text = batch.responses.text
            assert sorted(text[batch.chosen[rows]].tolist()) == sorted(known.chosen[original].tolist())
            assert sorted(batch.margin[rows].tolist()) == sorted(known.margin[original].tolist())


@pytest.mark.parametrize("rule", RULES)
def test_references_and_targets_are_disjoint_and_sized(rule: int | float | str) -> None:
    known = make_pairs(12, 8, seen=True)
    batch = next(episodes(known, EpisodeParameters(12, rule), torch.Generator().manual_seed(0)))
    references, targets = batch.references(), batch.targets()
    assert len(references) + len(targets) == len(batch)
    assert (references.pairs_per_user() >= 1).all()
    assert (targets.pairs_per_user() >= 1).all()
    if rule == 0.33:
        assert (references.pairs_per_user() == 3).all()


@settings(deadline=None, max_examples=30)
@given(counts=st.lists(st.integers(1, 50), min_size=1, max_size=20), rule=st.sampled_from(RULES))
def test_one_pair_is_always_left_to_predict(counts: list[int], rule: int | float | str) -> None:
    count = torch.tensor(counts)
    size = reference_sizes(count, rule, torch.Generator().manual_seed(0))
    assert (size < count).all()
    assert (size >= (count > 1).long()).all()


def test_log_uniform_sizes_reach_both_ends() -> None:
    size = reference_sizes(torch.full((4000,), 45), "log-uniform", torch.Generator().manual_seed(0))
    assert int(size.min()) == 1 and int(size.max()) >= 40
    assert 0.12 < float((size == 1).double().mean()) < 0.25  # log 2 / log 45 = 0.18


def test_episodes_are_fresh_every_epoch() -> None:
    stream = episodes(make_pairs(6, 8, seen=True), EpisodeParameters(6, 4), torch.Generator().manual_seed(0))
    masks = [next(stream).reference for _ in range(2)]
    assert not torch.equal(*masks)


def test_targets_apart_share_no_response_with_what_is_known_of_their_user() -> None:
    known = make_pairs(12, 8, seen=True)
    known = replace(known, chosen=known.chosen % 6, rejected=6 + known.rejected % 6)  # each user judges few responses
    both = [
        next(episodes(known, EpisodeParameters(12, "log-uniform", apart), torch.Generator().manual_seed(0)))
        for apart in (False, True)
    ]
    whole, apart = ([pairs_of(batch, role) for role in (True, False)] for batch in both)
    assert apart[0] == whole[0]  # what is known stays
    told = {(user, text) for user, *texts in whole[0] for text in texts}
    assert apart[1] == [pair for pair in whole[1] if not {(pair[0], text) for text in pair[1:]} & told]
    assert 0 < len(apart[1]) < len(whole[1])

    one_pair = replace(known, chosen=torch.zeros_like(known.chosen), rejected=torch.ones_like(known.rejected))
    batch = next(episodes(one_pair, EpisodeParameters(12, 3, apart=True), torch.Generator().manual_seed(0)))
    assert len(batch.targets()) == 12 * 5  # nothing new is left, and a loss needs something


def pairs_of(batch: PairBatch, reference: bool) -> list[tuple[int, int, int]]:
    """Each pair's user and the two texts, in one role."""
    assert batch.reference is not None
    text, rows = batch.responses.text, batch.reference == reference
    sides = (batch.segment[rows], text[batch.chosen[rows]], text[batch.rejected[rows]])
    return list(zip(*(side.tolist() for side in sides), strict=True))
