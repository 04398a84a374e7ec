"""Prompts: a task of a subject in one of several questions, with or without the asker's situation."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from prefactor.datasets.stylebench.topics import TOPICS, Subject, Topic

QUESTIONS = (
    "How do I {task}?",
    "What is the best way to {task}?",
    "I want to {task}. Where should I start?",
    "Can you tell me how to {task}?",
    "What should I know before I {task}?",
    "Do you have any advice on how to {task}?",
    "I have decided to {task}. What matters most?",
    "Could you explain to me how to {task}?",
    "I am trying to {task}, but I am not getting far. What should I change?",
    "Is there a simple way to {task}?",
    "I have never managed to {task}. What am I missing?",
)
ALREADY_EXPLAINING = {"Could you explain to me how to {task}?": "Could you show me how to {task}?"}


@dataclass(frozen=True)
class Prompt:
    """A question, and the subject that an answer has to be about."""

    text: str
    topic: Topic
    subject: Subject


def draw_prompts(count: int, rng: np.random.Generator) -> list[Prompt]:
    """``count`` distinct prompts. The first n prompts of a larger draw are those of a smaller one."""
    everything = _all_prompts()
    return [everything[index] for index in rng.permutation(len(everything))[:count]]


@cache
def _all_prompts() -> tuple[Prompt, ...]:
    return tuple(
        Prompt(_ask(question, subject, situation), topic, subject)
        for topic in TOPICS
        for subject, question, situation in product(topic.subjects, QUESTIONS, ("", *topic.situations))
    )


def _ask(question: str, subject: Subject, situation: str) -> str:
    if subject.task.startswith("explain "):
        question = ALREADY_EXPLAINING.get(question, question)
    asked = question.format(task=subject.task)
    leading = asked.startswith(("How", "Can", "Could", "Is"))  # either order reads well; a fixed one keeps it simple
    return " ".join(part for part in ((situation, asked) if leading else (asked, situation)) if part)


MOST_PROMPTS = sum(len(topic.subjects) * (1 + len(topic.situations)) for topic in TOPICS) * len(QUESTIONS)
