"""The source ``prism``: the best-scored response against the worst of every turn, after the conversation up to it."""

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prefactor.datasets import load, prism
from prefactor.datasets.prism import EMPTY
from prefactor.datasets.samples.prism import STATED
from prefactor.errors import InputError
from prefactor.preferences import Preferences, TextBatches, content_id
from prefactor.quality import QualityParameters, validate_tables
from tests.datasets.conftest import PRISM

Record = dict[str, Any]
Files = dict[str, list[Record]]
NAMES = ("utterances", "conversations", "survey")
MARKER = "Strictly-Private"
DEMOGRAPHICS = {"age", "gender", "education", "employment_status", "marital_status", "english_proficiency"}
DEMOGRAPHICS |= {"lm_familiarity", "lm_frequency_use", "religion", "ethnicity", "location"}


@pytest.fixture(scope="module")
def folder(sample_files: dict[str, Path]) -> Path:
    return sample_files["prism"]


@pytest.fixture(scope="module")
def files(folder: Path) -> Files:
    return {name: lines(folder / f"{name}.jsonl") for name in NAMES}


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Preferences:
    return read(folder)


def lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read(folder: Path, **options: Any) -> Preferences:
    return load("prism", options, folder, "datasets.prism.options")


def texts(preferences: Preferences) -> dict[str, tuple[str, str]]:
    assert isinstance(preferences.texts, TextBatches)
    rows = preferences.texts.table().to_pylist()
    assert len({row["text_id"] for row in rows}) == len(rows)
    return {row["text_id"]: (row["prompt"], row["response"]) for row in rows}


def prompts_of(conversation: Record) -> list[str]:
    """The prompt of every turn: all that was said and chosen before, and what is asked now."""
    prompts, so_far, history = [], "", conversation["conversation_history"]
    for turn in range(conversation["conversation_turns"]):
        asked = next(each["content"] for each in history if each["turn"] == turn and each["role"] == "user")
        asked = "" if asked == EMPTY else asked
        so_far += f"\n\nUser: {asked}" if turn else asked
        prompts.append(so_far)
        if reply := reply_of(conversation, turn):
            so_far += f"\n\nAssistant: {reply}"
    return prompts


def reply_of(conversation: Record, turn: int) -> str | None:
    """What a turn went on with: the chosen response, of several the first; the best one where none is left."""
    said = [each for each in conversation["conversation_history"] if each["turn"] == turn and each["role"] == "model"]
    said = [each for each in said if each["content"] != EMPTY]
    chosen = [each for each in said if each["if_chosen"]] or sorted(said, key=lambda each: -(each["score"] or 0))
    return chosen[0]["content"] if chosen else None


def without_a_choice(conversation: Record) -> int:
    """Turns that went on although no response that says anything was chosen."""
    known = {each["turn"] for each in conversation["conversation_history"] if each.get("if_chosen")}
    spoken = {
        each["turn"]
        for each in conversation["conversation_history"]
        if each.get("if_chosen") and each["content"] != EMPTY
    }
    return len({turn for turn in known - spoken if turn + 1 < conversation["conversation_turns"]})


def balanced(conversation: Record) -> bool:
    return bool(conversation["included_in_balanced_subset"])


@dataclass(frozen=True)
class Judged:
    """An interaction with a best and a worst response, each perhaps one of several."""

    user: str
    turn: int
    prompt: str
    scores: dict[str, float]

    @property
    def margin(self) -> float:
        return max(self.scores.values()) - min(self.scores.values())

    def those_with(self, score: float) -> set[str]:
        return {response for response, given in self.scores.items() if given == score}


