"""Only training prompts are read, and bad tables are refused."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from prefactor.backbones import stylelm
from prefactor.errors import InputError


def test_training_prompts_train_and_validation_prompts_judge(corpus):
    assert len(corpus.train) == 16 and len(corpus.held_out) == 12
    for answers, own in ((corpus.train, "wheat"), (corpus.held_out, "barley")):
        for text in (*answers.prompts, *answers.responses):
            assert own in text and "secretword" not in text


def test_no_word_of_other_prompts_is_in_what_the_tokenizer_reads(corpus):
    heard = " ".join(stylelm.vocabulary_texts(corpus.train, corpus.attributes, 0.5))
    assert "wheat" in heard and "barley" not in heard and "secretword" not in heard


def test_a_prompt_of_any_held_out_pair_is_no_training_prompt(tmp_path, make_world):
    prepared, split = make_world(
        ((0, "unseen", "evaluation"), (1, "validation", "validation"), (2, "unseen", "reference"))
    )
    corpus = stylelm.read_corpus(prepared, split)
    numbers = {prompt.split()[-2] for prompt in corpus.train.prompts}
    assert numbers == {"2", "3"}  # a pair of references is no held-out one
    assert {prompt.split()[-2] for prompt in corpus.held_out.prompts} == {"4", "5", "6"}


def test_scores_stay_with_their_responses(corpus):
    for response, scores in zip(corpus.train.responses, corpus.train.scores, strict=True):
        assert (scores[0] > 0) == (len(response) < 30)


def test_the_order_of_rows_changes_nothing(world, corpus):
    prepared, split = world
    for name in ("texts", "candidates"):
        table = pq.read_table(prepared / f"{name}.parquet")
        pq.write_table(table.take(np.arange(len(table))[::-1]), prepared / f"{name}.parquet")
    assert stylelm.read_corpus(prepared, split).train.responses == corpus.train.responses


def test_the_first_prompts_are_whole(corpus):
    few = corpus.held_out.first(2)
    assert len(few) == 8 and set(few.groups) == {0, 1}
    assert len(corpus.held_out.first(None)) == len(corpus.held_out)


def test_without_training_prompts_there_is_nothing_to_learn(make_world):
    prepared, split = make_world(tuple((number, "unseen", "evaluation") for number in range(4)))
    with pytest.raises(InputError, match=r"no prompt is for training alone.*pools"):
        stylelm.read_corpus(prepared, split)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "no scored candidates"),
        ({"scorers": ["concise", "gloomy"]}, "no system prompt for gloomy"),
    ],
)
def test_a_dataset_without_attributes_is_refused(world, source, message):
    prepared, split = world
    (prepared / "source.json").write_text(json.dumps(source))
    with pytest.raises(InputError, match=message):
        stylelm.read_corpus(prepared, split)


def test_missing_candidates_are_named(world):
    prepared, split = world
    (prepared / "candidates.parquet").unlink()
    with pytest.raises(InputError, match="no scored candidates"):
        stylelm.read_corpus(prepared, split)


def test_a_missing_split_says_what_to_run(world):
    prepared, split = world
    (split / "pairs.parquet").unlink()
    with pytest.raises(InputError, match="rerun stage split"):
        stylelm.read_corpus(prepared, split)


def test_a_score_that_is_no_number_names_its_text(world):
    prepared, split = world
    table = pq.read_table(prepared / "candidates.parquet")
    scores = table["formal"].to_numpy().copy()
    scores[1] = np.nan
    pq.write_table(table.set_column(3, "formal", [scores]), prepared / "candidates.parquet")
    with pytest.raises(InputError, match=str(table["text_id"][1])):
        stylelm.read_corpus(prepared, split)
