"""Questions: the best first, none twice, none that was answered; under names that outlast the model."""

import asyncio

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.errors import InputError
from prefactor.serving.online.bodies import AskBody, ObserveBody
from prefactor.serving.online.questions import read_questions
from tests.serving.online.world import HashBackbone, calling, make_model, make_service

POOL = [(f"p{number % 4}", f"one {number}", f"two {number}") for number in range(20)]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "pool.parquet"
    pq.write_table(pa.table(dict(zip(("prompt", "first", "second"), zip(*POOL, strict=True), strict=True))), found)
    return found


def make_questions(path, seed=0):
    backbone = HashBackbone()
    return read_questions(path, make_model(seed=seed), backbone, empty_prompts=False), backbone


def texts(questions):
    return [(one.prompt, one.first, one.second) for one in questions]


@pytest.mark.parametrize("criterion", ["information", "pref", "random"])
def test_as_many_as_are_asked_for_each_once_until_none_is_left(path, criterion):
    questions, _ = make_questions(path)
    user = make_model().prior_state(1)
    found = questions.choose(user, criterion, 7, [], [])
    assert len(found) == len(set(texts(found))) == 7 and set(texts(found)) <= set(POOL)
    rest = questions.choose(user, criterion, 64, [], [one.question for one in found])
    assert sorted(texts(found) + texts(rest)) == sorted(POOL)
    assert questions.choose(user, criterion, 1, [], [one.question for one in [*found, *rest]]) == []
    assert all((one.score is None) == (criterion == "random") for one in found)


def test_the_first_is_the_most_telling(path):
    questions, _ = make_questions(path)
    every = questions.choose(make_model().prior_state(1), "information", 20, [], [])
    assert every[0].score == max(one.score for one in every) > 0


def test_what_was_answered_is_not_asked_either_way_round(path):
    questions, _ = make_questions(path)
    given = [{"prompt": p, "chosen": b, "rejected": a} for p, a, b in POOL[:19]]
    body = ObserveBody.model_validate({"user_id": "u", "pairs": given})
    found = questions.choose(make_model().prior_state(1), "information", 5, body.pairs, ["no such name"])
    assert texts(found) == POOL[19:]


def test_names_stay_with_another_model_and_each_response_is_read_once(path):
    first, backbone = make_questions(path)
    second, _ = make_questions(path, seed=1)
    user = make_model().prior_state(1)
    names = [{one.question for one in each.choose(user, "random", 20, [], [])} for each in (first, second)]
    assert names[0] == names[1] and len(names[0]) == len(first) == 20
    assert sum(map(len, backbone.calls)) == 40


def test_the_service_asks_observes_and_goes_on(path, tmp_path):
    async def work():
        service = make_service(tmp_path, questions=make_questions(path)[0])
        call, asked = calling(service), []
        for _ in range(6):
            answer = (await call.post("/v1/ask", {"user_id": "zoe", "n": 2})).json()
            asked += [one["question"] for one in answer["questions"]]
            given = [
                {"prompt": one["prompt"], "chosen": one["second"], "rejected": one["first"]}
                for one in answer["questions"]
            ]
            assert (await call.post("/v1/observe", {"user_id": "zoe", "pairs": given})).status_code == 200
        left = (await call.post("/v1/ask", {"user_id": "zoe", "n": 64, "criterion": "pref"})).json()
        stranger = (await call.post("/v1/ask", {})).json()
        card = (await call("GET", "/v1/model")).json()
        service.close()
        return asked, left, stranger, card

    asked, left, stranger, card = asyncio.run(work())
    assert len(asked) == len(set(asked)) == 12 and len(left["questions"]) == 8
    assert not set(asked) & {one["question"] for one in left["questions"]}
    assert left["notes"] == ["the pool has 8 pair(s) left for this user"] and left["user"]["pairs"] == 12
    assert stranger["user"]["answered_from"] == "prior" and len(stranger["questions"]) == 1 and card["questions"] == 20


def test_a_pool_at_fault_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_questions(tmp_path / "none.parquet", make_model(), HashBackbone(), empty_prompts=False)


def test_asking_a_service_without_questions_names_the_option():
    async def work():
        service = make_service()
        try:
            return await service.ask(AskBody())
        finally:
            service.close()

    with pytest.raises(Exception, match="start the service with one"):
        asyncio.run(work())
