"""A text as scorers see it: its distinct sentences of real prose, and how long it is in all.

Two things that could be used to push a score are taken away here, for all scorers at once: a sentence that repeats
an earlier one, exactly or nearly, and a run of words that is no sentence (a list of keywords).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

NEARLY_THE_SAME = 0.75  # Jaccard similarity of two sentences' words from which the second is a repetition
FEWEST_WORDS = 4  # of a sentence that says something; 3 in a list
FEWEST_FUNCTION_WORDS = 0.08  # share of all words: below, it is a list of keywords
MOST_FUNCTION_WORDS = 0.9
MOST_COMMAS = 0.34  # to a word

_FUNCTION_WORDS = """
a about above across after again against all also although am among an and any anyone anything are aren't around
as at away back be because been before behind below beneath beside between beyond both but by can can't cannot
cause could couldn't did didn't do does doesn't doing don't done down during each either else enough even every
everyone everything few for from get given go got had hadn't has hasn't have haven't having he he's her
here here's him his how i i'd i'll i'm i've if in including instead into is isn't it it'll it's its itself just
least less let like many may me might more most much must mustn't my myself near never no nobody none nor
not nothing now of off often on once one ones only or other our out over own per rather s same she she's should
shouldn't since so some someone something still such than that that's the their them then there there's these
they they'll they're they've this those though through till to too toward towards under until up upon us very
via was wasn't we we'll we're we've well were weren't what what's when where whereas whether which while who
whom whose why will with within without won't would wouldn't yes yet you you'd you'll you're you've your yours
yourself
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\d+(?:[.,]\d+)*")
_ITEM = re.compile(r"^\s*(?:[-*\u2022\u2013]|\d{1,2}[.)]|[a-z][.)])\s+")
_HEADING = re.compile(r"^\s*#{1,6}\s+")
_END = re.compile(r"(?<=[.!?])[\"')\u2019\u201d]*\s+")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|approx|dr|mr|mrs|ms)\.(?=\s)", re.IGNORECASE)
_KEPT_STOP = "\x00"


@dataclass(frozen=True)
class Sentence:
    """One sentence: its text, its words in lower case, its last mark, and whether it is (in) an item of a list."""

    text: str
    words: tuple[str, ...]
    item: int | None  # number of the list item in the text, None for running text

    @cached_property
    def lowered(self) -> str:
        return self.text.lower().replace("\u2019", "'")

    @property
    def asks(self) -> bool:
        return self.text.rstrip("\"')\u2019\u201d*_ ").endswith("?")

    @property
    def exclaims(self) -> bool:
        return self.text.rstrip("\"')\u2019\u201d*_ ").endswith("!")

    @property
    def is_prose(self) -> bool:
        """Does it have the words that hold sentences together, in a believable number?"""
        if len(self.words) < FEWEST_WORDS - (self.item is not None):
            return False
        if self.text.count(",") > MOST_COMMAS * len(self.words):
            return False
        share = sum(word in FUNCTION_WORDS for word in self.words) / len(self.words)
        return FEWEST_FUNCTION_WORDS <= share <= MOST_FUNCTION_WORDS


@dataclass(frozen=True)
class Document:
    """A parsed text. ``sentences`` are distinct prose in reading order; ``length`` counts every word of the text."""

    sentences: tuple[Sentence, ...]
    length: int

    @classmethod
    def parse(cls, text: str) -> "Document":
        """Split a text into lines, list items and sentences, and drop what repeats or is no prose."""
        everything = _sentences(text)
        prose = [sentence for sentence in everything if sentence.is_prose]
        return cls(tuple(_distinct(prose)), sum(len(sentence.words) for sentence in everything))

    @cached_property
    def statements(self) -> tuple[Sentence, ...]:
        """Sentences that assert something: all but questions."""
        return tuple(sentence for sentence in self.sentences if not sentence.asks)

    @cached_property
    def words(self) -> int:
        """Words in distinct prose."""
        return sum(len(sentence.words) for sentence in self.sentences)


def _sentences(text: str) -> list[Sentence]:
    found: list[Sentence] = []
    items = 0
    for line in text.replace("**", "").splitlines():
        is_item = _ITEM.match(line) is not None
        items += is_item
        content = _HEADING.sub("", _ITEM.sub("", line))
        found.extend(_split(content, items if is_item else None))
    return found


def _split(line: str, item: int | None) -> list[Sentence]:
    protected = _ABBREVIATION.sub(lambda match: match[1] + _KEPT_STOP, line)
    texts = [part.replace(_KEPT_STOP, ".").strip() for part in _END.split(protected)]
    return [Sentence(text, _words(text), item) for text in texts if text]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower().replace("\u2019", "'") for word in _WORD.findall(text))


def _distinct(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences that do not repeat an earlier one."""
    kept: list[Sentence] = []
    seen: list[frozenset[str]] = []
    for sentence in sentences:
        words = frozenset(sentence.words)
        if all(len(words & other) < NEARLY_THE_SAME * len(words | other) for other in seen):
            kept.append(sentence)
            seen.append(words)
    return kept
