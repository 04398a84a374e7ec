"""Who is written for: what is known of them is what the split says, whoever is looked at beside them."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from prefactor import layout
from prefactor.cohorts import KNOWN_PART, StateView, text_ids
from prefactor.decoding.people import People, evaluation_prompts
from prefactor.errors import InputError
from tests.decoding.projects import DATASET, PAIRS, opened, tiny_project, user_of


@pytest.fixture(scope="module")
def place() -> tuple[Path, Path]:
    return tiny_project() / layout.prepared(DATASET), tiny_project() / layout.split(DATASET)


@pytest.fixture(scope="module")
def views() -> dict[str, StateView]:
    return opened(tiny_project()).views


def known_ids(people: People, user: int = 0) -> list[tuple[str, str]]:
    """The texts of a user's known pairs."""
    known = people.known.select(people.known.segment == user)
    rows = known.responses.text
    sides = zip(rows[known.chosen].tolist(), rows[known.rejected].tolist(), strict=True)
    return [(people.texts.text_ids[chosen], people.texts.text_ids[rejected]) for chosen, rejected in sides]


def in_split(split: Path, user_id: str, role: str) -> list[tuple[str, str]]:
    rows = pq.read_table(split / "pairs.parquet").to_pandas()
    mine = rows[(rows["user_id"] == user_id) & (rows["part"] == KNOWN_PART[role])].sort_values("rank")
    return list(zip(mine["chosen"], mine["rejected"], strict=True))[:PAIRS]


def test_unseen_people_are_known_by_their_first_reference_pairs(place, views):
    people = People.unseen(*place, views, users=3, pairs=PAIRS)
    assert people.user_ids == People.unseen(*place, views, users=5, pairs=PAIRS).user_ids[:3]
    assert people.texts.text_ids == text_ids(place[1])
    for user, user_id in enumerate(people.user_ids):
        assert known_ids(people, user) == in_split(place[1], user_id, "unseen")
    numbers = people.prompt_of_text
    assert [people.prompts[number] for number in numbers] == people.texts.prompts


@pytest.mark.parametrize("role", ["seen", "validation", "unseen"])
def test_one_user_is_known_as_among_all_with_their_own_texts_alone(place, views, role):
    user_id = user_of(tiny_project(), role)
    one = People.one(*place, views, user_id, PAIRS)
    assert one.user_ids == (user_id,) and one.cohort.role == role
    assert known_ids(one) == in_split(place[1], user_id, role)
    assert (one.known.users >= 0).all() == (role == "seen"), "what was trained for seen users is theirs"
    used = torch.cat([one.cohort.pairs.chosen, one.cohort.pairs.rejected]).unique()
    assert len(one.texts) == len(used) < len(text_ids(place[1]))
    states = torch.from_numpy(views["states"].gather(one.texts.text_ids))
    assert torch.equal(one.known.responses.views["states"], states)


def test_of_a_stranger_nothing_is_known(place, views):
    nobody = People.one(*place, views, "nobody", PAIRS)
    assert nobody.user_ids == ("nobody",) and nobody.known.n_users == 1
    assert not len(nobody.known) and not len(nobody.texts)
    assert nobody.known.users.tolist() == [-1]


def test_prompts_are_of_unseen_users_evaluation_pairs(place):
    some, more = evaluation_prompts(*place, 2), evaluation_prompts(*place, 3)
    assert more[:2] == some and len({one.group_id for one in more}) == 3
    rows = pq.read_table(place[1] / "pairs.parquet").to_pandas()
    theirs = rows[(rows["role"] == "unseen") & (rows["part"] == "evaluation")]
    assert {one.group_id for one in more} <= set(theirs["group_id"])
    with pytest.raises(InputError, match=r"lower generation\.prompts"):
        evaluation_prompts(*place, 10_000)


def test_a_prompt_that_is_known_to_somebody_is_not_asked(place, tmp_path):
    rows = pq.read_table(place[1] / "pairs.parquet").to_pandas()
    first, *others = evaluation_prompts(*place, 3)
    shared = rows[rows["group_id"] == first.group_id].assign(part="reference")
    pd.concat([rows, shared]).to_parquet(tmp_path / "pairs.parquet")
    assert evaluation_prompts(place[0], tmp_path, 2) == others
