"""Queries: the question and drawn items, and beside none of them what would give its answer away."""

from dataclasses import replace

from prefactor.datasets.lamp.candidates import PROFILE, QUESTION
from prefactor.decoding.policies.queries import queries_of
from tests.decoding.policies.made import PEOPLE


def test_everybody_is_asked_their_question_and_some_items() -> None:
    found = queries_of(PEOPLE, 2, 0)
    assert [(query.user_id, query.kind) for query in found] == [
        *[("p0", QUESTION), ("p0", PROFILE), ("p0", PROFILE)],
        *[("p1", QUESTION), ("p1", PROFILE), ("p1", PROFILE)],
        ("p2", QUESTION),
    ]
    assert found[0].prompt == PEOPLE[0].prompt and found[0].gold == PEOPLE[0].gold
    assert len({(query.user_id, query.id) for query in found}) == len(found)


def test_what_is_asked_about_is_not_shown() -> None:
    for query in queries_of(PEOPLE, 9, 0):
        items = PEOPLE[query.person].items
        assert len(query.items) == len(items) - (query.kind == PROFILE)
        assert all(item.prompt != query.prompt and item.gold != query.gold for item in query.items)


def test_an_item_that_is_there_twice_is_asked_once_and_never_shown_beside_itself() -> None:
    item = PEOPLE[0].items[0]
    again = replace(item, id="again"), replace(item, id="same words", prompt="Another prompt")
    found = queries_of([replace(PEOPLE[0], items=(*PEOPLE[0].items, *again))], 9, 0)
    (asked,) = (query for query in found if query.prompt == item.prompt or query.gold == item.gold)
    assert not {item.id, "again", "same words"} & {one.id for one in asked.items}


def test_an_item_that_is_the_question_is_neither_asked_nor_shown() -> None:
    known = replace(PEOPLE[0].items[0], id="known", prompt=PEOPLE[0].prompt)
    found = queries_of([replace(PEOPLE[0], items=(*PEOPLE[0].items, known))], 9, 0)
    assert "known" not in {query.id for query in found} | {item.id for item in found[0].items}


def test_an_item_with_the_answer_is_neither_asked_nor_shown_however_it_is_written() -> None:
    one = PEOPLE[0]
    loud = replace(one.items[0], id="loud", gold=f" {one.gold.upper()}!")
    found = queries_of([replace(one, items=(*one.items, loud))], 9, 0)
    assert "loud" not in {query.id for query in found} | {item.id for item in found[0].items}
    assert all("loud" in {item.id for item in query.items} for query in found[1:] if query.prompt != loud.prompt)


def test_items_that_differ_in_case_spaces_and_signs_are_one() -> None:
    one, item = PEOPLE[0], PEOPLE[0].items[0]
    again = replace(item, id="prompt", prompt=f"{item.prompt.upper()}!", gold="Another")
    same = replace(item, id="gold", prompt="Another", gold=item.gold.replace(" ", "  ").lower())
    found = queries_of([replace(one, items=(*one.items, again, same))], 9, 0)
    assert len({item.id, "prompt"} & {query.id for query in found}) == 1
    for query in found:
        shown = {other.id for other in query.items}
        assert query.id not in {item.id, "prompt"} or not {item.id, "prompt"} & shown
        assert query.id not in {item.id, "gold"} or not {item.id, "gold"} & shown


def test_which_items_are_drawn_depends_on_the_seed_and_the_person_alone() -> None:
    alone, together = queries_of(PEOPLE[1:2], 2, 0), queries_of(PEOPLE, 2, 0)
    assert [query.id for query in alone] == [query.id for query in together if query.user_id == "p1"]
    drawn = {tuple(query.id for query in queries_of(PEOPLE[:1], 2, seed)) for seed in range(8)}
    assert len(drawn) > 1
