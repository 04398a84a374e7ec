"""What the store keeps of users, whichever database it is in."""

import pytest
import sqlalchemy as sa
import torch

from prefactor.errors import InputError
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.faults import ReusedKeyError
from prefactor.serving.users.store import UserStore
from prefactor.serving.users.tables import PAIRS, STATES, USERS
from tests.serving.users.world import ROUNDING, check_whole, difference, encoded, make_people, pairs, stored


def kept(store, people, user_id="zoe"):
    return store.states([user_id], people.posteriors)[user_id].kept


def rows(url, table):
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(sa.select(table)).all()
    engine.dispose()
    return found


@pytest.mark.parametrize("loadings", [True, False], ids=["loadings", "published"])
def test_observing_pair_after_pair_equals_encoding_all_at_once(url, store, loadings):
    people = make_people(store, loadings=loadings)
    for number in range(12):
        store.observe("zoe", pairs(number), people.posteriors)
    store.observe("zoe", pairs(*range(12, 30)), people.posteriors)
    assert difference(kept(store, people), encoded(people, pairs(*range(30)))) < ROUNDING
    assert check_whole(url, store, people) == 30


def test_a_state_that_was_stored_is_the_one_that_was_computed_bit_for_bit(store):
    people = make_people(store)
    expected = people.posteriors.start(["zoe"])
    for number in range(6):
        store.observe("zoe", pairs(number), people.posteriors)
        expected = people.posteriors.moved(expected, people.posteriors.read([pairs(number)]))
    found = kept(store, people)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_observing_reads_no_text_of_earlier_pairs(store):
    people = make_people(store)
    store.observe("zoe", pairs(*range(50)), people.posteriors)
    backbone = people._ranker.backbone
    backbone.read.clear()
    store.observe("zoe", pairs(99), people.posteriors)
    kept(store, people)
    assert {response for _, response in backbone.read} == {"good 99", "bad 99"}


def test_a_call_repeated_under_its_key_changes_nothing(url, store):
    people = make_people(store)
    assert store.observe("zoe", pairs(1, 2), people.posteriors, key="first")
    before = rows(url, STATES)
    assert not store.observe("zoe", pairs(1, 2), people.posteriors, key="first")
    assert rows(url, STATES) == before
    assert check_whole(url, store, people) == 2


def test_a_key_is_a_users_own_and_calls_without_one_are_all_new(url, store):
    people = make_people(store)
    for user_id in ("zoe", "yan"):
        assert store.observe(user_id, pairs(1), people.posteriors, key="first")
        assert store.observe(user_id, pairs(1), people.posteriors)
        assert store.observe(user_id, pairs(1), people.posteriors)
    assert check_whole(url, store, people, ["zoe", "yan"]) == 6


@pytest.mark.parametrize("other", [pairs(2), pairs(1, 2), pairs(2, 1)])
def test_a_key_used_for_other_pairs_is_refused_and_nothing_is_stored(url, store, other):
    people = make_people(store)
    store.observe("zoe", pairs(1), people.posteriors, key="first")
    with pytest.raises(ReusedKeyError, match="take a new key") as refusal:
        store.observe("zoe", other, people.posteriors, key="first")
    assert "zoe" not in str(refusal.value)
    assert check_whole(url, store, people) == 1


@pytest.mark.parametrize("place", ["prompt", "chosen", "rejected"])
def test_what_could_not_be_kept_is_refused_first(url, store, place):
    people = make_people(store)
    half = ReferencePair(**{"prompt": "p", "chosen": "a", "rejected": "b", place: "\ud800"})
    for given, fault in (([], "no pairs"), ([*pairs(1), half], rf"pairs\[1\]\.{place} is not valid Unicode")):
        with pytest.raises(InputError, match=fault):
            store.observe("zoe", given, people.posteriors)
    assert stored(url) == {}


def test_odd_but_whole_texts_come_back_as_they_were(url, store):
    odd = [
        ReferencePair(prompt="", chosen="a\n\t'\"%s{}\\ ;--", rejected="ü 漢字 🎈 \u202e"),
        ReferencePair(prompt="\x1f\0", chosen="x" * 50_000, rejected=" "),
    ]
    people, name = make_people(store), "ü '漢' 🎈\0" + "i" * 20_000
    store.observe(name, odd, people.posteriors, key="🗝\0" * 9_000)
    assert store.pairs(name) == odd
    assert store.pairs("zoe") == []
    assert check_whole(url, store, people, [name]) == 2


