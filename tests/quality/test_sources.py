"""What only one source's tables have to be: sound ones pass, and each fault is found by the expectation it breaks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.datasets.conversation import Exchange, prompt_of, prompt_table
from prefactor.datasets.personalllm import SCORERS
from prefactor.errors import InputError
from prefactor.preferences import content_id
from prefactor.quality import QualityParameters, validate_tables
from prefactor.quality.validation import load_great_expectations
from tests.quality import published
from tests.quality.small import change

DEFAULT = QualityParameters()
MAKERS = {"personalllm": published.personalllm, "tldr": published.tldr, "prism": published.prism}
Edit = Callable[[pd.DataFrame], pd.DataFrame]
Make = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a source's sound tables."""

    def write(name: str) -> Path:
        MAKERS[name]().save(tmp_path / name)
        return tmp_path / name

    return write


def failed(prepared: Path) -> dict[str, list[str]]:
    """The first column of the rows that failed, by expectation."""
    out = prepared.with_name("docs")
    with pytest.raises(InputError, match="did not pass the gate"):
        validate_tables(prepared, out, DEFAULT)
    failures = json.loads((out / "result.json").read_text())["failures"]
    assert all(failure["fix"] for failure in failures)
    return {Path(each["file"]).stem: _first(out / each["file"]) for each in failures}


def _first(path: Path) -> list[str]:
    return pd.read_csv(path).iloc[:, 0].astype(str).tolist()


def set_source(prepared: Path, **values: object) -> None:
    path = prepared / "source.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def at(cells: dict[tuple[int, str], object]) -> Edit:
    """Set single cells: (row, column) -> value."""

    def edit(old: pd.DataFrame) -> pd.DataFrame:
        for (row, column), value in cells.items():
            old[column] = [value if place == row else own for place, own in enumerate(old[column])]
        return old

    return edit


@pytest.mark.parametrize("name", MAKERS)
def test_sound_tables_pass_their_source_s_suites(name: str, make: Make, tmp_path: Path) -> None:
    prepared = make(name)
    suites = validate_tables(prepared, tmp_path / "docs", DEFAULT)["suites"]
    own = {"personalllm": {"scorers", "rewards", "tastes", "sets"}, "tldr": {"annotators", "posts"}}
    assert own.get(name, {"scores", "turns", "prompts"}) | {name} <= set(suites)
    assert all((tmp_path / "docs" / f"{suite}.html").is_file() for suite in suites)


def test_a_table_of_another_source_is_not_asked(make: Make, tmp_path: Path) -> None:
    prepared = make("tldr")
    set_source(prepared, name="files")
    suites = validate_tables(prepared, tmp_path / "docs", DEFAULT)["suites"]
    assert not {"annotators", "posts", "tldr"} & set(suites)


def test_faults_of_rewards_and_tastes_are_found(make: Make) -> None:
    prepared = make("personalllm")
    pairs = pd.read_parquet(prepared / "pairs.parquet")
    candidates = pd.read_parquet(prepared / "candidates.parquet")
    idle = candidates[~candidates.text_id.isin([*pairs.chosen, *pairs.rejected])].index[:2]
    first = pairs.iloc[0]
    turned = content_id(first.user_id, first.rejected, first.chosen)
    change(
        prepared / "pairs.parquet",
        at({(0, "pair_id"): turned, (0, "chosen"): first.rejected, (0, "rejected"): first.chosen}),
    )
    change(prepared / "candidates.parquet", at({(idle[0], "beaver_7b"): None, (idle[1], "gemma_2b"): np.inf}))
    odd = {(3, "weight"): [0.5, *[0.0] * 9], (4, "weight"): [1.5, -0.5, *[0.0] * 8], (5, "weight"): [0.5, 0.5]}
    change(prepared / "users.parquet", at({**odd, (6, "utility"): [1.0], (7, "utility"): None}))
    assert failed(prepared) == {
        "candidates-beaver_7b-values-to-not-be-null": [candidates.group_id[idle[0]]],
        "rewards-beaver_7b-values-to-not-be-null": [candidates.group_id[idle[0]]],
        "rewards-gemma_2b-values-to-be-between": [candidates.group_id[idle[1]]],
        "tastes-utility-values-to-not-be-null": ["u7"],
        "personalllm-on-the-simplex": ["u3", "u4", "u5", "u6"],
        "personalllm-higher-utility": [first.user_id],
    }


