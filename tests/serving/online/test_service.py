"""What the service answers: as the ranker would, with the people of the store, and what it made the answer of."""

import asyncio
import threading

import numpy as np
import pytest

from prefactor.errors import InputError
from prefactor.serving.online.bodies import AskBody, ObserveBody, RankBody
from prefactor.serving.online.failures import Failure, failure_of
from prefactor.serving.online.service import STORE_THREADS, Service
from prefactor.serving.requests import ANSWERED_FROM, Answer, Request
from prefactor.serving.users.faults import NoStoreError, ReusedKeyError, StoreUnavailableError
from tests.serving.online.world import make_current, make_ranker, make_service, pairs

TEXTS = ["one", "two", "three", "four"]


def ask(user_id=None, reference=None, responses=TEXTS):
    body = {"prompt": "q", "responses": list(responses), "user_id": user_id, "reference": reference}
    return RankBody.model_validate(body)


def seen(user_id, *numbers, key=None):
    return ObserveBody.model_validate({"user_id": user_id, "pairs": pairs(*numbers), "key": key})


def figures(answer):
    rows = [[c.reward, c.std, c.rank, *c.beats] for c in answer.candidates]
    return np.array([*np.ravel(rows), *answer.user.weights, answer.user.spread, answer.user.entropy, answer.user.pairs])


def doing(service, work):
    """What a coroutine about a service gives; the service ends with it."""

    async def main():
        try:
            return await work(service)
        finally:
            service.close()

    return asyncio.run(main())


@pytest.mark.parametrize("request_", [ask("ada"), ask("ben", pairs(5)), ask(None, pairs(6, 7)), ask(), ask("zoe")])
def test_without_a_store_answers_are_the_rankers(request_):
    found = doing(make_service(), lambda service: service.rank(request_))
    [expected] = make_ranker().answer([Request.model_validate(request_.model_dump())])
    assert np.allclose(figures(found), figures(expected), atol=1e-6)
    assert found.user.answered_from == expected.user.answered_from and found.model == "prefactor-tiny/1"
    assert set(Answer.model_fields) < set(type(found).model_fields)


def test_observed_pairs_say_as_much_as_reference_pairs(tmp_path):
    async def work(service):
        before = await service.rank(ask("zoe"))
        first = await service.observe(seen("zoe", 1, 2))
        second = await service.observe(seen("zoe", 3))
        kept = await service.rank(ask("zoe"))
        told = await service.rank(ask(None, pairs(1, 2, 3)))
        both = await service.rank(ask("zoe", pairs(4)))
        all_told = await service.rank(ask(None, pairs(1, 2, 3, 4)))
        return before, first, second, kept, told, both, all_told

    before, first, second, kept, told, both, all_told = doing(make_service(tmp_path), work)
    assert np.allclose(figures(kept), figures(told), atol=1e-4) and np.allclose(
        figures(both), figures(all_told), atol=1e-4
    )
    assert (before.user.pairs, first.user.pairs, second.user.pairs, kept.user.pairs) == (0, 2, 3, 3)
    assert second.user == kept.user and kept.user.answered_from == "reference pairs"
    assert before.notes[0].startswith("nothing is known of user_id 'zoe'") and kept.notes == []


def test_a_known_user_goes_on_from_what_the_model_knows_and_forgetting_leaves_the_prior(tmp_path):
    async def work(service):
        known = await service.rank(ask("ada"))
        await service.observe(seen("ada", 9))
        moved = await service.rank(ask("ada"))
        forgotten = [await service.forget("ada"), await service.forget("ada"), await service.forget("zoe")]
        return known, moved, forgotten, await service.rank(ask("ada")), await service.rank(ask())

    known, moved, forgotten, after, stranger = doing(make_service(tmp_path), work)
    assert (known.user.pairs, moved.user.pairs) == (3, 4)
    assert [answer.user.answered_from for answer in (known, moved, after)] == [
        ANSWERED_FROM[0],
        ANSWERED_FROM[2],
        "prior",
    ]
    assert forgotten[:2] == [True, False] and figures(after).tolist() == figures(stranger).tolist()


def test_whoever_is_asked_about_does_not_wait_for_questions_to_be_chosen(tmp_path):
    choosing, go = threading.Semaphore(0), threading.Event()

    class Slow:
        def choose(self, *arguments):
            choosing.release()
            assert go.wait(10)
            return []

    async def work(service):
        asked = [asyncio.create_task(service.ask(AskBody(user_id=f"u{n}"))) for n in range(STORE_THREADS + 1)]
        while not choosing.acquire(blocking=False):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)  # for the others to take what threads they can
        answer = await asyncio.wait_for(service.rank(ask("zoe")), 5)
        go.set()
        return answer, await asyncio.gather(*asked)

    answer, asked = doing(make_service(tmp_path, questions=Slow()), work)
    assert answer.user.pairs == 0 and len(asked) == STORE_THREADS + 1


