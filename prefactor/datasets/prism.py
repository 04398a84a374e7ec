"""The source ``prism``: people's scores of the responses of several models, turn by turn of their conversations.

The files are ``utterances.jsonl``, ``conversations.jsonl`` and ``survey.jsonl`` of ``HannahRoseKirk/prism-alignment``
(Kirk et al. 2024). VRF (appendix A.1) takes the balanced subset, and of every interaction (one turn) the highest-
against the lowest-scored response; the prompt is the conversation up to that turn, along the responses it went on with.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from prefactor.datasets.conversation import Exchange, prompt_of, prompt_table
from prefactor.datasets.inputs import InputFile, combined_sha256
from prefactor.datasets.pairing import from_scores
from prefactor.datasets.published import described_parts, is_sample, named_file, published_folder
from prefactor.datasets.records import read_records
from prefactor.datasets.rows import recognisable
from prefactor.errors import InputError
from prefactor.preferences import SEPARATOR, Preferences
from prefactor.progress import progress

FILES = UTTERANCES, CONVERSATIONS, SURVEY = "utterances.jsonl", "conversations.jsonl", "survey.jsonl"
ROWS_AT_ONCE = 1024
TEXT_COLUMNS = ("user_id", "group_id", "prompt", "response", "model")
ROWS = pa.schema({name: pa.string() for name in TEXT_COLUMNS} | {"score": pa.float64(), "order": pa.int64()})
REASONS = (
    "outside_the_balanced_subset",
    "later_turns",
    "responses_without_score",
    "blank_responses",
    "blank_prompts",
)
LARGEST = float(np.finfo(np.float64).max)  # that a stated preference may be: JSON knows larger integers
PREFERS = "prefers_"  # begins the attributes that are stated preferences


@dataclass(frozen=True)
class PrismParameters:
    """Which conversations and which turns.

    hub             Hugging Face id of the dataset, for one who has a network; null: the files lie in ``input``
    revision        of the hub's dataset: branch, tag or commit
    subset          ``balanced``: users and conversations of the demographically balanced subset (published); ``all``
    outside         users without any conversation in that subset: ``drop``, or ``keep`` them with all of theirs, for
                    ``split.within: balanced``, where they stand in for unseen users while a model is chosen
    turns           ``all``, or the ``first`` alone, where different models answer; later turns hold two of one
    minimum_margin  least difference between the highest and the lowest score of an interaction, on the scale 1 to 100
    """

    hub: str | None = None
    revision: str | None = None
    subset: Literal["balanced", "all"] = "balanced"
    outside: Literal["drop", "keep"] = "drop"
    turns: Literal["all", "first"] = "all"
    minimum_margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum_margin <= 99:
            raise InputError(f"prism: minimum_margin is {self.minimum_margin!r}, but must be from 0 to 99")


@dataclass(frozen=True)
class Utterance:
    """A record of utterances.jsonl, as far as it is used: one response with its score."""

    interaction_id: str
    conversation_id: str
    user_id: str
    turn: int
    model_response: str | None
    model_name: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class Message:
    """One entry of a conversation's history."""

    turn: int
    role: str
    content: str | None
    score: float | None = None
    if_chosen: bool | None = None


@dataclass(frozen=True)
class Conversation:
    """A record of conversations.jsonl, as far as it is used."""

    conversation_id: str
    user_id: str
    conversation_history: list[Message]
    included_in_balanced_subset: bool = False


@dataclass(frozen=True)
class Person:
    """A record of survey.jsonl, as far as it is used: no free text. What is no category, NaN for one, is no answer."""

    user_id: str
    age: Any = None
    gender: Any = None
    education: Any = None
    employment_status: Any = None
    marital_status: Any = None
    english_proficiency: Any = None
    lm_familiarity: Any = None
    lm_frequency_use: Any = None
    religion: Any = None
    ethnicity: Any = None
    location: Any = None
    stated_prefs: Any = None