def test_exactly_the_ten_reward_models_are_named(make: Make) -> None:
    prepared = make("personalllm")
    set_source(prepared, scorers=[*SCORERS[1:], SCORERS[1], SCORERS[1]])
    found = failed(prepared)
    assert found["scorers-scorer-values-to-be-unique"] == [SCORERS[1]] * 3
    assert found["scorers-table-row-count-to-equal"] == [*SCORERS[1:], SCORERS[1], SCORERS[1]]
    load_great_expectations()
    from prefactor.quality.sources import REWARD_MODELS

    assert set(REWARD_MODELS) == set(SCORERS)


def test_a_reward_model_without_a_column_ends_the_gate_before_queries(make: Make) -> None:
    prepared = make("personalllm")
    candidates = pd.read_parquet(prepared / "candidates.parquet")
    candidates.drop(columns="gemma_7b").to_parquet(prepared / "candidates.parquet")
    assert set(failed(prepared)) == {"candidates-gemma_7b-to-exist", "rewards-gemma_7b-to-exist"}
    assert not (prepared.with_name("docs") / "personalllm.html").exists()


def test_sets_are_whole_but_for_what_was_dropped(make: Make) -> None:
    """One response of the last set is missing, and a sound source says that it was dropped."""
    prepared = make("personalllm")
    candidates = pd.read_parquet(prepared / "candidates.parquet")
    ninth = candidates.iloc[-1:].assign(group_id=candidates.group_id[0])
    set_source(prepared, dropped={"duplicate_responses": 0, "repeated_prompts": 5})
    change(prepared / "candidates.parquet", lambda old: pd.concat([old, ninth]))
    assert failed(prepared) == {
        "personalllm-whole-sets": [candidates.group_id.iloc[-1]],
        "sets-responses-values-to-be-between": [candidates.group_id[0]],
    }


def test_faults_of_annotators_and_posts_are_found(make: Make) -> None:
    prepared = make("tldr")
    set_source(prepared, minimum_annotations=7)
    change(prepared / "users.parquet", at({(0, "annotations"): 6, (1, "annotations"): 7, (2, "annotations"): None}))
    change(prepared / "pairs.parquet", lambda old: old.assign(group_id=old.group_id.replace("t3_1", "t3_0")))
    assert failed(prepared) == {
        "annotators-annotations-values-to-be-between": ["u0"],
        "annotators-annotations-values-to-not-be-null": ["u2"],
        "posts-posts-values-to-be-between": ["t3_0"],
        "tldr-annotated": ["u1"],
    }


def test_a_source_that_does_not_say_how_many_annotations_is_refused(make: Make, tmp_path: Path) -> None:
    prepared = make("tldr")
    for least in (None, "50", True):
        set_source(prepared, minimum_annotations=least)
        with pytest.raises(InputError, match=r"minimum_annotations is .* run stage prepare again"):
            validate_tables(prepared, tmp_path / "docs", DEFAULT)


@pytest.mark.parametrize("named", ["personalllm candidates", "prism candidates", "prism prompts"])
def test_a_table_that_the_source_has_must_be_there(named: str, make: Make, tmp_path: Path) -> None:
    name, table = named.split()
    prepared = make(name)
    (prepared / f"{table}.parquet").unlink()
    with pytest.raises(InputError, match=rf"{table}.parquet does not exist, but {name} has it"):
        validate_tables(prepared, tmp_path / "docs", DEFAULT)


