"""Without some users nothing of theirs is left, and nothing of anyone else's is gone."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.forgetting.belongings import without
from prefactor.preferences import Preferences, TextBatches, content_id
from tests.forgetting.talks import GREETING, SHARED, USERS, talks

GREETINGS = {content_id(GREETING, response) for response in SHARED}


def texts_of(preferences: Preferences) -> pa.Table:
    texts = preferences.texts
    return texts if isinstance(texts, pa.Table) else texts.table()


def rows_without(table: pa.Table, column: str, names: Collection[str]) -> list[dict]:
    return [row for row in table.to_pylist() if row[column] not in names]


@pytest.mark.parametrize("lost", [{"7"}, {"anna", "zoë@example.org"}, set(USERS) - {"71"}])
def test_others_rows_are_untouched_and_in_their_order(lost: set[str]) -> None:
    before = talks()
    left, own = without(before, lost)
    assert left.pairs.to_pylist() == rows_without(before.pairs, "user_id", lost)
    assert left.users.to_pylist() == rows_without(before.users, "user_id", lost)
    assert texts_of(left).to_pylist() == rows_without(before.texts, "text_id", own.texts)
    assert left.candidates is not None and before.candidates is not None
    assert left.candidates.to_pylist() == rows_without(before.candidates, "group_id", own.groups)
    assert own.users == lost and GREETINGS.isdisjoint(own.texts) and "greeting" not in own.groups
    assert len(own.groups) == len(lost) * 10 and len(own.texts) == len(lost) * 30


def test_what_is_left_needs_nothing_that_is_gone() -> None:
    left, own = without(talks(), {"anna"})
    kept = set(texts_of(left)["text_id"].to_pylist())
    assert left.candidates is not None and left.prompts is not None
    for column in (left.pairs["chosen"], left.pairs["rejected"], left.candidates["text_id"]):
        assert set(column.to_pylist()) <= kept
    prompts = set(left.prompts["prompt_id"].to_pylist())
    assert {content_id(prompt) for prompt in texts_of(left)["prompt"].to_pylist()} <= prompts
    assert set(left.prompts["parent"].drop_null().to_pylist()) <= prompts
    assert not own.prompts & prompts and len(own.prompts) == 10
    assert set(left.source["context_of"]) == {"greeting"} | set(left.candidates["group_id"].to_pylist())


def test_conversations_that_may_be_theirs_lose_their_names() -> None:
    """The greeting is five conversations of the same words: whose is whose the tables do not say."""
    left, own = without(talks(), {"anna"})
    assert left.prompts is not None
    names = left.prompts["conversation_id"].to_pylist()
    assert not any("anna" in name for name in names)
    assert {name for name in own.conversations if "anna" in name} == {f"talk-anna-{number}" for number in range(6)}
    greetings = left.prompts.filter(pc.equal(left.prompts["prompt_id"], content_id(GREETING)))
    assert len(greetings) == 1, "one row keeps the prompt"
    assert sum(name.startswith("talk-71-") for name in names) == 10, "others' own conversations keep their rows"


def test_texts_as_batches_stay_batches_of_the_same_rows() -> None:
    whole = talks()
    batches = TextBatches(lambda: (whole.texts.slice(start, 7) for start in range(0, len(whole.texts), 7)))
    given_ = Preferences(batches, whole.pairs, whole.users, whole.candidates, whole.source, whole.prompts)
    left, own = without(given_, {"7"})
    plain, same = without(whole, {"7"})
    assert isinstance(left.texts, TextBatches) and own == same
    assert texts_of(left).to_pylist() == texts_of(plain).to_pylist()


def test_a_user_without_pairs_is_a_row_of_users_alone() -> None:
    before = talks()
    users = pa.concat_tables([before.users, pa.table({"user_id": ["idle"], "age": ["99"]})])
    left, own = without(Preferences(before.texts, before.pairs, users, None), {"idle"})
    assert left.users.to_pylist() == before.users.to_pylist() and left.pairs == before.pairs
    assert left.texts is before.texts and not own.pairs | own.texts | own.groups


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_text_goes_if_and_only_if_nobody_else_has_it(data: st.DataObject) -> None:
    row = st.tuples(st.sampled_from("uvw"), st.sampled_from("gh"), st.integers(0, 5), st.integers(0, 5))
    rows = data.draw(st.lists(row, min_size=1))
    names = [f"t{number}" for number in range(6)]
    pairs = {
        "pair_id": [str(place) for place in range(len(rows))],
        "user_id": [row[0] for row in rows],
        "group_id": [row[1] for row in rows],
        "chosen": [names[row[2]] for row in rows],
        "rejected": [names[row[3]] for row in rows],
    }
    texts = pa.table({"text_id": names, "prompt": names, "response": names})
    left, own = without(Preferences(texts, pa.table(pairs), pa.table({"user_id": list("uvw")}), None), {"u"})
    theirs = {names[place] for row in rows if row[0] == "u" for place in row[2:]}
    others = {names[place] for row in rows if row[0] != "u" for place in row[2:]}
    assert own.texts == theirs - others
    assert texts_of(left)["text_id"].to_pylist() == [name for name in names if name not in theirs - others]
    assert own.groups == {row[1] for row in rows if row[0] == "u"} - {row[1] for row in rows if row[0] != "u"}
