"""The page's finding in one sentence, computed from the figures."""

from prefactor.evaluation.generation.win_rates import WIN_RATE
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.scorers import ACCURACY, EVERYBODY
from prefactor.reporting.generation.win_rates import judge_words, judges
from prefactor.reporting.printed import COIN, Standing, standing

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def headline(dataset: str, measured: Measured, is_check: bool = False) -> str:
    """Of win rates by the first judge; else of predicted choices; else what the page is about.

    A check that everything runs has no finding.
    """
    if is_check:
        return f"Personal generation on {dataset}, a format check"
    for judge in judges(measured)[:1]:
        found = [own for _, own in measured.find(WIN_RATE, judge=judge)]
        if found:
            clear = sum(standing(own, COIN) is Standing.ABOVE for own in found)
            better = "shown to write better than the base model"
            return f"On {dataset}, {_count(clear, len(found))} {better}, by {judge_words(judge)}"
    found = [own for _, own in measured.find(ACCURACY, **EVERYBODY)]
    if found:
        return f"On {dataset}, how well methods of generation predict what users choose"
    return f"Personal generation on {dataset}"


def _count(clear: int, of: int) -> str:
    """``three of seven methods are``."""
    number = NUMBERS[clear] if clear < len(NUMBERS) else str(clear)
    whole = NUMBERS[of] if of < len(NUMBERS) else str(of)
    if not clear:
        return f"none of {whole} methods is" if of > 1 else "the method is not"
    return f"{number} of {whole} methods {'is' if clear == 1 else 'are'}"