def test_faults_of_scores_and_turns_are_found(make: Make) -> None:
    """A score of 0.5; a second model in a later turn; a fifth response to a first turn, a third to a later one."""
    prepared = make("prism")
    pairs = pd.read_parquet(prepared / "pairs.parquet")

    def spoil(old: pd.DataFrame) -> pd.DataFrame:
        old = at({(0, "score"): 0.5, (5, "model"): "another"})(old)
        further = [(group, old[old.group_id == other].iloc[0]) for group, other in (("i2-0", "i1-0"), ("i3-1", "i1-1"))]
        rows = [
            {"group_id": group, "text_id": row.text_id, "score": 50.0, "model": row.model} for group, row in further
        ]
        return pd.concat([old, pd.DataFrame(rows)])

    change(prepared / "candidates.parquet", spoil)
    change(prepared / "pairs.parquet", at({(0, "margin"): 99.5, (7, "margin"): 98.0, (8, "margin"): None}))
    assert failed(prepared) == {
        "scores-score-values-to-be-between": ["i0-0"],
        "turns-first_responses-values-to-be-between": ["i2-0"],
        "turns-later_responses-values-to-be-between": ["i3-1"],
        "turns-later_models-values-to-be-between": ["i0-1"],
        "prism-margins": sorted(pairs.pair_id[[7, 8]]),
    }


def test_one_odd_turn_of_very_many_is_let_pass(make: Make, tmp_path: Path) -> None:
    """People's data is not clean: two models in one later turn of 144."""
    prepared = make("prism")
    copies = [f"copy-{number}" for number in range(120)]

    def sets(old: pd.DataFrame) -> pd.DataFrame:
        later = old[old.group_id == "i0-1"]
        return pd.concat([at({(5, "model"): "another"})(old), *(later.assign(group_id=name) for name in copies)])

    def judged(old: pd.DataFrame) -> pd.DataFrame:
        row = old[old.group_id == "i0-1"].iloc[:1]
        ids = {name: content_id(name, row.chosen.iloc[0], row.rejected.iloc[0]) for name in copies}
        return pd.concat([old, *(row.assign(user_id=u, group_id=u, pair_id=own) for u, own in ids.items())])

    change(prepared / "candidates.parquet", sets)
    change(prepared / "pairs.parquet", judged)
    people = pd.DataFrame({"user_id": copies, "balanced": False})
    change(prepared / "users.parquet", lambda old: pd.concat([old, people]))
    anything = QualityParameters(chosen_longer=(0, 1), chosen_first=(0, 1))
    assert validate_tables(prepared, tmp_path / "docs", anything)["success"]


def test_faults_of_the_tree_of_turns_are_found(make: Make) -> None:
    prepared = make("prism")
    prompts = pd.read_parquet(prepared / "prompts.parquet")
    other = [{"role": "user", "content": "Other."}]

    def spoil(old: pd.DataFrame) -> pd.DataFrame:
        # A parent of another conversation; last turns: one that says something else, one missing, one given twice.
        old = at({(4, "parent"): prompts.prompt_id[1], (8, "messages"): other})(old)
        return pd.concat([old.drop(index=11), old.loc[[14]]])

    change(prepared / "prompts.parquet", spoil)
    assert failed(prepared) == {
        "relations-known-prompts": [prompts.prompt_id[11]],
        "relations-known-parents": ["c1"],
        "relations-prompt-ids": ["c2", "c4", "c4"],
        "relations-turns-once": ["c4"],
    }


def test_prompts_as_the_reader_makes_them_have_the_gate_s_hashes(make: Make, tmp_path: Path) -> None:
    """Also where a turn was not answered, or a message looks like the speaker's name."""
    talks = {
        "a": [Exchange("Hi", "Hello!"), Exchange("How?", None), Exchange("So?", "Well.")],
        "b": [Exchange("Hi", "Who is it?"), Exchange("User: me\n\n", None)],
    }
    prompts = prompt_table(talks, {name: len(talk) - 1 for name, talk in talks.items()})
    assert content_id(prompt_of(talks["a"], 2)) in prompts["prompt_id"].to_pylist()
    prepared = make("prism")
    change(prepared / "prompts.parquet", lambda old: pd.concat([old, prompts.to_pandas()]))
    assert validate_tables(prepared, tmp_path / "docs", DEFAULT)["success"]
