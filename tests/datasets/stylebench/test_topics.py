"""Content keeps the conventions that let every frame of the grammar give good English."""

import re

import pytest

from prefactor.datasets.stylebench import cues
from prefactor.datasets.stylebench.document import Document
from prefactor.datasets.stylebench.expertise import technical_terms
from prefactor.datasets.stylebench.topics import CONTEXTS, TOPICS, Subject

SUBJECTS = [pytest.param(subject, id=subject.task) for topic in TOPICS for subject in topic.subjects]
CONTRACTION = re.compile(r"n't\b|'(?:re|ll|ve|m|d)\b|\b(?:it|that|there|what|here)'s\b")


def test_twelve_topics_in_three_contexts_of_equal_size():
    assert len({topic.name for topic in TOPICS}) == len(TOPICS) == 12
    sizes = [sum(topic.context == context for topic in TOPICS) for context in CONTEXTS]
    assert sizes == [4, 4, 4]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_clauses_fit_into_frames(subject: Subject):
    clauses = [*(part for advice in subject.advice for part in advice), *subject.examples, subject.story, subject.task]
    for clause in clauses:
        assert not clause.endswith((".", "!", "?", ",")), clause
        assert not CONTRACTION.search(clause), clause
    for do, why in subject.advice:
        assert do[0].islower() and (why[0].islower() or why.startswith("I ")), (do, why)
        assert not do.startswith(("to ", "you ")), do
        assert not cues.HEDGE.search(f"{do} {why}"), "content must leave hedging to the frames"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_expert_sentences_are_technical_and_advice_is_not(subject: Subject):
    for text in subject.technical:
        (sentence,) = Document.parse(text).sentences
        assert text[0].isupper() and text.endswith(".")
        assert len(technical_terms(sentence)) >= 2, text
    for do, why in subject.advice:
        found = [
            term
            for sentence in Document.parse(f"You do it: {do}. So {why}.").sentences
            for term in technical_terms(sentence)
        ]
        assert len(found) <= 1, (do, why, found)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_stories_are_told_in_the_past_and_in_the_first_person(subject: Subject):
    assert cues.FIRST_PERSON.search(subject.story.lower()) and cues.PAST.search(subject.story.lower())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_questions_are_whole(subject: Subject):
    assert all(question[0].isupper() and question.endswith("?") for question in subject.questions)