def expected(
    files: Files, takes: Callable[[Record], bool] = balanced, last: int = 99
) -> tuple[dict[str, Judged], Counter[str]]:
    """What is judged in every interaction, by the rules of the source, and what is lost on the way."""
    conversations = {record["conversation_id"]: record for record in files["conversations"]}
    lost: Counter[str] = Counter()
    interactions: dict[str, list[Record]] = {}
    for record in files["utterances"]:
        if not takes(conversations[record["conversation_id"]]):
            lost["outside_the_balanced_subset"] += 1
        elif record["turn"] > last:
            lost["later_turns"] += 1
        elif record["score"] is None:
            lost["responses_without_score"] += 1
        elif record["model_response"] == EMPTY:
            lost["blank_responses"] += 1
        elif record["user_prompt"] == EMPTY:
            lost["blank_prompts"] += 1
        else:
            interactions.setdefault(record["interaction_id"], []).append(record)
    judged = {}
    for name, records in interactions.items():
        first, scores = records[0], mean_scores(records, lost)
        prompt = prompts_of(conversations[first["conversation_id"]])[first["turn"]]
        judged[name] = Judged(first["user_id"], first["turn"], prompt, scores)
        if not judged[name].margin:
            lost["lone_responses" if len(scores) == 1 else "tied_scores"] += 1
            del judged[name]
    return judged, lost


def mean_scores(records: list[Record], lost: Counter[str]) -> dict[str, float]:
    """Response -> the mean of the scores that it was given."""
    scores: dict[str, list[float]] = {}
    for record in records:
        scores.setdefault(record["model_response"], []).append(record["score"])
    lost["conflicting_ratings"] += sum(len(set(given)) > 1 for given in scores.values())
    lost["duplicate_ratings"] += sum(len(given) - 1 for given in scores.values() if len(set(given)) == 1)
    return {response: statistics.fmean(given) for response, given in scores.items()}


def check_pairs(preferences: Preferences, judged: dict[str, Judged]) -> None:
    found, rows = texts(preferences), preferences.pairs.to_pylist()
    assert {row["group_id"] for row in rows} == set(judged) and len(rows) == len(judged)
    for row in rows:
        seen = judged[row["group_id"]]
        assert (row["user_id"], row["order"], row["margin"]) == (seen.user, seen.turn, pytest.approx(seen.margin))
        for side, score in (("chosen", max(seen.scores.values())), ("rejected", min(seen.scores.values()))):
            prompt, response = found[row[side]]
            assert prompt == seen.prompt and response in seen.those_with(score)
        assert row["pair_id"] == content_id(row["user_id"], row["chosen"], row["rejected"])


def check_candidates(preferences: Preferences, judged: dict[str, Judged]) -> None:
    assert preferences.candidates is not None
    rows = preferences.candidates.to_pylist()
    scored = {(row["group_id"], row["text_id"]): pytest.approx(row["score"]) for row in rows}
    assert scored == {
        (name, content_id(seen.prompt, response)): score
        for name, seen in judged.items()
        for response, score in seen.scores.items()
    }
    assert set(texts(preferences)) == {text_id for _, text_id in scored}


def test_pairs_are_the_best_against_the_worst_of_the_balanced_subset(files: Files, loaded: Preferences) -> None:
    pairs, _ = expected(files)
    check_pairs(loaded, pairs)
    check_candidates(loaded, pairs)


def test_every_awkward_case_is_met_and_counted(files: Files, loaded: Preferences) -> None:
    _, lost = expected(files)
    noted = {"conflicting_ratings": lost.pop("conflicting_ratings")}
    met = (
        "outside_the_balanced_subset",
        "responses_without_score",
        "lone_responses",
        "tied_scores",
        "blank_responses",
        "blank_prompts",
    )
    assert all(lost[reason] for reason in met) and noted["conflicting_ratings"]
    zeros = ("later_turns", "duplicate_pairs", "below_minimum_margin")
    assert loaded.source["dropped"] == {**dict.fromkeys((*zeros, "users_without_pairs"), 0), **lost}
    assert loaded.source["noted"] == {
        "contradictory_pairs": 0,
        "turns_without_a_choice": sum(map(without_a_choice, files["conversations"])),
        "users_without_survey": 0,
        **noted,
    }
    assert loaded.source["rows"] == {
        "utterances": len(files["utterances"]),
        "conversations": len(files["conversations"]),
        "users": PRISM.users,
    }
    parts = {part["file"]: part["rows"] for part in loaded.source["parts"]}
    assert parts == {f"{name}.jsonl": len(records) for name, records in files.items()}
    told = [text for pair in texts(loaded).values() for text in pair]
    assert any("日本語" in text for text in told) and max(map(len, told)) > 50_000