# The forms of an answer that are categories, simplest first; of a location the region that somebody lives in.
SIMPLE = {
    "religion": ("simplified", "categorised"),
    "ethnicity": ("simplified", "categorised"),
    "location": ("reside_region",),
}
EMPTY = "EMPTY STRING"  # what the published files have in the place of an empty text
DEMOGRAPHICS = tuple(item.name for item in fields(Person) if item.name not in ("user_id", "stated_prefs"))


@dataclass
class Threads:
    """All conversations by their id: what was said, whose they are, and which are in the balanced subset."""

    exchanges: dict[str, list[Exchange]] = field(default_factory=dict)
    user: dict[str, str] = field(default_factory=dict)
    balanced: set[str] = field(default_factory=set)
    without_choice: int = 0

    def balanced_users(self) -> frozenset[str]:
        """Users with a conversation in the balanced subset."""
        return frozenset(self.user[name] for name in self.balanced)


@dataclass(frozen=True)
class Selection:
    """What is taken of the utterances."""

    parameters: PrismParameters
    threads: Threads
    balanced_users: frozenset[str]

    def refusal(self, record: Utterance) -> str | None:
        """Why an utterance is left out; None if it is not."""
        if self._is_outside(record):
            return "outside_the_balanced_subset"
        if self.parameters.turns == "first" and record.turn > 0:
            return "later_turns"
        if record.score is None or math.isnan(record.score):
            return "responses_without_score"
        if is_empty(record.model_response):
            return "blank_responses"
        asked = self.threads.exchanges[record.conversation_id][record.turn].user
        return "blank_prompts" if is_empty(asked) else None

    def row(self, record: Utterance) -> dict[str, Any]:
        """An utterance as a row to make pairs of."""
        return {
            "user_id": record.user_id,
            "group_id": record.interaction_id,
            "prompt": prompt_of(self.threads.exchanges[record.conversation_id], record.turn),
            "response": record.model_response,
            "score": record.score,
            "order": record.turn,
            "model": record.model_name,
        }

    def _is_outside(self, record: Utterance) -> bool:
        if self.parameters.subset == "all" or record.conversation_id in self.threads.balanced:
            return False
        return record.user_id in self.balanced_users or self.parameters.outside == "drop"


def load(parameters: PrismParameters, input: Path) -> Preferences:
    """Read conversations, scores and survey; one pair of every interaction whose scores differ.

    ``candidates`` has everything that was scored with its ``score`` and ``model``, ``prompts`` the turns of the
    conversations, ``users`` the answers of the survey and whether one is in the balanced subset. Utterances are read
    three times, to count, for their hashes and for the texts that are used; memory holds what the conversations went on
    with. Raises InputError.
    """
    folder = published_folder(input, parameters.hub, parameters.revision, FILES)
    utterances, conversations, survey = (named_file(folder, name, "jsonl") for name in FILES)
    threads = _threads(conversations)
    selection = Selection(parameters, threads, threads.balanced_users())
    places, rows, lost = _look(utterances, selection)
    done = from_scores(lambda: _batches(utterances, selection), parameters.minimum_margin, candidates=True)
    if not len(done.pairs):
        reasons = ", ".join(f"{name}: {count}" for name, count in {**lost, **done.dropped}.items() if count)
        raise InputError(f"{utterances.path}: no pair is left of {rows} utterance(s) ({reasons}): see the parameters")
    people = {person.user_id: person for person in _people(survey)}
    users = _users(done.users["user_id"].to_pylist(), people, selection.balanced_users)
    counts = {"utterances": rows, "conversations": len(threads.user), "users": len(people)}
    unknown = sum(user not in people for user in done.users["user_id"].to_pylist())
    source = _provenance((utterances, conversations, survey), counts, users, folder) | {
        "dropped": {**lost, **done.dropped},
        "noted": {**done.noted, "turns_without_a_choice": threads.without_choice, "users_without_survey": unknown},
    }
    return Preferences(done.texts, done.pairs, users, done.candidates, source, _prompts(done.pairs, places, threads))


