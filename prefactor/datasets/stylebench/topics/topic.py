"""What a topic offers the grammar: subjects that people ask about, and what can truthfully be said of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One thing a person wants to do, with content that answers it.

    Conventions, so that every frame of the grammar gives good English (a test checks them):

    task       infinitive without "to", in the asker's voice: "bake bread for my family"
    advice     pairs (what to do, why): a bare infinitive in the answerer's voice, and a full clause; both start in
               lower case, have no contraction and no hedge
    technical  whole sentences in the words of an expert
    examples   full clauses in lower case, to follow "for example,"
    story      a clause in the first person and the past tense, in lower case
    questions  whole questions to the asker
    """

    task: str
    advice: tuple[tuple[str, str], ...]
    technical: tuple[str, ...]
    examples: tuple[str, ...]
    story: str
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """A field of life: ``context`` is its topic group, ``situations`` are what askers say about themselves."""

    name: str
    context: str
    situations: tuple[str, ...]
    subjects: tuple[Subject, ...]
