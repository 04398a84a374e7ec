"""The sampler: every policy's texts for every query, each its own seed's, none of them knowing its answer."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets.lamp.candidates import SCHEMA, read_candidates
from prefactor.datasets.lamp.person import person_of
from prefactor.datasets.lamp.tasks import HEADLINES, ArticleQuestion
from prefactor.decoding.sampling import SamplingParameters
from prefactor.errors import InputError
from prefactor.judging.rouge import rouge
from tests.decoding.policies.made import PEOPLE, person, sampler, writer

KEY = ["user_id", "query_id", "policy", "sample"]


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    table = sampler()(PEOPLE)
    assert table.schema == SCHEMA
    return table.to_pandas()


def test_every_query_has_its_samples_from_every_policy(whole: pd.DataFrame) -> None:
    counts = whole.groupby(["policy", "user_id", "query_id"]).size()
    assert set(counts) == {3} and len(counts) == 4 * (3 + 3 + 1) and not whole.duplicated(KEY).any()
    assert whole.groupby(["user_id", "query_id"])["prompt"].nunique().max() == 1, "the query's own, whoever writes"


def test_worth_is_rouge_against_what_the_person_wrote(whole: pd.DataFrame) -> None:
    golds = {(one.id, item.id): item.gold for one in PEOPLE for item in one.items}
    golds |= {(one.id, "question"): one.gold for one in PEOPLE}
    expected = rouge([golds[key] for key in zip(whole["user_id"], whole["query_id"], strict=True)], whole["response"])
    np.testing.assert_array_equal(whole[["rouge1", "rougeL"]], expected)
    np.testing.assert_array_equal(whole["gold_utility"], whole["rougeL"])
    mean = sampler(utility="mean", policies=("base",))(PEOPLE[:1]).to_pandas()
    np.testing.assert_array_equal(mean["gold_utility"], mean[["rouge1", "rougeL"]].mean(axis=1))


def test_texts_do_not_depend_on_who_else_is_written_for(whole: pd.DataFrame) -> None:
    alone = sampler()(PEOPLE[1:2]).to_pandas().set_index(KEY).sort_index()
    mine = whole[whole["user_id"] == "p1"].set_index(KEY).sort_index()
    pd.testing.assert_frame_equal(alone, mine)


def test_texts_do_not_depend_on_other_policies_or_on_how_many_are_written(whole: pd.DataFrame) -> None:
    for policies in (("drift",), ("exact",)):  # without the policy `base`, whose texts they learn from
        some = sampler(policies=policies)(PEOPLE).to_pandas()
        same = whole[whole["policy"].isin(policies)].reset_index(drop=True)
        pd.testing.assert_frame_equal(some, same)
    more = sampler(policies=("retrieved",), samples=5)(PEOPLE).to_pandas()
    joined = more.merge(whole, on=KEY)
    assert (joined["response_x"] == joined["response_y"]).all()
    assert len(joined) == (whole["policy"] == "retrieved").sum() < len(more)


def test_policies_write_differently_where_they_know_something(whole: pd.DataFrame) -> None:
    texts = whole.pivot(index=["user_id", "query_id", "sample"], columns="policy", values="response")
    known = texts[texts.index.get_level_values("user_id") != "p2"]
    for policy in ("retrieved", "exact", "drift"):
        assert (known[policy] != known["base"]).any()
    unknown = texts.drop(known.index)
    assert len(unknown) == 3 and (unknown.T.nunique() == 1).all(), "of a person without a profile nothing is known"


def test_no_item_is_shown_beside_itself(whole: pd.DataFrame) -> None:
    shown = whole[whole["policy"] == "retrieved"]
    items = [json.loads(about)["items"] for about in shown["about"]]
    assert all(query not in mine for query, mine in zip(shown["query_id"], items, strict=True))
    assert {len(mine) for mine in items} == {0, 2}


def test_seeds_make_the_texts(whole: pd.DataFrame) -> None:
    again = sampler()(PEOPLE).to_pandas()
    pd.testing.assert_frame_equal(again, whole)
    other = sampler(seed=1, policies=("base",))(PEOPLE[:1]).to_pandas()
    assert not set(other["response"]) <= set(whole["response"])


def test_what_nobody_can_learn_from_is_written_as_the_base_model_writes_it() -> None:
    only = sampler()([person(5, 0)]).to_pandas()
    assert only.groupby("sample")["response"].nunique().tolist() == [1, 1, 1]
    empty = sampler()([])
    assert isinstance(empty, pa.Table) and not len(empty)


def test_ids_that_are_there_twice_are_queries_of_their_own(tmp_path: Path) -> None:
    record = [
        replace(item.record, id=name) for item, name in zip(PEOPLE[0].items, ("a", "a", "question"), strict=False)
    ]
    asked = person_of(HEADLINES, "p", ArticleQuestion("p", PEOPLE[0].prompt, record), PEOPLE[0].gold)
    table = sampler(policies=("base", "retrieved"), profile_queries=3)([asked])
    pq.write_table(table, tmp_path / "candidates.parquet")
    rows = read_candidates(tmp_path / "candidates.parquet", "gold_utility").rows
    assert rows.groupby(["query_id", "policy"]).size().tolist() == [3] * 8 and rows["prompt"].nunique() == 4
    assert set(rows["query_id"]) == {"question", "a", "a~1", "question~2"}


def test_prompts_without_room_are_left_out_and_counted() -> None:
    short, long = person(1, 2), replace(person(2, 2), prompt="bread " * 600)
    mine = sampler(policies=("base",))
    table = mine([short, long]).to_pandas()
    assert mine.too_long == 1
    assert table.groupby("user_id")["query_id"].nunique().to_dict() == {"p1": 3, "p2": 2}
    with pytest.raises(InputError, match=r"max_new_tokens 511 leaves none for a prompt: lower sampling.max_new_tokens"):
        sampler(writer(), sampling=SamplingParameters(max_new_tokens=511))(PEOPLE)
