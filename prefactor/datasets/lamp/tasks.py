"""The tasks that are read: the field names of their records, how they ask, and how they show what a person wrote.

All names of published fields stand here. Prompts are the published ones, those with items of the profile too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Id = str | int


@dataclass(frozen=True)
class Article:
    """LaMP-4: an article that a journalist wrote, and its headline."""

    id: Id
    text: str | None
    title: str | None


@dataclass(frozen=True)
class Paper:
    """LaMP-5: the abstract of a paper that a researcher wrote, and its title."""

    id: Id
    abstract: str | None
    title: str | None


@dataclass(frozen=True)
class Review:
    """LongLaMP: a customer's review of a product; it has no id."""

    overall: str | float | None
    summary: str | None
    description: str | None
    reviewText: str | None


@dataclass(frozen=True)
class ArticleQuestion:
    """A record of LaMP-4's ``<split>_questions.json``."""

    id: Id
    input: str
    profile: list[Article]


@dataclass(frozen=True)
class PaperQuestion:
    """A record of LaMP-5's ``<split>_questions.json``."""

    id: Id
    input: str
    profile: list[Paper]


@dataclass(frozen=True)
class Gold:
    """What the person of a question wrote."""

    id: Id
    output: str


@dataclass(frozen=True)
class Outputs:
    """LaMP's ``<split>_outputs.json``."""

    task: str
    golds: list[Gold]


@dataclass(frozen=True)
class ReviewQuestion:
    """A row of LongLaMP's ``product_review_user``: question and answer in one."""

    reviewerId: str
    input: str
    output: str
    profile: list[Review]


@dataclass(frozen=True)
class Reviewer:
    """Of such a row, who it is about."""

    reviewerId: str


@dataclass(frozen=True)
class Task:
    """One task.

    name      as its outputs are called
    question  the dataclass of a published record
    prompt    what is asked about an item of a profile, in the words of a question about something new; empty where
              the item holds nothing to ask about
    gold      what the person wrote in answer; empty where it is missing
    example   an item as it is shown to a model, each part of it cut to so many words
    bridge    what stands between the items that are shown and the question
    """

    name: str
    question: type[Any]
    prompt: Callable[[Any], str]
    gold: Callable[[Any], str]
    example: Callable[[Any, int], str]
    bridge: str

    def shown(self, records: list[Any], prompt: str, words: int) -> str:
        """A prompt below some items of the profile; the prompt alone below none."""
        examples = ", and ".join(self.example(record, words) for record in records)
        return f"{examples}{self.bridge}{prompt}" if records else prompt


def first_words(text: str | None, count: int) -> str:
    """The beginning of a text; a whole one keeps its white space, and a missing one is empty."""
    words = (text or "").split()
    return text or "" if len(words) <= count else " ".join(words[:count])


def _article(item: Article, words: int) -> str:
    return f'"{first_words(item.title, words)}" is the title for "{first_words(item.text, words)}"'


def _paper(item: Paper, words: int) -> str:
    return f'"{first_words(item.title, words)}" is a title for "{first_words(item.abstract, words)}"'


def _review(item: Review, words: int) -> str:
    description, summary = first_words(item.description, words), first_words(item.summary, words)
    rated = f'"{item.overall}" is a rating for the product with description "{description}"'
    return f'{rated}. "{summary}" is summary for "{first_words(item.reviewText, words)}"'


def _ask_about(request: str, text: str | None) -> str:
    return f"{request}: {text}" if (text or "").strip() else ""


def _ask_for_review(item: Review) -> str:
    description, summary = item.description or "", item.summary or ""
    if not f"{description}{summary}".strip():
        return ""
    return (
        f'Generate the review text written by a reviewer who has a given an overall rating of "{item.overall}" for a '
        f'product with description "{description}". The summary of the review text is "{summary}".'
    )


HEADLINES = Task(
    name="LaMP_4",
    question=ArticleQuestion,
    prompt=lambda item: _ask_about("Generate a headline for the following article", item.text),
    gold=lambda item: item.title or "",
    example=_article,
    bridge=". ",
)
TITLES = Task(
    name="LaMP_5",
    question=PaperQuestion,
    prompt=lambda item: _ask_about("Generate a title for the following abstract of a paper", item.abstract),
    gold=lambda item: item.title or "",
    example=_paper,
    bridge=". Following the given patterns ",
)
REVIEWS = Task(
    name="LongLaMP_product_review",
    question=ReviewQuestion,
    prompt=_ask_for_review,
    gold=lambda item: item.reviewText or "",
    example=_review,
    bridge=". Following the given patterns ",
)
WITH_OUTPUTS = {task.name: task for task in (HEADLINES, TITLES)}  # questions and outputs in a file each