def test_first_turns_compare_models_and_later_ones_one_model(loaded: Preferences) -> None:
    models: dict[str, set[str]] = {}
    assert loaded.candidates is not None
    for row in loaded.candidates.to_pylist():
        models.setdefault(row["group_id"], set()).add(row["model"])
    assert all((len(models[row["group_id"]]) == 1) == (row["order"] > 0) for row in loaded.pairs.to_pylist())


def test_users_outside_are_dropped_or_kept_with_all_of_theirs(files: Files, folder: Path, loaded: Preferences) -> None:
    inside = {record["user_id"] for record in files["conversations"] if balanced(record)}
    outside = {record["user_id"] for record in files["conversations"]} - inside
    assert inside and outside
    assert {row["user_id"]: row["balanced"] for row in loaded.users.to_pylist()} == dict.fromkeys(inside, True)
    kept = read(folder, outside="keep")
    check_pairs(kept, expected(files, lambda record: balanced(record) or record["user_id"] in outside)[0])
    assert {row["user_id"]: row["balanced"] for row in kept.users.to_pylist()} == {
        user: user in inside for user in inside | outside
    }


def test_all_conversations_and_first_turns_on_request(files: Files, folder: Path) -> None:
    everything = read(folder, subset="all")
    check_pairs(everything, expected(files, lambda _: True)[0])
    check_candidates(everything, expected(files, lambda _: True)[0])
    first = read(folder, turns="first")
    pairs, lost = expected(files, last=0)
    check_pairs(first, pairs)
    assert first.source["dropped"]["later_turns"] == lost["later_turns"] > 0
    assert first.prompts is not None and set(first.prompts["turn"].to_pylist()) == {0}


def test_a_margin_is_a_bound(files: Files, folder: Path) -> None:
    pairs, _ = expected(files)
    wide = {name: pair for name, pair in pairs.items() if pair.margin >= 60}
    preferences = read(folder, minimum_margin=60)
    check_pairs(preferences, wide)
    assert preferences.source["dropped"]["below_minimum_margin"] == len(pairs) - len(wide) > 0


def test_prompts_reassemble_to_the_texts(files: Files, loaded: Preferences) -> None:
    assert loaded.prompts is not None
    rows = loaded.prompts.to_pylist()
    whole: dict[tuple[str, int], str] = {}
    for row in sorted(rows, key=lambda row: row["turn"]):
        key = (row["conversation_id"], row["turn"])
        before = whole.get((row["conversation_id"], row["turn"] - 1), "")
        said = "".join(f"\n\n{each['role'].capitalize()}: {each['content']}" for each in row["messages"])
        whole[key] = before + (said if before else said.removeprefix("\n\nUser: "))
        assert row["prompt_id"] == content_id(whole[key])
        assert row["parent"] == (content_id(before) if before else None)
        assert whole[key].startswith(before) and row["messages"][-1]["role"] == "user"
    conversations = {record["conversation_id"]: prompts_of(record) for record in files["conversations"]}
    assert all(prompt == conversations[name][turn] for (name, turn), prompt in whole.items())
    assert {prompt for prompt, _ in texts(loaded).values()} <= set(whole.values())
    assert len(whole) == len(rows) and max(turn for _, turn in whole) == PRISM.turns - 1