def _threads(file: InputFile) -> Threads:
    """Every conversation along the responses it went on with."""
    threads = Threads()
    with progress("prism", None, "conversations") as shown:
        for place, record in read_records(file, Conversation):
            name = record.conversation_id
            _refuse_blank(place, conversation_id=name, user_id=record.user_id)
            if name in threads.user:
                raise InputError(f"{place}: conversation {name!r} is given twice: keep one")
            threads.exchanges[name] = _exchanges(record.conversation_history, place, threads)
            threads.user[name] = record.user_id
            if record.included_in_balanced_subset:
                threads.balanced.add(name)
            shown.advance()
    return threads


def _exchanges(history: list[Message], place: str, threads: Threads) -> list[Exchange]:
    """Turn by turn; a turn that was followed by another without a chosen response went on with its best-scored one."""
    turns: dict[int, list[Message]] = {}
    for message in history:
        if SEPARATOR in (message.content or ""):
            raise InputError(f"{place}: the control character U+001F in conversation_history: remove the character")
        turns.setdefault(message.turn, []).append(message)
    if sorted(turns) != list(range(len(turns))):
        found = ", ".join(map(str, sorted(turns)))
        raise InputError(f"{place}: conversation_history has the turns {found}, but they must run from 0: correct it")
    exchanges = []
    for turn, said in sorted(turns.items()):
        asked = [message.content or "" for message in said if message.role == "user"]
        asked = ["" if is_empty(text) else text for text in asked]
        if len(asked) != 1:
            raise InputError(
                f"{place}: turn {turn} has {len(asked)} messages of role 'user', but must have 1: correct it"
            )
        answers = [message for message in said if message.role != "user" and not is_empty(message.content)]
        chosen = [message for message in answers if message.if_chosen]
        threads.without_choice += not chosen and turn + 1 < len(turns)
        best = max(chosen or answers, key=_score, default=None)
        exchanges.append(Exchange(asked[0], best.content if best else None))
    return exchanges


def is_empty(text: str | None) -> bool:
    """Is there no text: null, blank, or what stands for it in the published files."""
    return not (text or "").strip() or text == EMPTY


def _score(message: Message) -> float:
    return -math.inf if message.score is None or math.isnan(message.score) else message.score


def _look(file: InputFile, selection: Selection) -> tuple[dict[str, tuple[str, int]], int, dict[str, int]]:
    """Conversation and turn of every interaction that is used, the number of utterances, and why others are not."""
    places: dict[str, tuple[str, int]] = {}
    lost, rows = dict.fromkeys(REASONS, 0), 0
    with progress("prism", None, "utterances") as shown:
        for place, record in read_records(file, Utterance):
            _check(record, place, selection.threads)
            reason, where = selection.refusal(record), (record.conversation_id, record.turn)
            if reason is not None:
                lost[reason] += 1
            elif places.setdefault(record.interaction_id, where) != where:
                raise InputError(f"{place}: interaction {record.interaction_id!r} is in two turns: give it one")
            rows += 1
            shown.advance()
    return places, rows, lost


def _check(record: Utterance, place: str, threads: Threads) -> None:
    """Refuse an utterance that does not fit its conversation."""
    name = record.conversation_id
    _refuse_blank(place, interaction_id=record.interaction_id, user_id=record.user_id)
    if name not in threads.user:
        raise InputError(f"{place}: conversation {name!r} is not in {CONVERSATIONS}: use files of one publication")
    if threads.user[name] != record.user_id:
        owner = f"user {record.user_id!r}, but {CONVERSATIONS} says {threads.user[name]!r}"
        raise InputError(f"{place}: conversation {name!r} has the {owner}: use files of one publication")
    turns = len(threads.exchanges[name])
    if not 0 <= record.turn < turns:
        given = f"turn is {recognisable(record.turn)}, but conversation {name!r} has {turns} turn(s)"
        raise InputError(f"{place}: {given}, counted from 0: correct it")
    if record.score is not None and math.isinf(record.score):
        raise InputError(f"{place}: score is {record.score}, but must be a finite number, or nothing: correct it")