def test_a_repeated_call_under_a_key_changes_nothing(tmp_path):
    async def work(service):
        once = await service.observe(seen("zoe", 1, 2, key="k"))
        again = await service.observe(seen("zoe", 1, 2, key="k"))
        with pytest.raises(ReusedKeyError):
            await service.observe(seen("zoe", 3, key="k"))
        return once, again, await service.observe(seen("zoe", 3, key="other"))

    once, again, more = doing(make_service(tmp_path), work)
    assert once == again and (once.user.pairs, more.user.pairs) == (2, 3)


def test_an_explanation_is_the_answer_taken_apart(tmp_path):
    async def work(service):
        await service.observe(seen("zoe", 1, 2))
        return await service.explain(ask("zoe", pairs(3, 4))), await service.rank(ask("zoe", pairs(3, 4)))

    explained, plain = doing(make_service(tmp_path), work)
    assert figures(explained).tolist() == figures(plain).tolist() and explained.notes == plain.notes
    for candidate in explained.candidates:
        assert sum(candidate.bases) + candidate.common == pytest.approx(candidate.reward, abs=1e-5)
        assert np.hypot(candidate.doubt.bases, candidate.doubt.within) == pytest.approx(candidate.std, rel=1e-4)
    assert [share.weight for share in explained.bases] == plain.user.weights
    assert sum(share.everyone for share in explained.bases) == pytest.approx(1, abs=1e-5)
    assert len(explained.reference) == 2 and all(0 < chance < 1 for chance in explained.reference)
    assert len(explained.weights) == 6 and all(weight.std > 0 for weight in explained.weights)


def test_texts_are_embedded_once_whoever_asks(tmp_path):
    async def work(service):
        await asyncio.gather(*(service.rank(ask(user)) for user in ("ada", "ben", "zoe", None)))
        await service.observe(seen("zoe", 1))
        await service.rank(ask("zoe", pairs(1)))
        return [len(call) for call in service.current.texts.backbone.calls]

    assert sum(doing(make_service(tmp_path), work)) == len(TEXTS) + 2


def test_another_model_answers_from_the_next_request_on(tmp_path):
    async def work(service: Service):
        store = service.current.people.store
        await service.observe(seen("zoe", 1, 2))
        before = await service.rank(ask("zoe"))
        service.change_to(make_current(store, seed=1, label="prefactor-tiny/2"))
        after = await service.rank(ask("zoe"))
        return before, after, service.card().model

    before, after, named = doing(make_service(tmp_path), work)
    assert (before.model, after.model, named) == ("prefactor-tiny/1", "prefactor-tiny/2", "prefactor-tiny/2")
    assert before.user.pairs == after.user.pairs == 2 and figures(before).tolist() != figures(after).tolist()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x is wrong"), 400),
        (NoStoreError("no store"), 501),
        (ReusedKeyError("taken"), 409),
        (StoreUnavailableError("down"), 503),
        (TimeoutError(), 503),
        (Failure(415, "a type"), 415),
        (KeyError("secret text"), 500),
    ],
)
def test_every_error_has_its_status_and_unknown_ones_say_nothing(error, status):
    failure = failure_of(error)
    assert failure.status == status and "secret" not in failure.message
    assert ("Retry-After" in failure.headers) == (status == 503)


def test_a_store_that_is_gone_fails_those_whom_it_knows_and_nobody_else(tmp_path):
    async def work(service):
        await service.observe(seen("zoe", 1))
        (tmp_path / "users.db").rename(tmp_path / "away.db")
        (tmp_path / "users.db").mkdir()  # nothing can be opened there
        service.current.people.store.close()
        outcomes = []
        for call in (service.rank(ask("zoe")), service.observe(seen("zoe", 2)), service.forget("zoe")):
            with pytest.raises(StoreUnavailableError):
                await call
            outcomes.append(service.ready().store)
        stranger = await service.rank(ask(None, pairs(1)))
        (tmp_path / "users.db").rmdir()
        (tmp_path / "away.db").rename(tmp_path / "users.db")
        back = await service.rank(ask("zoe"))
        return outcomes, stranger, back, service.ready().store

    outcomes, stranger, back, after = doing(make_service(tmp_path), work)
    assert outcomes == ["down"] * 3 and after == "up"
    assert stranger.user.pairs == back.user.pairs == 1
