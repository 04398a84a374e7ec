"""The grammar: a subject and a style recipe become a response in plain English."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from prefactor.datasets.stylebench import phrases
from prefactor.datasets.stylebench.phrases import Register, Stance, capitalised, contracted
from prefactor.datasets.stylebench.recipe import Recipe
from prefactor.datasets.stylebench.topics import Subject

SHORTEST, LONGEST = 20, 96  # words that a most and a least concise response aims at
SHOWN_FROM, TWICE_FROM, STRONG_FROM = 0.62, 0.85, 0.86  # levels where a device appears, appears twice, has a last word
BRIEF_FROM = 0.6
ORDINALS_FROM, LIST_FROM, NUMBERS_FROM = 0.35, 0.5, 0.75
ORDINALS = ("First, ", "Second, ", "Third, ", "Fourth, ")
MOST_BESIDE_ADVICE = 95  # words
FRAME_WORDS = 5  # what a frame adds to a piece of advice, on average


def compose(subject: Subject, recipe: Recipe, rng: np.random.Generator) -> str:
    """A response about ``subject`` in the style of ``recipe``: running text, or a list between two paragraphs."""
    writer = _Writer(subject, recipe, rng)
    opening, support, closing = writer.opening(), writer.support(), writer.closing()
    while (spent := sum(map(_words, (*opening, *support, *closing)))) > MOST_BESIDE_ADVICE:
        (closing or support).pop()
    budget = LONGEST - (LONGEST - SHORTEST) * recipe["concise"]
    if recipe["structured"] > LIST_FROM:
        introduction, items = writer.listed(budget - spent)
        blocks = ["\n".join([" ".join([*opening, introduction]), *items]), " ".join([*support, *closing])]
        return "\n\n".join(block for block in blocks if block)
    advice = writer.advice(budget - spent, least=1 + (recipe["concise"] < 0.5))
    return " ".join([*opening, *writer.woven(advice, support), *closing])


@dataclass
class _Writer:
    """Writes the parts of one response; every method draws from ``rng``, so their order is part of the result."""

    subject: Subject
    recipe: Recipe
    rng: np.random.Generator
    used: set[str] = field(default_factory=set)

    @property
    def brief(self) -> bool:
        """Is everything to be said once, and shortly?"""
        return self.recipe["concise"] > BRIEF_FROM

    def opening(self) -> list[str]:
        """What comes before any advice: enthusiasm and empathy, in either order."""
        parts = []
        if self.recipe["empathetic"] > SHOWN_FROM:
            parts.append(self.say(phrases.EMPATHY))
        if self.recipe["enthusiastic"] > SHOWN_FROM:
            parts.append(self.say(phrases.ENTHUSIASM))
        return self.shuffled(parts)

    def support(self) -> list[str]:
        """Expert words, examples, a story and questions back: what comes with the advice."""
        parts = [self.casually(text) for text in self.some(self.subject.technical, self.count("technical"))]
        parts += self.examples()
        if self.recipe["narrative"] > SHOWN_FROM:
            parts.append(self.story())
        bank = (*self.subject.questions, *phrases.OPEN_QUESTIONS)
        return [*self.shuffled(parts), *self.some(bank, self.count("inquiring"))]

    def examples(self) -> list[str]:
        """One paragraph with the examples, if there are any."""
        chosen = self.some(self.subject.examples, self.count("illustrative"))
        banks = (phrases.EXAMPLES[self.register()], phrases.FURTHER_EXAMPLES)
        told = [self.say(bank).format(example=example) for bank, example in zip(banks, chosen, strict=False)]
        return [" ".join(told)] if told else []

    def story(self) -> str:
        if self.brief:
            return capitalised(self.subject.story) + "."
        told = [self.say(phrases.STORIES).format(story=self.subject.story)]
        if self.recipe["narrative"] > TWICE_FROM:
            told.append(self.say(phrases.MORALS))
        return " ".join(told)

    def closing(self) -> list[str]:
        """Last words, each of a style that is strong in the recipe."""
        strong = [
            (self.recipe["empathetic"] > STRONG_FROM, phrases.REASSURANCE),
            (self.recipe["enthusiastic"] > STRONG_FROM, phrases.CHEERS),
            (self.recipe["direct"] > STRONG_FROM, phrases.FIRM_CLOSINGS),
            (self.recipe["direct"] < 1 - STRONG_FROM, phrases.HEDGED_CLOSINGS),
            (self.recipe["formal"] > STRONG_FROM, phrases.FORMAL_CLOSINGS),
            (self.recipe["formal"] < 1 - STRONG_FROM, phrases.CASUAL_CLOSINGS),
            (self.recipe["humorous"] > STRONG_FROM, phrases.HUMOUR),
        ]
        said = self.shuffled([self.say(bank) for wanted, bank in strong if wanted])
        return said[:1] if self.brief else said

    def advice(self, words: float, least: int) -> list[str]:
        """Advice sentences that fill about ``words`` words, at least ``least`` of them."""
        sentences: list[str] = []
        for index in self.rng.permutation(len(self.subject.advice)):
            do, why = self.subject.advice[index]
            bare, reason = FRAME_WORDS + _words(do), _words(why)
            if len(sentences) >= least and words < 0.6 * bare:
                break
            sentences.append(self.advise(do, why if words > bare + 0.6 * reason else None))
            words -= _words(sentences[-1])
        return sentences

    def advise(self, do: str, why: str | None) -> str:
        """One piece of advice in a register and a stance drawn by the recipe."""
        register, stance = self.register(), self.stance()
        frames = (phrases.WITHOUT_REASON if why is None else phrases.WITH_REASON)[register, stance]
        frame = self.pick(frames)
        sentence = frame.format(do=do, Do=capitalised(do), why=why)
        return contracted(sentence) if register == "casual" else sentence

    def woven(self, advice: list[str], support: list[str]) -> list[str]:
        """Advice with connecting words, the supporting sentences somewhere after its beginning or at its end."""
        linked = self.linked(advice)
        cut = int(self.rng.integers(1, len(linked) + 1))
        return [*linked[:cut], *support, *linked[cut:]] if not _asks(support) else [*linked, *support]

    def linked(self, advice: list[str]) -> list[str]:
        if len(advice) < 2:
            return advice
        if self.recipe["structured"] > ORDINALS_FROM:
            return [ordinal + _lowered(text) for ordinal, text in zip(_ordinals(len(advice)), advice, strict=True)]
        middle = [self.pick(phrases.CONNECTORS[self.register()]) + _lowered(text) for text in advice[1:-1]]
        return [advice[0], *middle, advice[-1]]

    def listed(self, words: float) -> tuple[str, list[str]]:
        """An introduction, and the advice as lines of a list below it."""
        introduction = self.casually(self.pick(phrases.LIST_INTRODUCTIONS[self.register()]))
        advice = self.advice(words - _words(introduction), least=2)
        numbered = self.recipe["structured"] > NUMBERS_FROM
        marks = [f"{number}. " if numbered else "- " for number in range(1, len(advice) + 1)]
        return introduction, [mark + text for mark, text in zip(marks, advice, strict=True)]

    def register(self) -> Register:
        """casual, plain or formal; sure of itself at the ends of the scale, drawn in between."""
        return ("casual", "plain", "formal")[self.side("formal")]

    def stance(self) -> Stance:
        """hedged, plain or firm."""
        return ("hedged", "plain", "firm")[self.side("direct")]

    def side(self, style: str) -> int:
        """0, 1 or 2: low, middle or high, where a level of 0.2 is always low and one of 0.8 always high."""
        level = self.recipe[style]
        extreme = self.rng.random() < (abs(level - 0.5) - 0.05) / 0.25
        return (0 if level < 0.5 else 2) if extreme else 1

    def count(self, style: str) -> int:
        """0, 1 or 2 sentences of a style."""
        return int(self.recipe[style] > SHOWN_FROM) + int(self.recipe[style] > TWICE_FROM and not self.brief)

    def say(self, bank: Sequence[str]) -> str:
        """A phrase not used yet, short if the response is to be concise, contracted if it is casual."""
        shorter = sorted(bank, key=_words)[: max(2, len(bank) // 2)]
        return self.casually(self.pick(shorter if self.brief else bank))

    def casually(self, text: str) -> str:
        return contracted(text) if self.register() == "casual" else text

    def pick(self, bank: Sequence[str]) -> str:
        fresh = [text for text in bank if text not in self.used] or bank
        chosen = fresh[int(self.rng.integers(len(fresh)))]
        self.used.add(chosen)
        return chosen

    def some(self, bank: Sequence[str], count: int) -> list[str]:
        """``count`` different phrases of a bank, fewer if it has fewer."""
        order = self.rng.permutation(len(bank))[:count]
        return [bank[index] for index in order]

    def shuffled(self, parts: list[str]) -> list[str]:
        return [parts[index] for index in self.rng.permutation(len(parts))]


def _words(text: str) -> int:
    return len(text.split())


def _asks(sentences: Sequence[str]) -> bool:
    return any(sentence.endswith("?") for sentence in sentences)


def _ordinals(count: int) -> list[str]:
    return list(ORDINALS[:count]) if count < 3 else [*ORDINALS[: count - 1], "Finally, "]


def _lowered(sentence: str) -> str:
    """``sentence`` to follow a connecting word: its first letter in lower case, unless it is the word I."""
    return sentence if sentence.startswith(("I ", "I'")) else sentence[:1].lower() + sentence[1:]