def _refuse_blank(place: str, **named: str) -> None:
    for name, value in named.items():
        if not value.strip():
            raise InputError(f"{place}: field {name!r} is empty: fill it in or remove the line")


def _batches(file: InputFile, selection: Selection) -> Iterator[pa.Table]:
    """The utterances that are used as rows, some at a time."""
    used = (record for _, record in read_records(file, Utterance) if selection.refusal(record) is None)
    while batch := [selection.row(record) for record in islice(used, ROWS_AT_ONCE)]:
        yield pa.Table.from_pylist(batch, ROWS)


def _prompts(pairs: pa.Table, places: Mapping[str, tuple[str, int]], threads: Threads) -> pa.Table:
    """The table ``prompts`` of the conversations that pairs are from, each up to its last such turn."""
    last: dict[str, int] = {}
    for group in pairs["group_id"].to_pylist():
        conversation, turn = places[group]
        last[conversation] = max(turn, last.get(conversation, 0))
    return prompt_table(threads.exchanges, last)


def _people(file: InputFile) -> Iterator[Person]:
    known = set()
    for place, person in read_records(file, Person):
        _refuse_blank(place, user_id=person.user_id)
        if person.user_id in known:
            raise InputError(f"{place}: user {person.user_id!r} is given twice: keep one")
        known.add(person.user_id)
        yield person


def _users(user_ids: list[str], people: Mapping[str, Person], balanced: frozenset[str]) -> pa.Table:
    """The table ``users``: user_id, balanced, and what the survey says of them, null where it does not."""
    nobody = Person("")
    answers = [people.get(user, nobody) for user in user_ids]
    columns: dict[str, Any] = {"user_id": user_ids, "balanced": [user in balanced for user in user_ids]}
    for name in DEMOGRAPHICS:
        columns[name] = pa.array([_simple(name, getattr(person, name)) for person in answers], pa.string())
    stated = [person.stated_prefs if isinstance(person.stated_prefs, dict) else {} for person in answers]
    for name in sorted({name for each in people.values() for name in _ratings(each.stated_prefs)}):
        columns[PREFERS + name] = pa.array([_ratings(each).get(name) for each in stated], pa.float64())
    return pa.table(columns)


def _simple(name: str, answer: Any) -> str | None:
    """An answer as one category: of one given in people's own words its first simple form, or nothing."""
    if name in SIMPLE:
        forms = [answer.get(form) for form in SIMPLE[name]] if isinstance(answer, dict) else []
        answer = next((form for form in forms if isinstance(form, str) and not is_empty(form)), None)
    return answer if isinstance(answer, str) and not is_empty(answer) else None


def _ratings(stated: Any) -> dict[str, float]:
    """Stated preferences that are finite numbers: what somebody wrote beside them is free text, and left out."""
    items = stated.items() if isinstance(stated, dict) else ()
    return {name: float(value) for name, value in items if type(value) in (int, float) and abs(value) <= LARGEST}


def _provenance(files: Sequence[InputFile], rows: dict[str, int], users: pa.Table, folder: Path) -> dict[str, Any]:
    return {
        "name": "prism",
        "licence": "human text CC-BY-4.0, model responses CC-BY-NC-4.0 (Kirk et al. 2024)",
        "sha256": combined_sha256(files),
        "parts": described_parts(files, list(rows.values()), folder),
        "rows": rows,
        "empty_prompts": False,
        "scorers": ["score"],
        "truth": False,
        "sample": is_sample(folder),
        "attributes": users.column_names[2:],
    }