def test_a_store_that_is_opened_again_goes_on(url, store):
    people = make_people(store)
    store.observe("zoe", pairs(1), people.posteriors, key="first")
    store.forget("yan")
    again = UserStore.open(url)
    assert not again.observe("zoe", pairs(1), people.posteriors, key="first")
    assert again.observe("zoe", pairs(2), people.posteriors)
    assert again.forgotten("yan")
    assert check_whole(url, again, people) == 2
    again.close()


def test_users_who_are_not_there_are_not_among_the_states(store):
    people = make_people(store)
    store.observe("zoe", pairs(1), people.posteriors)
    assert store.states(["yan", "zoe"], people.posteriors).keys() == {"zoe"}
    assert store.states([], people.posteriors) == {}


def test_a_damaged_state_is_made_again_from_the_pairs(url, store):
    people = make_people(store)
    for damage in (b"", b"rubbish", b"\0" * 600):
        store.observe("zoe", pairs(1, 2), people.posteriors)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.update(STATES).values(state=damage))
        engine.dispose()
        store.observe("zoe", pairs(3), people.posteriors)  # goes on although it finds the damage
        check_whole(url, store, people)


def test_a_forgotten_user_leaves_a_digest_alone(url, store):
    people = make_people(store)
    for user_id in ("zoe", "yan"):
        store.observe(user_id, pairs(1, 2), people.posteriors, key="first")
    assert store.forget("zoe")
    assert not store.forget("zoe")
    assert (store.forgotten("zoe"), store.forgotten("yan")) == (True, False)
    left = [row.user for table in (USERS, STATES) for row in rows(url, table)]
    assert left == [store._digest("yan")] * 2
    assert check_whole(url, store, people, ["yan"]) == 2


def test_digests_of_two_stores_differ(url, store, tmp_path):
    other = UserStore.open(str(tmp_path / "other.db"))
    for one in (store, other):
        one.forget("zoe")
    assert store._digest("zoe") != other._digest("zoe")
    other.close()


def test_a_forgotten_user_who_comes_again_starts_from_nothing(url, store):
    people = make_people(store)
    store.observe("ada", pairs(1), people.posteriors, key="first")  # known from the training data
    assert kept(store, people, "ada")["count"].item() == 2
    store.forget("ada")
    assert store.observe("ada", pairs(5), people.posteriors, key="first")
    assert kept(store, people, "ada")["count"].item() == 1
    assert difference(kept(store, people, "ada"), encoded(people, pairs(5))) < ROUNDING


def test_states_made_of_pairs_that_were_forgotten_meanwhile_are_not_kept(url, store):
    people = make_people(store)

    def embed(prompts, responses):  # the user is forgotten, and comes again, while texts are read
        store.forget("zoe")
        store.observe("zoe", pairs(7), people.posteriors)
        return people._embed(prompts, responses)

    store.observe("zoe", pairs(1, 2), people.posteriors)
    newer = make_people(store, seed=1, label="prefactor-tiny/2")
    once, newer.posteriors._embed = newer.posteriors._embed, embed
    store._take_up(newer.posteriors, {}, among=[store._digest("zoe")])
    newer.posteriors._embed = once
    assert [row.label for row in rows(url, STATES)] == [people.posteriors.label]
    assert difference(kept(store, newer), encoded(newer, pairs(7))) < ROUNDING
    assert len(rows(url, PAIRS)) == 1


def test_nothing_depends_on_the_wall_clock(url, store, monkeypatch):
    ticks = iter(range(10_000, 0, -1))
    monkeypatch.setattr("time.time", lambda: float(next(ticks)))
    people = make_people(store)
    for number in range(5):
        store.observe("zoe", pairs(number), people.posteriors)
        store._database._engine.dispose()
    newer = make_people(store, seed=1, label="prefactor-tiny/2")
    assert newer.reencode() == 1
    assert store.pairs("zoe") == pairs(*range(5))
    check_whole(url, store, newer)
