"""Timings: the right work is timed, and counted per user; how long it takes is the machine's business."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.backbones.encoding import Encoded
from prefactor.evaluation.latency import (
    LEAST,
    SHOTS,
    TEXTS,
    Latency,
    Newcomers,
    adapting,
    affordable,
    is_personal,
    latency_rows,
    machine,
    reading,
    sample_texts,
    seconds,
)
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape, UserState
from prefactor.parameters import build
from prefactor.preferences import PairBatch
from tests.worlds import WIDTH, make_cohort

NAMES = ("dataset", "protocol", "backbone", "method", "variant", "setting", "run", "seed")
IDENTITY = dict.fromkeys(NAMES, "x")


def read(states: np.ndarray) -> Encoded:
    """Texts of one token each, whole."""
    one, whole = np.ones(len(states), np.int32), np.zeros(len(states), bool)
    return Encoded(
        states, truncated=whole, tokens=one, log_probability=None, response_tokens=one, cut=whole, computed=len(states)
    )


class Watched:
    """Stands in for a model or a backbone: notes how many users, or texts, it is given at once."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def adapt(self, reference: PairBatch) -> UserState:
        assert not torch.is_grad_enabled()
        self.given.append(reference.n_users)
        return UserState({"weight": torch.ones(reference.n_users, 1)})

    def encode(self, prompts: list[str], responses: list[str]) -> Encoded:
        assert len(prompts) == len(responses)
        self.given.append(len(prompts))
        return read(np.zeros((len(prompts), 2), np.float32))


def make_model(name: str) -> RewardModel:
    settings = {"basis": {"form": "linear", "bases": 4}} if name in ("lore", "vrf") else {}
    kind = METHODS[name]
    model = kind(build(kind.Parameters, settings, name), Shape(WIDTH, 5, 60), torch.Generator().manual_seed(0))  # type: ignore[call-arg]
    return model.eval()


def test_the_median_leaves_the_warm_up_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0, 15.0, 20.0, 22.0])  # runs of 1, 5 and 2 seconds
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    calls: list[str] = []
    assert seconds(lambda: calls.append("work"), 3, lambda: calls.append("warm-up")) == 2.0
    assert calls == ["warm-up", "work", "work", "work"]


def test_the_slower_the_work_the_fewer_are_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefactor.evaluation.latency.seconds", lambda *_: 0.1)
    assert affordable(range(50), lambda _: None, patience=2.0) == range(20)
    assert affordable(range(50), lambda _: None, patience=0.0) == range(LEAST)
    assert affordable(range(2), lambda _: None, patience=9.0) == range(2)


def test_newcomers_alone_have_the_pairs_they_have_in_the_batch() -> None:
    users = Newcomers.of(make_cohort("unseen", 12, 1).known(SHOTS), 5)
    assert users.batch.n_users == 12 and len(users.batch) == 12 * SHOTS and len(users.singles) == 5
    for number, single in enumerate(users.singles):
        mine = users.batch.users_between(number, number + 1).compact()
        assert torch.equal(single.responses.text, mine.responses.text) and torch.equal(single.chosen, mine.chosen)
    texts = [len(user.responses) for user in Newcomers.of(users.batch, 99).singles]
    assert users.texts() == pytest.approx(np.mean(texts))


def test_adapting_is_timed_with_all_users_and_one_by_one() -> None:
    watched, users = Watched(), Newcomers.of(make_cohort("unseen", 12, 1).known(SHOTS), 5)
    found = adapting(watched, users, runs=2)  # type: ignore[arg-type]
    assert watched.given == [12] * 3 + [1] * (1 + 2 * 5) and min(found) > 0


def test_reading_is_timed_in_batches_and_one_by_one() -> None:
    watched = Watched()
    found = reading(watched, [("a", "b")] * 9, runs=2)  # type: ignore[arg-type]
    assert watched.given.count(9) == 2 and watched.given.count(1) == 2 * 9 + 2 * LEAST and min(found) > 0


@pytest.mark.parametrize(
    ("name", "personal"), [("bt", False), ("longer_text", False), ("ref", False), ("lore", True), ("vrf", True)]
)
def test_a_reward_for_everybody_makes_nothing_of_pairs(name: str, personal: bool) -> None:
    known = make_cohort("unseen", 4, 1).known(SHOTS)
    assert is_personal(make_model(name), known) is personal


def test_a_sample_of_texts_is_the_same_whatever_their_order(tmp_path: Path) -> None:
    ids = [f"{number:03d}" for number in np.random.default_rng(0).permutation(TEXTS + 9)]
    table = pa.table({"text_id": ids, "prompt": ids, "response": ids})
    pq.write_table(table, tmp_path / "texts.parquet")
    assert sample_texts(tmp_path / "texts.parquet") == [(text, text) for text in sorted(ids)[:TEXTS]]


def test_rows_say_how_many_users_and_pairs_they_were_measured_on() -> None:
    users = Newcomers.of(make_cohort("unseen", 12, 1).known(SHOTS), 5)
    rows = latency_rows(users, Latency(1e-4, 1e-3), Latency(0.1, 0.2), IDENTITY).set_index("metric")
    assert rows["value"].to_dict() == {
        "latency_adapt_batched": 1e-4,
        "latency_adapt_single": 1e-3,
        "latency_backbone_batched": 0.1,
        "latency_backbone_single": 0.2,
    }
    assert set(rows["shots"]) == {SHOTS} and set(rows["split"]) == {"unseen"}
    for way, count in (("batched", 12), ("single", 5)):
        mine = rows.loc[[f"latency_adapt_{way}", f"latency_backbone_{way}"]]
        assert set(mine["n_users"]) == {count} and set(mine["n_pairs"]) == {count * SHOTS}
    alone = latency_rows(users, Latency(1e-4, 1e-3), None, IDENTITY)
    assert set(alone["metric"]) == {"latency_adapt_batched", "latency_adapt_single"}
    assert pd.isna(alone["ci_low"]).all()


def test_the_machine_is_named() -> None:
    found = machine(torch.device("cpu"))
    assert found["processor"] and found["threads"] == torch.get_num_threads() and found["gpu"] is None
    assert pd.Timestamp(found["date"]).year >= 2025 and found["load"] >= 0
