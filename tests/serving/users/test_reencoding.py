"""A new model's states of all users, made in bulk from their stored pairs."""

import pytest
import sqlalchemy as sa

from prefactor.serving.users import store as module
from prefactor.serving.users.tables import STATES
from tests.serving.users.world import check_whole, make_people, pairs, stored

USERS = [f"user-{number}" for number in range(11)]


@pytest.fixture
def filled(store):
    """Users with 1 to 11 pairs each, by the first model."""
    people = make_people(store)
    for number, user_id in enumerate(USERS):
        people.observe(user_id, pairs(*range(10 * number, 11 * number + 1)))
    return store


def newer_people(store, version=2):
    return make_people(store, seed=version, label=f"prefactor-tiny/{version}")


def labels(url) -> set[str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = set(connection.scalars(sa.select(STATES.c.label)))
    engine.dispose()
    return {label.split()[0].removeprefix("prefactor-tiny/") for label in found}


@pytest.mark.parametrize("most", [1, 7, 512])
def test_everyone_is_re_encoded_whatever_the_batches(url, filled, monkeypatch, most):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", most)
    people = newer_people(filled)
    assert people.reencode() == len(USERS)
    reads = len(people._ranker.backbone.read)
    assert check_whole(url, filled, people, USERS) == 66
    assert people.reencode() == 0
    assert len(people._ranker.backbone.read) == reads  # nobody was behind


def test_texts_of_a_batch_are_embedded_once(filled):
    for user_id in USERS:
        filled.observe(user_id, pairs(500), make_people(filled).posteriors)
    people = newer_people(filled)
    people.reencode()
    assert people._ranker.backbone.read.count(("p3", "good 500")) == 1


def test_what_was_stopped_goes_on_with_those_who_are_left(url, filled, monkeypatch):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 5)
    people, told = newer_people(filled), []

    def stop_soon(users):
        told.append(users)
        if len(told) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        people.reencode(stop_soon)
    assert 0 < sum(told) < len(USERS)
    assert people.reencode() == len(USERS) - sum(told)
    assert check_whole(url, filled, people, USERS) == 66


def test_pairs_that_come_meanwhile_are_not_lost(url, filled, monkeypatch):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 30)
    older, people = make_people(filled), newer_people(filled)
    embed, number = people.posteriors._embed, iter(range(1000, 2000))

    def embed_slowly(prompts, responses):  # everybody has something to say in between, to both models
        for place, user_id in enumerate(USERS):
            (older, newcomer)[place % 2].observe(user_id, pairs(next(number)))
        return embed(prompts, responses)

    newcomer = newer_people(filled)
    people.posteriors._embed = embed_slowly
    people.reencode()
    people.posteriors._embed = embed
    expected = 66 + next(number) - 1000
    assert [check_whole(url, filled, each, USERS) for each in (people, older)] == [expected, expected]


def test_states_of_the_previous_model_are_kept_for_a_rollback_and_earlier_ones_are_not(url, filled):
    make_people(filled).reencode()
    for version in (2, 3, 4):
        newer_people(filled, version).reencode()
    assert labels(url) == {"3", "4"}
    people = newer_people(filled, 3)
    assert people.reencode() == 0  # the rollback
    assert people._ranker.backbone.read == []
    assert check_whole(url, filled, people, USERS) == 66
    assert labels(url) == {"3", "4"}


def test_a_model_that_answers_keeps_its_states_when_the_first_one_is_re_encoded(url, filled):
    newer_people(filled).reencode()
    assert labels(url) == {"1", "2"}


def test_users_forgotten_meanwhile_stay_forgotten(url, filled, monkeypatch):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 30)
    people = newer_people(filled)
    embed = people.posteriors._embed

    def embed_slowly(prompts, responses):
        filled.forget(USERS[3])
        filled.forget(USERS[10])
        return embed(prompts, responses)

    people.posteriors._embed = embed_slowly
    people.reencode()
    left = [user_id for user_id in USERS if user_id not in (USERS[3], USERS[10])]
    assert stored(url).keys() == {filled._digest(user_id) for user_id in left}
    assert check_whole(url, filled, people, left) == 66 - 4 - 11
