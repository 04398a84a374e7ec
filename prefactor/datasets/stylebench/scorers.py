"""Ten scorers of a text, one for each style: pure functions of the text, never of the recipe that made it.

They are measures of how a text is written, which also judge what a language model writes, and they saturate:
each is in [0, 1], counts a kind of cue once per sentence, gives a cue seen before half the weight, ignores repeated
sentences and keyword lists (:mod:`.document`), and ignores a sentence that consists of little but cues.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np

from prefactor.datasets.stylebench import cues
from prefactor.datasets.stylebench.document import FUNCTION_WORDS, Document, Sentence
from prefactor.datasets.stylebench.expertise import technical_terms

MIDDLE_LENGTH, LENGTH_SCALE = 62.0, 16.0  # words: where a text is half concise, and how fast that changes
FULL_ANSWER = 8  # words below which a text is too short to be called concise
COMMON_GROUND = 30  # everyday words added to every text, so that one long word makes no short text an expert's
MOST_EXPERT = 0.8  # share of a sentence's words: above, it is a list of terms
SEEN_BEFORE = 0.5  # weight of a cue that an earlier sentence has shown


def concise(document: Document) -> float:
    """Few words in all, repeated ones included; a fragment of an answer does not count as brief."""
    brevity = 1 / (1 + math.exp((document.length - MIDDLE_LENGTH) / LENGTH_SCALE))
    return brevity * min(1.0, document.words / FULL_ANSWER)


def formal(document: Document) -> float:
    """Formal constructions against contractions and colloquial words, as shares of the sentences."""
    count = max(3, len(document.sentences))
    high = _evidence(document.sentences, cues.FORMAL) / count
    low = _evidence(document.sentences, cues.CASUAL) / count
    return 0.5 + 0.5 * (_saturating(high, 0.25) - _saturating(low, 0.25))


def empathetic(document: Document) -> float:
    """Sentences that turn to the reader's feelings."""
    return _saturating(_evidence(document.sentences, cues.EMPATHY), 1.0)


def structured(document: Document) -> float:
    """Items of a list, each with something to say; a little for running text in numbered order."""
    items = len({sentence.item for sentence in document.sentences if sentence.item is not None})
    ordinals = _evidence(document.sentences, cues.ORDINALS)
    listed = _saturating(max(0, items - 1), 1.2)
    ordered = _saturating(max(0.0, ordinals - 1), 2.0)
    return min(1.0, 0.9 * listed + 0.3 * ordered)


def direct(document: Document) -> float:
    """Firm statements against hedged ones, as shares of the statements; hedging counts wherever it is."""
    statements = [sentence for sentence in document.statements if not _stuffed(sentence, cues.FIRM)]
    count = max(3, len(statements))
    hedged = sum(bool(_matches(cues.HEDGE, sentence.lowered)) for sentence in statements) / count
    firm = _evidence(statements, cues.FIRM) / count
    return 0.5 + 0.5 * (_saturating(firm, 0.25) - _saturating(hedged, 0.25))


def illustrative(document: Document) -> float:
    """Sentences that give an example with some content."""
    sentences = [item for item in document.sentences if len(item.words) > 6 and not _stuffed(item, cues.EXAMPLE)]
    return _saturating(_evidence(sentences, cues.EXAMPLE), 1.0)


def narrative(document: Document) -> float:
    """Sentences that tell, in the first person and the past tense, what happened; more if they say when."""
    told = [_told(sentence) for sentence in document.statements]
    return _saturating(sum(told), 0.9)


def inquiring(document: Document) -> float:
    """Different questions to the reader."""
    asked = [sentence for sentence in document.sentences if sentence.asks and not _dense(sentence, cues.WH_WORD, 0.5)]
    return _saturating(len(asked), 1.1)


def technical(document: Document) -> float:
    """Share of expert vocabulary: long, Latinate or abstract words, quantities with units, abbreviations."""
    terms: set[str] = set()
    for sentence in document.sentences:
        found = technical_terms(sentence)
        if len(found) <= MOST_EXPERT * len(sentence.words):
            terms.update(found)
    return _saturating(len(terms) / (document.words + COMMON_GROUND), 0.06)


def enthusiastic(document: Document) -> float:
    """Sentences with an exclamation mark or words of delight, most where both meet."""
    delighted = _evidence(document.sentences, cues.DELIGHT)
    exclaimed = sum(sentence.exclaims for sentence in document.sentences)
    return 0.5 * _saturating(delighted, 1.0) + 0.5 * _saturating(exclaimed, 1.0)


SCORERS: dict[str, Callable[[Document], float]] = {
    "concise": concise,
    "formal": formal,
    "empathetic": empathetic,
    "structured": structured,
    "direct": direct,
    "illustrative": illustrative,
    "narrative": narrative,
    "inquiring": inquiring,
    "technical": technical,
    "enthusiastic": enthusiastic,
}


def score(texts: Iterable[str]) -> np.ndarray:
    """(T, 10) raw scores in [0, 1], columns in the order of ``SCORERS``; of any text, whoever wrote it."""
    rows = [[scorer(document) for scorer in SCORERS.values()] for document in map(Document.parse, texts)]
    return np.array(rows, dtype=np.float64).reshape(-1, len(SCORERS))


def _saturating(amount: float, scale: float) -> float:
    """0 for nothing, 0.63 at ``scale``, towards 1 without end."""
    return 1 - math.exp(-amount / scale)


def _evidence(sentences: Sequence[Sentence], pattern: re.Pattern[str]) -> float:
    """Sentences that show a cue: 1 for a new one, less for one that an earlier sentence has shown."""
    seen: set[str] = set()
    total = 0.0
    for sentence in sentences:
        found = _matches(pattern, sentence.lowered)
        if found and len(found) <= max(1, len(sentence.words) / 4):
            total += 1.0 if not seen.issuperset(found) else SEEN_BEFORE
            seen.update(found)
    return total


@lru_cache(maxsize=1 << 16)  # a world repeats its sentences in many texts
def _matches(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(match[0] for match in pattern.finditer(text))


def _told(sentence: Sentence) -> float:
    if _dense(sentence, cues.STORY_WORD, 0.6) or len(sentence.words) < 5:
        return 0.0
    if not (cues.FIRST_PERSON.search(sentence.lowered) and cues.PAST.search(sentence.lowered)):
        return 0.0
    return 1.0 if cues.WHEN.search(sentence.lowered) else 0.6


def _dense(sentence: Sentence, pattern: re.Pattern[str], most: float) -> bool:
    """Are more than a share ``most`` of the sentence's words cues?"""
    return len(pattern.findall(sentence.lowered)) > most * len(sentence.words)


def _stuffed(sentence: Sentence, pattern: re.Pattern[str]) -> bool:
    """Has the sentence three words of a pattern's vocabulary or more, and less than half as many of its own?"""
    content = set(sentence.words) - FUNCTION_WORDS
    borrowed = len(content & cues.vocabulary(pattern))
    return borrowed >= 3 and 2 * (len(content) - borrowed) < borrowed
