"""The diagnosis of each model in words: what it gains, who has collapsed, what is hacked, what N it is worth."""

from collections.abc import Callable, Iterator

from markupsafe import Markup

from prefactor.reporting.diagnosis.failure import beside_noise
from prefactor.reporting.diagnosis.gains import gain_words
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import TRAITS, name_of
from prefactor.reporting.diagnosis.worth import TAIL, Reason, worth
from prefactor.reporting.estimates import PERCENT, SIGNED
from prefactor.reporting.part import Part
from prefactor.reporting.printed import Standing, standing, words
from prefactor.reporting.verdict import PERCENT_SIGN

COLLAPSED = "collapsed_minus_others"


def verdicts_part(measured: Measured, cost: float | None) -> Part | None:
    """A paragraph for each model; None where there is no model."""
    if not measured.models:
        return None
    return Part(
        "The diagnosis in words",
        "A user has collapsed whose scores hardly differ between candidates (by less than 1 % of what they do over all "
        "users), or have hardly any correlation with gold utility (below 0.1 in magnitude, averaged over the user's "
        "queries). A query of any other user is hacked where the correlation is negative: there, more candidates make "
        "it worse.",
        sentences=tuple(_paragraph(measured, model, cost) for model in measured.models),
        note="With few candidates a correlation is noisy, and queries look hacked that are not: what noise alone would "
        "make is what one would see if every query had the mean correlation. Intervals are of 95 %, the wider one of "
        "two. A user's correlation is noisy too: some of those collapsed by it may only have few candidates.",
    )


def _paragraph(measured: Measured, model: str, cost: float | None) -> Markup:
    said = (_gain, _collapse, _who, _hacking)
    text = " ".join(part for write in said for part in write(measured, model))
    return Markup("<b>{}</b> {} {}").format(name_of(model), text, worth_sentence(measured, model, cost))


def _gain(measured: Measured, model: str) -> Iterator[str]:
    yield f"{gain_words(measured, model)}."


def _collapse(measured: Measured, model: str) -> Iterator[str]:
    rate = measured.one(model, "collapse_rate")
    if rate is None:
        return
    if not rate.value:
        yield "No user has collapsed."
        return
    parts = {"by spread": "collapse_by_spread", "by correlation": "collapse_by_correlation"}
    found = {how: own for how, metric in parts.items() if (own := measured.one(model, metric)) is not None}
    shares = " and ".join(f"{_percent(own.value)} {how}" for how, own in found.items())
    corrected = measured.one(model, "collapse_rate_corrected")
    less = f", {words(corrected, PERCENT)} once noise is taken out" if corrected is not None else ""
    yield f"{words(rate, PERCENT)} of users have collapsed{f' ({shares})' if shares else ''}{less}."


def _who(measured: Measured, model: str) -> Iterator[str]:
    """In which traits the collapsed are shown to differ from others, and in which not; not of one that all share."""
    traits = {trait: measured.one(model, COLLAPSED, trait) for trait in measured.laws(model, COLLAPSED)}
    found = {trait: own for trait, own in traits.items() if own is not None and (own.value or own.low or own.high)}
    told = {trait: standing(own, 0.0) for trait, own in found.items()}
    more = {Standing.ABOVE: "larger", Standing.BELOW: "smaller"}
    clear = [
        f"{_trait(trait)} is {more[told[trait]]} ({words(own, SIGNED)})"
        for trait, own in found.items()
        if told[trait] in more
    ]
    open_ = [_trait(trait) for trait in found if told[trait] is Standing.OPEN]
    if clear:
        yield f"With the collapsed, {' and '.join(clear)} than with others."
    if open_:
        yield f"They are not told from others by {' or '.join(open_)}."


def _hacking(measured: Measured, model: str) -> Iterator[str]:
    rate, noise, corrected = (
        measured.one(model, name) for name in ("hacking_rate", "hacking_rate_of_noise", "hacking_rate_corrected")
    )
    if rate is None:
        return
    beside = {
        Standing.ABOVE: "more than the {} that noise alone would make",
        Standing.OPEN: "not told from the {} that noise alone would make",
        Standing.BELOW: "fewer than the {} that noise would make if all queries had the mean correlation",
    }
    where = beside_noise(measured, model)
    held = f", {beside[where].format(words(noise, PERCENT))}" if where is not None and noise is not None else ""
    left = f"; {words(corrected, PERCENT)} once the noise is taken out" if corrected is not None else ""
    yield f"{words(rate, PERCENT)} of the others' queries look hacked{held}{left}."


def worth_sentence(measured: Measured, model: str, cost: float | None) -> str:
    """The N worth paying for, and by what rule."""
    found = worth(measured, model, cost)
    n, price = found.n, "" if cost is None else f" at {cost:g} sd a candidate"
    by: dict[Reason, Callable[[], str]] = {
        Reason.PAYS: lambda: _paying(n or 1, found.last, price),
        Reason.NO_GAIN: lambda: "No N above 1 is worth paying for: no gain is shown at any.",
        Reason.HARMS: lambda: "No N above 1 is worth paying for: more candidates are shown to harm.",
        Reason.TOO_DEAR: lambda: f"No N above 1 is shown to be worth paying for{price}.",
        Reason.OPEN: lambda: "What N is worth paying for cannot be told: the gain there is not shown to be above 0.",
    }
    return by[found.reason]()


def _paying(n: int, last: bool, price: str) -> str:
    if price:
        return f"Worth paying for{price}: N = {n}{', the largest that was measured' if last else ''}."
    if last:
        return f"Worth paying for: N = {n} at least, the largest that was measured."
    tail = f"{TAIL * 100:g}{PERCENT_SIGN}"
    return f"Worth paying for: N = {n}; beyond it a candidate brings less than {tail} of what the second did."


def _trait(name: str) -> str:
    return TRAITS.get(name, name.replace("_", " "))


def _percent(value: float) -> str:
    return f"{PERCENT.text(value)}{PERCENT_SIGN}"