def test_attributes_are_carried_without_free_text(files: Files, loaded: Preferences) -> None:
    survey = {record["user_id"]: record for record in files["survey"]}
    names = loaded.source["attributes"]
    assert set(names) == DEMOGRAPHICS | {f"prefers_{name}" for name in STATED}
    assert loaded.users.column_names == ["user_id", "balanced", *names]
    for row in loaded.users.to_pylist():
        answers = survey[row["user_id"]]
        assert row["age"] == answers["age"] and row["prefers_safety"] == answers["stated_prefs"]["safety"]
        assert row["religion"] == answers["religion"]["simplified"]
        assert row["location"] == answers["location"]["reside_region"]
    told = json.dumps(loaded.users.to_pylist()) + json.dumps(loaded.source)
    assert not any(text in told for text in ("I like plain words", "Answer me plainly", "Short.", "self_described"))


def test_batch_size_does_not_matter(folder: Path, loaded: Preferences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prism, "ROWS_AT_ONCE", 13)
    small = read(folder)
    assert small.pairs.equals(loaded.pairs) and small.users.equals(loaded.users)
    assert small.candidates == loaded.candidates and small.prompts == loaded.prompts
    assert isinstance(small.texts, TextBatches)
    sizes = [len(batch) for batch in small.texts]
    assert len(sizes) > 5 and max(sizes) <= 13
    assert list(texts(small).items()) == list(texts(loaded).items())


def test_the_tables_pass_the_gate(loaded: Preferences, tmp_path: Path) -> None:
    loaded.save(tmp_path / "prism")
    result = validate_tables(tmp_path / "prism", tmp_path / "docs", QualityParameters())
    assert result["observed"]


def message(role: str, turn: int, content: str | None, **more: Any) -> Record:
    return {"turn": turn, "role": role, "content": content, **more}


def conversation(*turns: str, name: str = "c0") -> Record:
    """A conversation with two answers to each of ``turns``, of which the first is chosen."""
    history = []
    for turn, asked in enumerate(turns):
        history.append(message("user", turn, asked))
        for place, score in enumerate((80, 20)):
            more = {"score": score, "if_chosen": place == 0}
            history.append(message("model", turn, f"{MARKER} {name} {turn} {place}", **more))
    return {"conversation_id": name, "user_id": "anna", "conversation_history": history} | IN


IN = {"included_in_balanced_subset": True}


def utterances(record: Record) -> list[Record]:
    """The utterances of a conversation."""
    name, history = record["conversation_id"], record["conversation_history"]
    return [
        {
            "interaction_id": f"{name}-{each['turn']}",
            "conversation_id": name,
            "user_id": record["user_id"],
            "turn": each["turn"],
            "model_response": each["content"],
            "score": each["score"],
        }
        for each in history
        if each["role"] == "model"
    ]


def sound() -> Files:
    record = conversation(f"{MARKER} first", f"{MARKER} second")
    return {"utterances": utterances(record), "conversations": [record], "survey": [{"user_id": "anna"}]}


def write(folder: Path, files: Files) -> Path:
    for name, records in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_a_turn_without_a_choice_goes_on_with_its_best(tmp_path: Path) -> None:
    files = sound()
    for each in files["conversations"][0]["conversation_history"]:
        each.pop("if_chosen", None)
    files["conversations"][0]["conversation_history"][1]["score"] = 10
    preferences = read(write(tmp_path, files))
    last = {prompt for prompt, _ in texts(preferences).values() if "second" in prompt}
    assert last == {f"{MARKER} first\n\nAssistant: {MARKER} c0 0 1\n\nUser: {MARKER} second"}
    assert preferences.source["noted"]["turns_without_a_choice"] == 1


def test_what_is_no_category_is_no_answer(files: Files, tmp_path: Path) -> None:
    changed = {name: [dict(record) for record in records] for name, records in files.items()}
    person = changed["survey"][0]
    person |= {"age": 30, "gender": math.nan, "education": " ", "religion": "in my own words"}
    person["ethnicity"] = {"simplified": math.nan, "categorised": "Mixed"}
    for name, records in changed.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = {row["user_id"]: row for row in read(tmp_path, subset="all").users.to_pylist()}
    found = rows[person["user_id"]]
    assert [found[name] for name in ("age", "gender", "education", "religion")] == [None] * 4
    assert found["ethnicity"] == "Mixed"


