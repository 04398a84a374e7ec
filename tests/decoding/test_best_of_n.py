"""Best-of-N is the greatest reward of each request, found by looking at all of them."""

import json

import pytest
import torch

from prefactor.decoding.best_of_n import best_of_n, chosen_table, greatest
from prefactor.decoding.candidates import COLUMNS, Candidates
from prefactor.decoding.rewards import PersonalRewards
from prefactor.errors import InputError
from tests.decoding.judges import USERS, World, make_world
from tests.decoding.test_candidates import generated


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def rewards(world: World) -> PersonalRewards:
    return world.rewards("vrf/loadings")


def candidates(requests: int = 12, seed: int = 0) -> Candidates:
    """Requests of 1 to 6 candidates each, all mixed."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 7, (requests,), generator=generator)
    segment = torch.repeat_interleave(torch.arange(requests), sizes)
    segment = segment[torch.randperm(len(segment), generator=generator)]
    responses = [f"answer {row % 5}, {'bread ' * (row % 7)}" for row in range(len(segment))]
    prompts = [f"Tell me of number {number % 4}." for number in range(requests)]
    return Candidates(torch.randint(USERS, (requests,), generator=generator), prompts, responses, segment)


@pytest.mark.parametrize("lower", [0.0, 0.7])
def test_it_is_the_greatest_of_each_request(rewards: PersonalRewards, lower: float) -> None:
    asked = candidates()
    chosen = best_of_n(rewards, asked, lower)
    for request, (user, prompt) in enumerate(zip(asked.users, asked.prompts, strict=True)):
        rows = (asked.segment == request).nonzero().flatten().tolist()
        responses = [asked.responses[row] for row in rows]
        judged = rewards.reward(user.expand(len(rows)), [prompt] * len(rows), responses)
        scores = (judged.mean - lower * judged.std).tolist()
        best = scores.index(max(scores))
        assert chosen.rows[request] == rows[best]
        torch.testing.assert_close(chosen.reward[request], judged.mean[best], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(chosen.std[request], judged.std[best], atol=1e-4, rtol=1e-5)
        assert chosen.candidates[request] == len(rows) and chosen.empty[request] == 0


def test_doubt_changes_choices_and_may_not_be_sought(rewards: PersonalRewards) -> None:
    asked = candidates(60)
    sure, plain = best_of_n(rewards, asked, lower=3.0), best_of_n(rewards, asked)
    moved = sure.rows != plain.rows
    assert moved.any() and (sure.std[moved] < plain.std[moved]).all() and (plain.reward >= sure.reward).all()
    with pytest.raises(ValueError, match="lower must not be negative"):
        best_of_n(rewards, asked, lower=-1.0)


def test_texts_that_were_read_need_not_be_read_again(rewards: PersonalRewards, world: World, monkeypatch) -> None:
    asked = candidates()
    texts = rewards.read(asked.prompt_of_each(), asked.responses)
    expected = best_of_n(rewards, asked)
    monkeypatch.setattr(world.backbone, "encode", None)
    found = best_of_n(rewards, asked, texts=texts)
    assert torch.equal(found.rows, expected.rows)
    some = torch.arange(len(asked.responses))[asked.segment < 5]
    first = Candidates(asked.users[:5], asked.prompts[:5], asked.responses, asked.segment).rows(some)
    assert torch.equal(some[best_of_n(rewards, first, texts=texts[some]).rows], expected.rows[:5])


def test_the_first_of_equals_is_chosen(rewards: PersonalRewards) -> None:
    assert greatest(torch.tensor([1.0, 2, 2, 0, 0, 2]), torch.tensor([0, 0, 0, 1, 1, 0]), 2).tolist() == [1, 3]
    same = Candidates(torch.tensor([0, 1]), ["Why?", "How?"], ["So."] * 33, torch.arange(33) % 2)
    assert best_of_n(rewards, same).rows.tolist() == [0, 1]


def test_an_empty_text_is_chosen_only_where_there_is_no_other(rewards: PersonalRewards) -> None:
    responses = ["", "words", "\n ", "", " ", "other words"]
    asked = Candidates(torch.tensor([0, 1, 2]), ["Why?"] * 3, responses, torch.tensor([0, 0, 0, 1, 1, 2]))
    chosen = best_of_n(rewards, asked)
    assert chosen.rows[[0, 2]].tolist() == [1, 5] and chosen.rows[1] in (3, 4)
    assert chosen.empty.tolist() == [2, 0, 0] and chosen.candidates.tolist() == [1, 2, 1]
    assert chosen.reward[0].abs() < 1e-5  # of one candidate, the empty ones do not count


def test_a_request_without_candidates_is_named(rewards: PersonalRewards) -> None:
    asked = Candidates(torch.tensor([0, 1, 2]), ["Why?"] * 3, ["a", "b"], torch.tensor([0, 2]))
    with pytest.raises(InputError, match="1 of 3 requests have no candidates, the first is number 1"):
        best_of_n(rewards, asked)


def test_a_table_of_candidates_becomes_one_of_choices(rewards: PersonalRewards) -> None:
    table = generated()
    asked = Candidates.of_table(table, ["ann", "ben", "zoe"])
    assert asked.users.tolist() == [2, 2, 1, 1] and len(asked.prompts) == 4
    chosen = best_of_n(rewards, asked)
    found = chosen_table(table, chosen, "best_of_n-vrf", seconds=2.0)
    assert list(found.columns) == COLUMNS and list(found["user_id"]) == ["zoe", "zoe", "ben", "ben"]
    assert set(found["method"]) == {"best_of_n-vrf"} and (found["seconds"] == 4 * 0.5 + 2.0 / 4).all()
    for number, row in enumerate(found.to_dict("records")):
        about, candidate = json.loads(row["about"]), table.iloc[int(chosen.rows[number])]
        assert (row["response"], row["tokens"]) == (candidate["response"], candidate["tokens"])
        assert about == {
            "sample": candidate["sample"],
            "reward": chosen.reward[number].item(),
            "std": chosen.std[number].item(),
            "candidates": 3 + number % 2,
            "empty": 1 - number % 2,
        }
    assert found["prompt"].tolist() == list(asked.prompts)


def test_writing_that_nobody_measured_is_not_free(rewards: PersonalRewards) -> None:
    table = generated()
    chosen = best_of_n(rewards, Candidates.of_table(table, ["ann", "ben", "zoe"]))
    found = chosen_table(table.assign(seconds=float("nan")), chosen, "best_of_n-vrf", seconds=2.0)
    assert found["seconds"].isna().all()
