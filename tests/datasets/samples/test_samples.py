"""Samples: files in the published schema, by seed, of the size asked for, whole or not at all."""

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prefactor.datasets import load
from prefactor.datasets.personalllm import RESPONSES, SCORES
from prefactor.datasets.samples import SAMPLES, write_sample
from prefactor.datasets.samples.lamp import LampSample
from prefactor.datasets.samples.personalllm import PersonalLLMSample
from prefactor.datasets.samples.prism import PrismSample
from prefactor.datasets.samples.tldr import TldrSample
from prefactor.errors import InputError
from tests.datasets.conftest import PERSONALLLM, PRISM, TLDR

SMALL = {
    "lamp": LampSample(people=3, items=4),
    "personalllm": PersonalLLMSample(train=12, test=2),
    "prism": PrismSample(users=4, conversations=2),
    "tldr": TldrSample(annotators=5, comparisons=60),
}
UTTERANCE = (
    "utterance_id interaction_id conversation_id user_id turn within_turn_id conversation_type user_prompt "
    "model_response model_name model_provider score if_chosen included_in_balanced_subset"
)
CONVERSATION = (
    "conversation_id user_id conversation_type opening_prompt conversation_turns conversation_history "
    "performance_attributes choice_attributes open_feedback included_in_balanced_subset generated_datetime "
    "timing_duration_s timing_duration_mins"
)
SURVEY = (
    "user_id survey_only num_completed_conversations consent consent_age lm_familiarity lm_indirect_use lm_direct_use "
    "lm_frequency_use self_description system_string age gender employment_status education marital_status "
    "english_proficiency study_id study_locale religion ethnicity location lm_usecases stated_prefs "
    "order_lm_usecases order_stated_prefs generated_datetime timing_duration_s timing_duration_mins "
    "included_in_US_REP included_in_UK_REP included_in_balanced_subset"
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("source", SAMPLES)
def test_the_seed_makes_the_sample(tmp_path: Path, source: str) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        write_sample(source, tmp_path / name, replace(SMALL[source], seed=seed))
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two and one != three and set(one) == set(three)


def test_personalllm_has_the_published_columns(sample_files: dict[str, Path]) -> None:
    for part, rows in (("train", PERSONALLLM.train), ("test", PERSONALLLM.test)):
        table = pq.read_table(sample_files["personalllm"] / "data" / f"{part}-00000-of-00001.parquet")
        assert len(table) == rows and {"prompt", *RESPONSES, *SCORES} <= set(table.column_names)
        assert {str(table[name].type) for name in SCORES} == {"double"}


def test_tldr_has_the_published_fields(sample_files: dict[str, Path]) -> None:
    paths = sorted((sample_files["tldr"] / "comparisons").iterdir())
    records = [record for path in paths for record in lines(path)]
    assert len(records) == TLDR.comparisons + 1, "one judgement is there twice"
    for record in records:
        assert set(record) == {"info", "summaries", "choice", "worker", "batch", "split", "extra"}
        assert [set(summary) for summary in record["summaries"]] == [{"text", "policy", "note"}] * 2
        assert record["choice"] in (0, 1) and "title" in record["info"]
    assert sum("id" not in record["info"] for record in records) == 1
    assert {bool(record["extra"]) for record in records} == {True, False}
    assert len({record["worker"] for record in records}) == TLDR.annotators


def test_prism_has_the_published_fields(sample_files: dict[str, Path]) -> None:
    folder = sample_files["prism"]
    utterances, conversations, survey = (
        lines(folder / f"{name}.jsonl") for name in ("utterances", "conversations", "survey")
    )
    assert all(set(record) == set(UTTERANCE.split()) for record in utterances)
    assert all(set(record) == set(CONVERSATION.split()) for record in conversations)
    assert all(set(SURVEY.split()) == set(record) for record in survey) and len(survey) == PRISM.users
    assert len({record["utterance_id"] for record in utterances}) == len(utterances)
    said = [
        (record["conversation_id"], *(message[name] for name in ("turn", "within_turn_id", "content", "score")))
        for record in conversations
        for message in record["conversation_history"]
        if message["role"] == "model"
    ]
    names = ("conversation_id", "turn", "within_turn_id", "model_response", "score")
    assert [tuple(record[name] for name in names) for record in utterances] == said


def test_prism_goes_on_with_the_model_that_was_chosen(sample_files: dict[str, Path]) -> None:
    chosen: dict[tuple[str, int], str] = {}
    models: dict[tuple[str, int], set[str]] = {}
    for record in lines(sample_files["prism"] / "utterances.jsonl"):
        key = (record["conversation_id"], record["turn"])
        models.setdefault(key, set()).add(record["model_name"])
        if record["if_chosen"]:
            chosen.setdefault(key, record["model_name"])
    assert chosen.keys() == models.keys()
    assert all(found == {chosen[name, turn - 1]} for (name, turn), found in models.items() if turn)


@pytest.mark.parametrize(
    "source", [source for source in SAMPLES if source != "lamp"]
)  # whose texts are yet to be written
def test_nothing_is_awkward_on_request(tmp_path: Path, source: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "personalllm": {"users": 2, "pairs_per_user": 12},
        "prism": {"subset": "all"},
        "tldr": {"minimum_annotations": 1},
    }
    write_sample(source, tmp_path / source, replace(SMALL[source], awkward=False))
    dropped = load(source, options[source], tmp_path / source, "here").source["dropped"]
    by_chance = {"duplicate_pairs", "tied_scores", "duplicate_ratings"}
    assert not any(count for reason, count in dropped.items() if reason not in by_chance)


@pytest.mark.parametrize(("source", "least", "most"), [("personalllm", 1200, 1700), ("tldr", 1400, 2000)])
def test_published_texts_are_about_as_long(tmp_path: Path, source: str, least: int, most: int) -> None:
    small = replace(SMALL[source], paragraphs=SAMPLES[source].published.paragraphs, awkward=False)
    write_sample(source, tmp_path / source, small)
    if source == "tldr":
        records = [record for path in (tmp_path / "tldr" / "comparisons").iterdir() for record in lines(path)]
        texts = [record["info"]["post"] for record in records]
    else:
        rows = pq.read_table(next((tmp_path / source / "data").glob("train*"))).to_pylist()
        texts = [row[name] for row in rows for name in RESPONSES]
    assert least < statistics.fmean(map(len, texts)) < most


def test_published_sizes_are_those_of_the_papers() -> None:
    personalllm, tldr, prism = (SAMPLES[source].published for source in ("personalllm", "tldr", "prism"))
    assert (personalllm.train, personalllm.test, tldr.comparisons) == (9402, 1000, 180_000)
    turns = (2 + prism.turns) / 2
    assert prism.users * prism.conversations * (4 + 2 * (turns - 1)) == pytest.approx(68_371, rel=0.02)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_sample("tldr", tmp_path / "empty", SMALL["tldr"])
    before = contents(tmp_path)
    with pytest.raises(InputError, match="exists and is not an empty folder: name another one"):
        write_sample("tldr", tmp_path / "empty", SMALL["tldr"])
    assert contents(tmp_path) == before


def test_a_source_without_a_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sample for the source 'prisn'; did you mean 'prism'"):
        write_sample("prisn", tmp_path / "out")


def test_a_sample_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_sample("personalllm", tmp_path / "out", replace(SMALL["personalllm"], train=-1))
    assert not list(tmp_path.iterdir())
