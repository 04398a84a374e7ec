"""How VRF stands to EB, and what it has beside EB where encoder and bases are not shown to add any accuracy."""

from collections.abc import Sequence

from prefactor.reporting.facts import duration
from prefactor.reporting.latency import Timings, timings_of
from prefactor.reporting.tables import Contender, Section
from prefactor.reporting.verdict import rival, standing, vrf_and

EB = "eb"  # rewards as VRF's, with one Gaussian over users: neither encoder nor bases
CLEARLY = 1.25  # times as fast, or as slow: a timing beside other work tells no less
WAYS = ("in a batch of users", "one user at a time")  # as in ``Latency``


def vrf_and_eb(about: Sequence[Section], timed: Timings | None) -> tuple[str, ...]:
    """How VRF stands to EB, a sentence for each section; unless it is above everywhere, what it has beside EB as well.

    That is how the two are made, and how long they took: ``timed`` is of the last section. Empty without EB.
    """
    found = [standing(section, EB) for section in about]
    said = tuple(words for section in about if (words := vrf_and(section, EB)))
    section = about[-1]
    eb = rival(section, EB)
    if eb is None or not any(one.level or one.below for one in found if one):
        return said
    vrf = Contender("vrf", section.against_vrf)
    return (*said, f"{_made(vrf.name, eb.name)}{_speed(vrf, eb, section, timed)}")


def _made(vrf: str, eb: str) -> str:
    return (
        f"Where {vrf} is not above {eb}, its encoder and bases are not shown to add anything to {eb}'s accuracy. What "
        f"{vrf} has and {eb} has not: it keeps no pairs, for its state of a user has a fixed size and moves on with "
        f"each new pair, where {eb} fits all of a user's pairs anew; and users may come in clusters, for its "
        f"population is a mixture of Gaussians, where {eb}'s is one."
    )


def _speed(vrf: Contender, eb: Contender, section: Section, timed: Timings | None) -> str:
    """Which of them adapts faster, in each way that they were timed; empty where they were not."""
    taken = timings_of(section, timed.rows) if timed else {}
    if timed is None or not {vrf, eb} <= {*taken}:
        return ""
    own, other = taken[vrf].adapting, taken[eb].adapting
    said = " and ".join(_compared(*each, eb.name) for each in zip(own, other, WAYS, strict=True))
    return f" Adapting to {timed.about['shots']} pairs of a user, {vrf.name} is {said}."


def _compared(own: float, other: float, way: str, eb: str) -> str:
    """Of the seconds of both: ``faster than EB one user at a time (3.2 ms against 11 ms)``."""
    clear = "faster than" if own < other else "slower than"
    than = clear if max(own, other) >= CLEARLY * min(own, other) else "about as fast as"
    return f"{than} {eb} {way} ({duration(own)} against {duration(other)})"