def test_blanks_are_left_out_and_counted(tmp_path: Path) -> None:
    files = sound()
    files["utterances"][0]["model_response"] = "\n"
    files["utterances"][1]["score"] = math.nan
    files["conversations"].append(conversation(" ", name="c1"))
    files["utterances"] += utterances(files["conversations"][1])
    dropped = read(write(tmp_path, files)).source["dropped"]
    counted = {name: dropped[name] for name in ("blank_responses", "responses_without_score", "blank_prompts")}
    assert counted == {"blank_responses": 1, "responses_without_score": 1, "blank_prompts": 2}


def test_people_without_answers_have_none(tmp_path: Path) -> None:
    survey = [
        {"user_id": "ben", "stated_prefs": {"safety": 5}},
        {"user_id": "carl", "stated_prefs": {"safety": 10**400, "fluency": math.nan, "other_text": MARKER}},
    ]
    preferences = read(write(tmp_path, sound() | {"survey": survey}))
    (row,) = preferences.users.to_pylist()
    assert row.pop("user_id") == "anna" and row.pop("balanced") is True
    assert set(row.values()) == {None} and "prefers_safety" in row and "prefers_fluency" not in row
    assert preferences.source["noted"]["users_without_survey"] == 1


def test_nested_answers_have_a_simple_form(tmp_path: Path) -> None:
    answers = {"religion": {"categorised": "B", "simplified": None}, "ethnicity": {"self_described": MARKER}}
    survey = [{"user_id": "anna", "location": {"reside_region": "R"}, "age": " ", **answers}]
    (row,) = read(write(tmp_path, sound() | {"survey": survey})).users.to_pylist()
    assert (row["religion"], row["ethnicity"], row["location"], row["age"]) == ("B", None, "R", None)


Change = Callable[[Files], Any]


def in_utterance(**changed: Any) -> Change:
    return lambda files: files["utterances"][1].update(changed)


def in_history(place: int, **changed: Any) -> Change:
    return lambda files: files["conversations"][0]["conversation_history"][place].update(changed)


def in_conversation(**changed: Any) -> Change:
    return lambda files: files["conversations"][0].update(changed)


def twice(name: str) -> Change:
    return lambda files: files[name].append(files[name][0])


