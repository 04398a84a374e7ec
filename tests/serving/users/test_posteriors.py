"""A user's posterior after pair upon pair is that of all pairs at once."""

import pytest
import torch

from prefactor.serving.users.posteriors import joined, single
from tests.serving.users.world import (
    ROUNDING,
    batch,
    difference,
    encoded,
    make_people,
    pairs,
)

BOTH = pytest.mark.parametrize("loadings", [True, False], ids=["loadings", "published"])


def one_by_one(posteriors, reference):
    kept = posteriors.start(["zoe"])
    for pair in reference:
        kept = posteriors.moved(kept, posteriors.read([[pair]]))
    return kept


@BOTH
@pytest.mark.parametrize("size", [1, 2, 9, 60])
def test_pair_by_pair_equals_all_at_once(loadings, size):
    people = make_people(None, loadings=loadings)
    reference = pairs(*range(size))
    assert difference(one_by_one(people.posteriors, reference), encoded(people, reference)) < ROUNDING


@BOTH
def test_pair_by_pair_equals_the_methods_own_update_bit_for_bit(loadings):
    people = make_people(None, loadings=loadings)
    kept, state = one_by_one(people.posteriors, pairs(*range(9))), people.posteriors.prior
    for pair in pairs(*range(9)):
        state = people.posteriors.model.update(state, batch([pair]))
    assert all(torch.equal(kept[name], state[name]) for name in kept)


def test_as_published_in_any_order():
    people = make_people(None, loadings=False)
    reference = pairs(*range(30))
    assert difference(one_by_one(people.posteriors, reference[::-1]), encoded(people, reference)) < ROUNDING


@BOTH
def test_users_together_are_users_alone(loadings):
    posteriors = make_people(None, loadings=loadings).posteriors
    users = [pairs(1, 2, 3), pairs(), pairs(2, 9), pairs(*range(20))]
    start = posteriors.start(["zoe", "ada", "ben", "yan"])
    together = posteriors.moved(start, posteriors.read(users))
    for row, own in enumerate(users):
        alone = posteriors.moved(single(start, row), posteriors.read([own]))
        assert difference(single(together, row), alone) < ROUNDING


def test_each_text_is_embedded_once():
    people = make_people(None)
    backbone = people._ranker.backbone
    people.posteriors.read([pairs(1, 2), pairs(2, 1, 2)])
    assert sorted(backbone.read) == sorted({("p1", "good 1"), ("p1", "bad 1"), ("p2", "good 2"), ("p2", "bad 2")})


def test_users_start_as_the_training_data_knows_them_others_from_the_prior():
    posteriors = make_people(None).posteriors
    started = posteriors.start(["ada", None, "zoe"])
    known = posteriors.model.kept(posteriors.known.state)
    prior = posteriors.model.kept(posteriors.prior)
    for name, tensor in started.items():
        assert torch.equal(tensor, torch.cat([known[name][:1], prior[name], prior[name]]))


@BOTH
def test_all_of_a_state_follows_from_what_is_kept(loadings):
    posteriors = make_people(None, loadings=loadings).posteriors
    state = posteriors.model.adapt(batch(pairs(1, 2, 3)))
    again = posteriors.user_state(posteriors.model.kept(state))
    assert again.tensors.keys() == state.tensors.keys()
    assert all(torch.equal(again[name], state[name]) for name in state.tensors)


def test_only_states_of_the_models_own_shape_fit():
    posteriors, other = make_people(None).posteriors, make_people(None, loadings=False).posteriors
    kept = posteriors.start(["zoe"])
    assert posteriors.fit(kept)
    assert not other.fit(kept)
    assert not posteriors.fit({**kept, "count": kept["count"].double()})
    assert not posteriors.fit(joined([kept, kept]))


def test_a_label_tells_weights_apart_that_a_name_does_not():
    labels = {make_people(None, seed).posteriors.label for seed in (0, 1, 0)}
    assert len(labels) == 2
    assert len({label.split()[0] for label in labels}) == 1
