"""What is known of whoever asks, and where from."""

import pytest
import torch

from prefactor.serving.requests import ANSWERED_FROM, KNOWN_USER, PRIOR, REFERENCE_PAIRS, UPDATED_USER
from prefactor.serving.users.faults import NoStoreError
from tests.serving.users.world import ROUNDING, batch, check_whole, difference, encoded, make_people, pairs


def same(first, second) -> bool:
    return first.tensors.keys() == second.tensors.keys() and all(
        torch.equal(first[name], second[name]) for name in first.tensors
    )


def test_a_stranger_is_answered_from_the_prior_and_a_known_user_from_the_training_data(store):
    for people in (make_people(store), make_people(None)):
        prior, known = people.posteriors.prior, people.posteriors.known.state
        for user_id in (None, "zoe"):
            state, source = people.state(user_id)
            assert (same(state, prior), source) == (True, PRIOR)
        state, source = people.state("ben")
        assert (same(state, known.rows(torch.tensor([1]))), source) == (True, KNOWN_USER)


def test_a_user_with_stored_pairs_starts_from_what_was_known(url, store):
    people = make_people(store)
    state = people.observe("zoe", pairs(1, 2))
    assert same(state, people.state("zoe")[0])
    assert people.state("zoe")[1] == REFERENCE_PAIRS
    people.observe("ada", pairs(3))
    state, source = people.state("ada")
    assert (state["count"].item(), source) == (2, UPDATED_USER)
    assert {REFERENCE_PAIRS, UPDATED_USER} < set(ANSWERED_FROM)
    assert difference(people.posteriors.model.kept(state), encoded(people, pairs(3), "ada")) < ROUNDING
    assert check_whole(url, store, people, ["zoe", "ada"]) == 3


def test_a_state_is_what_the_method_makes_of_the_pairs(store):
    people = make_people(store)
    for number in range(9):
        state = people.observe("zoe", pairs(number))
    with torch.no_grad():
        expected = people.posteriors.model.adapt(batch(pairs(*range(9))))
    assert difference(state.tensors, expected.tensors) < 10 * ROUNDING
    assert state["count"].tolist() == [9]


def test_a_forgotten_user_of_the_training_data_is_a_stranger(store):
    people = make_people(store)
    people.observe("ada", pairs(1))
    assert [people.forget(user_id) for user_id in ("ada", "ben", "zoe")] == [True, True, False]
    assert [people.forget(user_id) for user_id in ("ada", "ben", "zoe")] == [False, False, False]
    for user_id in ("ada", "ben"):
        state, source = people.state(user_id)
        assert (same(state, people.posteriors.prior), source) == (True, PRIOR)
    newer = make_people(store, seed=1, label="prefactor-tiny/2")
    assert newer.state("ben")[1] == PRIOR
    state = people.observe("ada", pairs(2))
    assert (state["count"].item(), people.state("ada")[1]) == (1, REFERENCE_PAIRS)


def test_who_has_a_new_model_is_answered_by_it_before_all_are_re_encoded(url, store):
    people = make_people(store)
    for user_id in ("zoe", "ada"):
        people.observe(user_id, pairs(1, 2, 3))
    newer = make_people(store, seed=1, label="prefactor-tiny/2")
    state, source = newer.state("ada")
    assert source == UPDATED_USER
    assert difference(newer.posteriors.model.kept(state), encoded(newer, pairs(1, 2, 3), "ada")) < ROUNDING
    assert newer.reencode() == 1
    assert check_whole(url, store, newer, ["zoe", "ada"]) == 6


def test_two_models_take_turns_with_a_user_and_neither_undoes_the_others_work(url, store):
    people, newer = make_people(store), make_people(store, seed=1, label="prefactor-tiny/2")
    for number in range(8):
        (people, newer)[number % 2].observe("zoe", pairs(number))
    for each in (people, newer):
        each._ranker.backbone.read.clear()
        assert check_whole(url, store, each) == 8
        assert len(each._ranker.backbone.read) <= 2  # the last pair, of the other's


def test_the_same_name_for_other_weights_is_another_model(store):
    people = make_people(store)
    people.observe("zoe", pairs(1, 2))
    anew = make_people(store, seed=1)
    kept = anew.posteriors.model.kept(anew.state("zoe")[0])
    assert difference(kept, encoded(anew, pairs(1, 2))) < ROUNDING


def test_progress_is_told(store):
    people = make_people(store)
    for user_id in ("zoe", "yan", "ada"):
        people.observe(user_id, pairs(1))
    newer, told = make_people(store, seed=1, label="prefactor-tiny/2"), []
    assert newer.reencode(told.append) == 3
    assert sum(told) == 3


def test_without_a_store_nothing_can_be_kept():
    people = make_people(None)
    for call in (lambda: people.observe("zoe", pairs(1)), lambda: people.forget("zoe"), people.reencode):
        with pytest.raises(NoStoreError, match="no user store"):
            call()


def test_a_state_in_memory_is_that_of_the_stored_pairs_and_of_no_others(url, store):
    here, there = make_people(store), make_people(store)
    for number in range(4):
        moved = there.observe("zoe", pairs(number))
        again = [here.state("zoe")[0] for _ in range(2)]
        assert again[0] is again[1] and same(again[0], moved)
    there.forget("zoe")
    assert here.state("zoe")[1] == PRIOR
    new = there.observe("zoe", pairs(11, 12, 13, 14))  # as many as before
    assert same(here.state("zoe")[0], new)
    newer = make_people(store, seed=1, label="prefactor-tiny/2")
    assert not same(newer.state("zoe")[0], new) and same(here.state("zoe")[0], new)


def test_of_a_forgotten_user_nothing_stays_in_memory_even_who_asked_meanwhile(store, monkeypatch):
    people = make_people(store)
    people.observe("zoe", pairs(1))
    mark, forget = store.mark("zoe"), store.forget
    assert people._recent.get("zoe", mark) is not None

    def asked_before(user_id):
        people.state(user_id)
        return forget(user_id)

    monkeypatch.setattr(store, "forget", asked_before)
    assert people.forget("zoe")
    assert people._recent.get("zoe", mark) is None