BAD_FILES: dict[str, tuple[Change, str]] = {
    "no turn": (
        lambda files: files["utterances"][1].pop("turn"),
        "utterances.jsonl, line 2: there is no field 'turn', but interaction_id, conversation_id, user_id, model_resp",
    ),
    "no history": (
        lambda files: files["conversations"][0].pop("conversation_history"),
        "conversations.jsonl, line 1: there is no field 'conversation_history', but",
    ),
    "no role": (
        lambda files: files["conversations"][0]["conversation_history"][1].pop("role"),
        "conversations.jsonl, line 1: there is no field 'conversation_history.1.role', but turn, content, score,",
    ),
    "a score in words": (in_utterance(score="high"), "line 2: field 'score' is 'high', but must be a valid number"),
    "a score that is true": (in_utterance(score=True), "line 2: field 'score' is True, but must be a valid number"),
    "infinite score": (in_utterance(score=-math.inf), "line 2: score is -inf, but must be a finite number, or nothing"),
    "a huge score": (in_utterance(score=10**400), "line 2: score is inf, but must be a finite number"),
    "a response in numbers": (in_utterance(model_response=5), "line 2: field 'model_response' is 5, but must be a val"),
    "a response of parts": (
        in_utterance(model_response=[MARKER]),
        "line 2: field 'model_response' is a list, but must",
    ),
    "a fractional turn": (in_utterance(turn=0.5), "line 2: field 'turn' is 0.5, but must be a valid integer"),
    "another's conversation": (in_utterance(user_id="ben"), "line 2: conversation 'c0' has the user 'ben', but conver"),
    "unknown conversation": (
        in_utterance(conversation_id="c9"),
        "line 2: conversation 'c9' is not in conversations.js",
    ),
    "a turn too far": (
        in_utterance(turn=2),
        "line 2: turn is 2, but conversation 'c0' has 2 turn(s), counted from 0: cor",
    ),
    "a turn before all": (in_utterance(turn=-1), "line 2: turn is -1, but conversation 'c0' has 2 turn(s)"),
    "a huge turn": (in_utterance(turn=10**4000), "line 2: turn is 1000"),
    "an interaction in two turns": (in_utterance(turn=1), "line 2: interaction 'c0-0' is in two turns: give it one"),
    "empty interaction": (in_utterance(interaction_id=""), "line 2: field 'interaction_id' is empty: fill it in"),
    "empty user": (in_conversation(user_id=" "), "conversations.jsonl, line 1: field 'user_id' is empty"),
    "empty conversation": (in_conversation(conversation_id=""), "line 1: field 'conversation_id' is empty"),
    "a history of texts": (
        in_conversation(conversation_history=[MARKER]),
        "line 1: field 'conversation_history.0' is a text of 16 characters, but must be an object",
    ),
    "an empty history": (
        in_conversation(conversation_history=[]),
        "conversation 'c0' has 0 turn(s), counted from 0: correct it",
    ),
    "a gap between turns": (in_history(0, turn=3), "line 1: conversation_history has the turns 0, 1, 3, but they must"),
    "nobody asks": (in_history(3, role="model"), "line 1: turn 1 has 0 messages of role 'user', but must have 1"),
    "two ask": (in_history(1, role="user"), "line 1: turn 0 has 2 messages of role 'user', but must have 1"),
    "control character": (in_history(0, content="a\x1fb"), "the control character U+001F in conversation_history: rem"),
    "a conversation twice": (twice("conversations"), "conversations.jsonl, line 2: conversation 'c0' is given twice"),
    "a user twice": (twice("survey"), "survey.jsonl, line 2: user 'anna' is given twice: keep one"),
    "empty user of the survey": (
        lambda files: files["survey"][0].update(user_id=""),
        "survey.jsonl, line 1: field 'us",
    ),
    "no score at all": (
        lambda files: [each.update(score=None) for each in files["utterances"]],
        "utterances.jsonl: no pair is left of 4 utterance(s) (responses_without_score: 4): see the parameters",
    ),
    "none in the subset": (
        in_conversation(included_in_balanced_subset=False),
        "no pair is left of 4 utterance(s) (outside_the_balanced_subset: 4)",
    ),
}


@pytest.mark.parametrize(("change", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_refused(tmp_path: Path, change: Change, words: str) -> None:
    files = sound()
    change(files)
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        read(write(tmp_path, files))
    assert str(tmp_path) in str(caught.value) and MARKER not in str(caught.value) and len(str(caught.value)) < 400


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, sound())
    (tmp_path / "survey.jsonl").unlink()
    with pytest.raises(InputError, match=r"no file survey\.jsonl, but conversations\.jsonl, utterances\.jsonl: put"):
        read(tmp_path)
    (tmp_path / "survey.jsonl").mkdir()
    with pytest.raises(InputError, match=r"no file survey\.jsonl"):
        read(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, sound()) / "conversations.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(InputError, match=r"conversations\.jsonl, line 1: malformed JSON, EOF .* at column \d+: write"):
        read(tmp_path)
    path.write_bytes(whole.replace(MARKER.encode(), b"\xfe"))
    with pytest.raises(InputError, match=r"conversations\.jsonl, line 1: byte \d+ is not valid UTF-8: save the file"):
        read(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"conversations\.jsonl is empty"):
        read(tmp_path)


@pytest.mark.parametrize("margin", [-1, 100, math.nan])
def test_impossible_margins_are_refused(folder: Path, margin: float) -> None:
    with pytest.raises(InputError, match="minimum_margin"):
        read(folder, minimum_margin=margin)
