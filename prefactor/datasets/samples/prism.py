"""Sample of PRISM: people's conversations with several models, their scores, and a survey of who they are."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from prefactor.datasets.prism import EMPTY
from prefactor.datasets.samples.writing import UNICODE, Question, lengthened, questions, tastes
from prefactor.seeds import mixed_seed

MODELS = tuple((f"model-{number}", f"provider-{number % 5}") for number in range(21))
TYPES = ("unguided", "values guided", "controversy guided")
Record = dict[str, Any]
Records = list[Record]
FIRST, LATER = 4, 2  # responses of a first turn, each of another model, and of a later one, all of one
AGES = ("18-24 years old", "25-34 years old", "35-44 years old", "45-54 years old", "55-64 years old", "65+ years old")
GENDERS = ("Female", "Male", "Non-binary / third gender", "Prefer not to say")
ETHNICITIES = ("White", "Black", "Asian")
REGIONS = ("UK", "US", "Europe", "Africa", "Latin America", "Asia")
WHEN = {"generated_datetime": "2023-11-22 10:00:00", "timing_duration_s": 600.0, "timing_duration_mins": 10.0}
STATED = ("values", "creativity", "fluency", "factuality", "diversity", "safety", "personalisation", "helpfulness")


@dataclass(frozen=True)
class PrismSample:
    """Its size: ``users``, of whom one in eight has no conversation in the balanced subset; conversations of each, with
    two to ``turns`` turns; ``paragraphs`` of a response; ``awkward``: with the cases that readers stumble over."""

    users: int = 160
    conversations: int = 6
    turns: int = 4
    paragraphs: int = 1
    awkward: bool = True
    seed: int = 0


PUBLISHED = PrismSample(users=1440, paragraphs=4)  # 68,332 utterances; 68,371 were published


@dataclass(frozen=True)
class Person:
    """Somebody with a taste (10,) over styles."""

    user_id: str
    taste: np.ndarray
    balanced: bool


def write(parameters: PrismSample, folder: Path) -> None:
    """Write survey.jsonl, conversations.jsonl and utterances.jsonl."""
    rng = np.random.default_rng(mixed_seed(parameters.seed, "samples", "prism"))
    people = _people(parameters)
    with (folder / "survey.jsonl").open("w", encoding="utf-8") as survey:
        _write(survey, (_answers(person, rng) for person in people))
    most = parameters.users * parameters.conversations * parameters.turns
    asked = questions(most, FIRST, parameters.seed, parameters.paragraphs)
    writer = _Writer(rng, parameters.awkward)
    with (
        (folder / "conversations.jsonl").open("w", encoding="utf-8") as conversations,
        (folder / "utterances.jsonl").open("w", encoding="utf-8") as utterances,
    ):
        for place, person in enumerate(people):
            for number in range(_conversations_of(place, parameters)):
                turns = int(rng.integers(min(2, parameters.turns), parameters.turns + 1))
                record, scored = writer.conversation(person, number, asked, turns)
                _write(conversations, [record])
                _write(utterances, scored)


def _people(parameters: PrismSample) -> list[Person]:
    wanted = tastes(parameters.users, 0.1, parameters.seed)
    return [Person(f"user{number}", taste, number % 8 != 7) for number, taste in enumerate(wanted)]


def _conversations_of(place: int, parameters: PrismSample) -> int:
    """As many as asked for; of the last two people one has a single one, and one, as in the real survey, none."""
    after = parameters.users - 1 - place
    return parameters.conversations if after > 1 or not parameters.awkward else after


def _answers(person: Person, rng: np.random.Generator) -> Record:
    def one(values: tuple[Any, ...]) -> Any:
        return values[int(rng.integers(len(values)))]

    return {
        "user_id": person.user_id,
        "survey_only": False,
        "num_completed_conversations": 6,
        "consent": "Yes, I consent to take part",
        "consent_age": "I certify that I am 18 years of age or over",
        "study_id": person.user_id,
        "study_locale": "us",
        "lm_familiarity": one(("Not familiar at all", "Somewhat familiar", "Very familiar")),
        "lm_indirect_use": one(("Yes", "No", "Unsure")),
        "lm_direct_use": one(("Yes", "No", "Unsure")),
        "lm_frequency_use": one(("Every day", "Once per week", "Less than one a year", None)),
        "lm_usecases": {"homework_assistance": 0, "research": 1, "other": 0, "other_text": None},
        "order_lm_usecases": {"homework_assistance": 1, "research": 0, "other": 2},
        "order_stated_prefs": {name: place for place, name in enumerate(STATED)},
        "self_description": f"I am person {person.user_id}, and I like plain words.",
        "system_string": "Answer me plainly.",
        "age": one(AGES),
        "gender": one(GENDERS),
        "employment_status": one(("Working full-time", "Student", "Retired")),
        "education": one(("University Bachelors Degree", "Completed Secondary School", "Vocational")),
        "marital_status": one(("Married", "Never been married")),
        "english_proficiency": one(("Native speaker", "Fluent", "Advanced")),
        "religion": {"self_described": "none", "categorised": "Non-religious", "simplified": "No Affiliation"},
        "ethnicity": {"self_described": "white", "categorised": "White", "simplified": one(ETHNICITIES)},
        "location": _location(one(REGIONS), one(REGIONS)),
        "stated_prefs": {name: int(rng.integers(0, 101)) for name in STATED} | {"other": None, "other_text": "Short."},
        "included_in_US_REP": False,
        "included_in_UK_REP": False,
        "included_in_balanced_subset": person.balanced,
        **WHEN,
    }


def _location(born: str, lives: str) -> Record:
    """Where somebody was born and lives; the special region is that of birth."""
    country = {"birth_country": born, "birth_countryISO": born[:3].upper(), "reside_country": lives}
    regions = {"birth_region": born, "birth_subregion": born, "reside_region": lives, "reside_subregion": lives}
    iso = {"reside_countryISO": lives[:3].upper(), "same_birth_reside_country": "Yes" if born == lives else "No"}
    return {**country, **iso, **regions, "special_region": born}


class _Writer:
    """Writes conversations one after the other; ids count on."""

    def __init__(self, rng: np.random.Generator, awkward: bool) -> None:
        self.rng, self.awkward = rng, awkward
        self.conversations = self.interactions = self.utterances = 0

    def conversation(
        self, person: Person, number: int, asked: Iterator[Question], turns: int
    ) -> tuple[Record, Records]:
        """A record of conversations.jsonl and its records of utterances.jsonl."""
        shared = {
            "conversation_id": f"c{self.conversations}",
            "user_id": person.user_id,
            "conversation_type": TYPES[number % len(TYPES)],
            "included_in_balanced_subset": person.balanced and number < 4,
        }
        self.conversations += 1
        history, scored, model = [], [], MODELS[0]
        for turn in range(turns):
            said, answers = self._exchange(person, next(asked), turn, model)
            model = next((each["model_name"], each["model_provider"]) for each in answers if each["if_chosen"])
            history += [{"turn": turn, "role": "user", "content": said}]
            history += [{"role": "model", **answer} for answer in answers]
            scored += [self._utterance(said, answer) | shared for answer in answers]
            self.interactions += 1
        return self._record(history, turns) | shared, scored

    def _exchange(self, person: Person, question: Question, turn: int, model: tuple[str, str]) -> tuple[str, Records]:
        """What is asked in a turn, and the answers with their scores."""
        said = question.text
        if self.awkward:
            said = {4: EMPTY, 7: f"{said} {UNICODE}"}.get(self.interactions, said)
        responses = self._responses(question, turn)
        scores = self._scores(person, question, len(responses))
        best = int(np.argmax([-1 if score is None else score for score in scores]))
        rows = zip(responses, scores, self._models(turn, model, len(responses)), strict=True)
        return said, [
            {
                "content": response,
                "turn": turn,
                "if_chosen": place == best or (score is not None and score == scores[best]),
                "score": score,
                "model_name": name,
                "model_provider": provider,
                "within_turn_id": place,
            }
            for place, (response, score, (name, provider)) in enumerate(rows)
        ]

    def _utterance(self, said: str, answer: Record) -> Record:
        """A record of utterances.jsonl, but for what it shares with its conversation."""
        self.utterances += 1
        rest = {name: value for name, value in answer.items() if name != "content"}
        return {
            "utterance_id": f"ut{self.utterances - 1}",
            "interaction_id": f"int{self.interactions}",
            "user_prompt": said,
            "model_response": answer["content"],
            **rest,
        }

    @staticmethod
    def _record(history: Records, turns: int) -> Record:
        """A record of conversations.jsonl, but for what it shares with its utterances."""
        return {
            "opening_prompt": history[0]["content"],
            "conversation_turns": turns,
            "conversation_history": history,
            "performance_attributes": {},
            "choice_attributes": {},
            "open_feedback": "It was fine.",
            **WHEN,
        }

    def _responses(self, question: Question, turn: int) -> list[str]:
        texts = question.responses[: FIRST if turn == 0 else LATER]
        if self.awkward and self.interactions % 40 == 3:
            return texts[:1]
        if self.awkward and self.interactions % 40 == 5:
            return [texts[0], *texts[:-1]]
        if self.awkward and self.interactions == 9:
            return [lengthened(texts[0]), *texts[1:]]
        if self.awkward and self.interactions == 2:
            return [EMPTY, *texts[1:]]
        return texts

    def _models(self, turn: int, model: tuple[str, str], count: int) -> list[tuple[str, str]]:
        if turn > 0:
            return [model] * count
        return [MODELS[place] for place in self.rng.choice(len(MODELS), count, replace=False)]

    def _scores(self, person: Person, question: Question, count: int) -> list[int | None]:
        """1 to 100, by taste and chance; now and then all the same, or one missing."""
        liked = question.scores(count) @ person.taste
        raw = 50 + 25 * (liked - liked.mean()) / (liked.std() or 1.0) + 10 * self.rng.standard_normal(count)
        scores: list[int | None] = [int(value) for value in np.clip(np.round(raw), 1, 100)]
        if self.awkward and self.interactions % 30 == 11:
            scores = [50] * count
        if self.awkward and self.interactions % 30 == 13:
            scores[-1] = None
        return scores


def _write(file: TextIO, records: Iterable[Record]) -> None:
    """Records as lines of JSON."""
    file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
