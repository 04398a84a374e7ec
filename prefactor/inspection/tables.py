"""A summary as tables of text: what the console prints and the page shows, in the same words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prefactor.inspection.agreement import COIN
from prefactor.inspection.balance import Share
from prefactor.inspection.jackknife import Bounds
from prefactor.inspection.summary import Margins, Summary, Turns
from prefactor.reporting.distribution import Distribution
from prefactor.reporting.estimates import PERCENT, TO
from prefactor.reporting.facts import number

SOURCE = {"name": "source"}
SPREAD = ("least", "median", "mean", "95 %", "most")
NAMES = {"groups": "groups, never split apart", "prompts": "different prompts", "sets": "sets of candidates"}


@dataclass(frozen=True)
class Table:
    """Rows of text under ``headings``, the first cell of each a name; ``note`` says how to read them.

    ``numbers``: all other cells are numbers, and lined up as such.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numbers: bool = True


def heading(summary: Summary) -> str:
    """What there is, in a line."""
    return f"{summary.name}: {number(summary.counts['pairs'])} pairs of {number(summary.counts['users'])} users"


def counts(summary: Summary) -> Table:
    """Rows of the tables, and what they hold."""
    rows = ((NAMES.get(name, name), number(count)) for name, count in summary.counts.items())
    return Table("Counts", ("",), tuple(rows))


def lengths(summary: Summary) -> Table | None:
    """Of prompts and responses."""
    rows = tuple((name, *_spread(found)) for name, found in summary.lengths.items())
    note = "Each prompt and each response once. Words are what stands between white space."
    if not any(name.startswith("prompt") for name in summary.lengths):
        note = "There are no prompts: all are empty. " + note
    return Table("Lengths", SPREAD, rows, note) if rows else None


def pairs_per_user(summary: Summary) -> Table | None:
    """How many pairs users gave."""
    found = summary.pairs_per_user
    return Table("Pairs per user", SPREAD, (("pairs of a user", *_spread(found)),)) if found else None


def agreement(summary: Summary) -> Table:
    """How often two users agree on the same two texts."""
    title, found = "Agreement between users", summary.agreement
    if found is None:
        return Table(title, ("",), (), "No two users judged the same pair of texts: how far they agree cannot be told.")
    known = {
        "pairs of texts that two or more users judged": number(found.pairs),
        "users who judged them, on average": f"{found.judgements / found.pairs:,.1f}",
        "two of these users agree, %": PERCENT.text(found.value),
        **{f"95 % interval over {number(item.n)} {item.over}": _interval(item) for item in found.intervals},
        "two who toss coins agree, %": PERCENT.text(COIN),
    }
    note = (
        "The chance that two different users who judged a pair chose the same text, averaged over pairs. An interval "
        "leaves out one of what it is over at a time; the wider one says what to expect of others."
    )
    if summary.margins is not None:
        note += (
            " Where pairs are a user's highest against lowest response, two users share one only if both responses are "
            "extremes for both of them: that overstates how far they agree."
        )
    return Table(title, ("",), tuple(known.items()), note)


def labels(summary: Summary) -> Table | None:
    """What chosen responses have in common though they should not."""
    found = summary.balance
    if found is None:
        return None
    given = {"the longer response": found.longer, "the first by its id": found.first}
    rows = tuple((name, *_share(share)) for name, share in given.items())
    over = (f"95 % over {number(item.n)} {item.over}" for item in found.first.intervals)
    note = (
        "Averaged per user, then over users; a tie in length counts half. Ids are hashes: who did not look at them "
        "gives one half, by chance a little off it where everybody judged the same few texts. The wider interval says "
        "what to expect of others."
    )
    return Table("Label balance: how often was chosen", ("%", *over), rows, note)


def margins(summary: Summary) -> Table | None:
    """Score differences of chosen and rejected responses."""
    found = summary.margins
    if found is None:
        return None
    named = ("least", "5 %", "25 %", "median", "75 %", "95 %", "most", "mean")
    row = ("score difference", *(f"{value:,.4g}" for value in (*found.quantiles, found.mean)))
    return Table("Margins", named, (row,), _known(found, summary))


def turns(summary: Summary) -> Table | None:
    """Times or turns of pairs."""
    found = summary.turns
    if found is None:
        return None
    if found.pairs:
        rows: Iterable[tuple[str, ...]] = ((str(turn), number(count)) for turn, count in found.pairs.items())
        return Table("Pairs by turn", ("pairs",), tuple(rows), _known(found, summary))
    row = ("order", number(found.different), str(found.least), str(found.most))
    return Table("Order of pairs", ("different", "least", "most"), (row,), _known(found, summary))


def reasons(title: str, counted: Mapping[str, int], otherwise: str) -> Table:
    """Why something was left out or noted, with counts; reasons that did not occur are left out."""
    rows = tuple((reason.replace("_", " "), number(count)) for reason, count in counted.items() if count)
    return Table(title, ("",), rows, "" if rows else otherwise)


def dropped(summary: Summary) -> Table:
    """What the source left out."""
    return reasons("Dropped", summary.dropped, "Nothing was dropped.")


def noted(summary: Summary) -> Table:
    """What it kept, though it stands out."""
    return reasons("Kept and noted", summary.noted, "Nothing stood out.")


def source(summary: Summary) -> Table:
    """Where the data comes from: what its source says, and the files with their checksums."""
    rows = [(SOURCE.get(key, key), _told(value)) for key, value in summary.source.items() if key != "parts"]
    parts = summary.source.get("parts", ())
    rows += [(part["file"], f"{number(part['rows'])} rows, sha256 {part['sha256'][:16]}") for part in parts]
    return Table("Source", ("",), tuple(rows), numbers=False)


ALL = (counts, agreement, lengths, pairs_per_user, labels, margins, turns, dropped, noted, source)  # in reading order


def everything(summary: Summary) -> dict[str, Table | None]:
    """All tables by name, in the order in which a person reads them; None for what there is nothing to say of."""
    return {make.__name__: make(summary) for make in ALL}


def _spread(found: Distribution) -> tuple[str, ...]:
    return (
        number(found.least),
        _plain(found.median),
        f"{found.mean:,.1f}",
        _plain(found.high),
        number(found.most),
    )


def _plain(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _share(share: Share) -> tuple[str, ...]:
    return PERCENT.text(share.value), *map(_interval, share.intervals)


def _interval(bounds: Bounds) -> str:
    if bounds.low is None or bounds.high is None:
        return TO
    return f"{PERCENT.text(bounds.low)} {TO} {PERCENT.text(bounds.high)}"


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{number(count)} {name.replace('_', ' ')}" for name, count in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else number(value)


def _known(found: Margins | Turns, summary: Summary) -> str:
    pairs = summary.counts["pairs"]
    return "Of all pairs." if found.known == pairs else f"Of {number(found.known)} of {number(pairs)} pairs."
