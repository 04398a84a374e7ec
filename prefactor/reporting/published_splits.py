"""VRF's Table 3 beside the splits of a run: users, |C| and |D|, figure by figure, with what can be said of each.

A figure that a rule of the split fixes (so many pairs to train on) must agree whatever files were read. One that hangs
on the files (how many pairs an annotator has left) can agree only with the published ones.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from prefactor.reporting.context import DatasetFacts, ReportContext
from prefactor.reporting.facts import number
from prefactor.reporting.tables import Contender

AGREES, DIFFERS, NEEDS_FILES = "agrees", "differs", "needs the real files"
NEAR = 0.01  # a share as published: 0.3333 is a third
IN_ALL = "in all"


class Figures(NamedTuple):
    """A row of Table 3: users, and averages per user of known pairs (C) and of pairs to predict (D)."""

    seen_users: float
    training_c: float
    training_d: float
    evaluation_c: float
    evaluation_d: float
    unseen_users: float
    unseen_c: float
    unseen_d: float


TRAINING = ("training_c", "training_d")
USERS = ("seen_users", "unseen_users")


@dataclass(frozen=True)
class Published:
    """A row of the table; ``ruled`` are the figures that a rule fixes; ``reference`` makes C of the training pairs: so
    many, or such a share."""

    title: str
    figures: Figures
    ruled: tuple[str, ...]
    reference: int | float


EVERYTHING = Figures._fields
# What is left of an annotator's pairs is evaluated, which nothing but the files says.
BUT_TARGETS = tuple(name for name in EVERYTHING if name not in ("evaluation_d", "unseen_d"))
# VRF's Table 3, "Average dataset statistics per user", and its appendix A.1 for what is fixed by a rule.
TLDR = {
    100: Published("TL;DR (n = 100)", Figures(20, 50.0, 50.0, 100.0, 1449.8, 20, 50.0, 1146.4), BUT_TARGETS, 50),
    150: Published("TL;DR (n = 150)", Figures(20, 50.0, 100.0, 150.0, 1449.8, 20, 50.0, 1146.4), BUT_TARGETS, 50),
}
PERSONALLLM = Published("PersonalLLM", Figures(1000, 9.0, 36.0, 45.0, 45.0, 1000, 9.0, 9.0), EVERYTHING, 9)
PRISM = Published("PRISM", Figures(623, 3.0, 6.1, 9.1, 8.6, 623, 9.6, 9.1), (), 1 / 3)
SOURCES = ("personalllm", "tldr", "prism")

# Rows of the published files, least and most, by what source.json calls them. The comparisons of TL;DR are 92,858 to
# train and 86,086 to validate on the hub, other than in the files that they were published in.
PUBLISHED_ROWS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "personalllm": {"prompts": (9_402, 9_402)},
    "tldr": {"comparisons": (170_000, math.inf)},
    "prism": {"utterances": (68_371, 68_371), "conversations": (8_011, 8_011)},
}


@dataclass(frozen=True)
class Verdict:
    """One figure: as published, what is said of it, and what was found here, where the verdict does not tell."""

    published: str
    verdict: str
    here: str = ""

    @property
    def kind(self) -> str:
        """The verdict as a name of a style."""
        return self.verdict.partition(":")[0].replace(" ", "-")


@dataclass(frozen=True)
class SplitRow:
    """A dataset of the run beside a row of the table; ``files``: what was read; ``real``: is that what was published;
    ``episodes``: the method that |C| and |D| in training are those of."""

    dataset: str
    title: str
    verdicts: tuple[Verdict, ...]
    files: str
    real: bool
    episodes: str


def published_splits(context: ReportContext) -> tuple[SplitRow, ...]:
    """A row for each dataset of the run that has a row in the table and was split, in the run's order."""
    run = context.parameters.get("run") or {}
    wanted = run.get("datasets", sorted(context.datasets))
    known = ((name, context.datasets[name]) for name in wanted if name in context.datasets)
    return tuple(_row(name, facts, context.parameters) for name, facts in known if _is_published(facts))


def reads_published_files(source: Mapping[str, Any]) -> bool:
    """Were the files of a source.json the published ones: no sample, and as many rows?"""
    if source.get("sample"):
        return False
    expected, rows = PUBLISHED_ROWS.get(str(source.get("name")), {}), source.get("rows") or {}
    return bool(expected) and all(least <= rows.get(what, -1) <= most for what, (least, most) in expected.items())


def _is_published(facts: DatasetFacts) -> bool:
    return facts.source.get("name") in SOURCES and bool(facts.manifest.get("averages"))


def _row(dataset: str, facts: DatasetFacts, parameters: Mapping[str, Any]) -> SplitRow:
    published = _published(str(facts.source["name"]), facts.manifest)
    episodes = _episodes(published.reference, parameters) if facts.training_pairs else None
    found, real = _found(facts, episodes), reads_published_files(facts.source)
    rows = facts.source.get("rows") or {}
    return SplitRow(
        dataset,
        published.title,
        tuple(_verdict(name, published, found, real) for name in Figures._fields),
        ", ".join(f"{number(count)} {what}" for what, count in rows.items()),
        real,
        "" if episodes is None else episodes[0].label,
    )


def _published(source: str, manifest: Mapping[str, Any]) -> Published:
    """The row of a source; of TL;DR's two the one whose training pairs are nearest to those asked for."""
    if source != "tldr":
        return {"personalllm": PERSONALLLM, "prism": PRISM}[source]
    train = manifest.get("parameters", {}).get("pairs", {}).get("train", 0)
    return TLDR[min(TLDR, key=lambda pairs: abs(pairs - train))]


def _episodes(reference: int | float, parameters: Mapping[str, Any]) -> tuple[Contender, int | float] | None:
    """The first method of the run whose episodes take C of the training pairs as published, and its ``reference``."""
    for item, given in _references(parameters):
        if type(given) in (int, float) and type(given) is type(reference) and abs(given - reference) < NEAR:
            return item, given
    return None


def _references(parameters: Mapping[str, Any]) -> Iterator[tuple[Contender, Any]]:
    """``training.episodes.reference`` of every method and variant of the run, where it is given and D is the rest."""
    run, methods = parameters.get("run") or {}, parameters.get("methods") or {}
    for method in run.get("methods", methods):
        variants = methods.get(method) or {}
        for variant in run.get("variants", variants):
            training = (variants.get(variant) or {}).get("training") or {}
            episodes = training.get("episodes") or {}
            if not episodes.get("apart"):
                yield Contender(method, variant), episodes.get("reference")


def _found(facts: DatasetFacts, episodes: tuple[Contender, int | float] | None) -> dict[str, float]:
    """The split's figures; of those in training both are the sum where no method takes C as published."""
    users, averages = facts.manifest.get("users", {}), facts.manifest["averages"]
    pairs = averages["seen training"]["pairs"]
    known = None if episodes is None else _drawn(facts.training_pairs, episodes[1]) / max(1, users.get("seen", 0))
    return {
        "seen_users": users.get("seen", 0),
        **({IN_ALL: pairs} if known is None else {"training_c": known, "training_d": pairs - known}),
        "evaluation_c": averages["seen evaluation"]["C"],
        "evaluation_d": averages["seen evaluation"]["D"],
        "unseen_users": users.get("unseen", 0),
        "unseen_c": averages["unseen"]["C"],
        "unseen_d": averages["unseen"]["D"],
    }


def _drawn(training_pairs: tuple[int, ...], reference: int | float) -> int:
    """|C| of all seen users together, rounded user by user as an episode does."""
    import torch

    from prefactor.episodes import reference_sizes

    return int(reference_sizes(torch.tensor(training_pairs), reference, torch.Generator()).sum())


def _verdict(name: str, published: Published, found: Mapping[str, float], real: bool) -> Verdict:
    expected = getattr(published.figures, name)
    target, here, unit = expected, found.get(name), ""
    if here is None:  # C and D in training, told apart by no method
        target, here, unit = sum(getattr(published.figures, part) for part in TRAINING), found[IN_ALL], f" {IN_ALL}"
    text, words = _text(name, expected), f"here {_text(name, here)}{unit}"
    if not (name in published.ruled or real):
        return Verdict(text, NEEDS_FILES, words)
    if round(here, 1) == round(target, 1):
        return Verdict(text, AGREES, words if unit else "")
    return Verdict(text, f"{DIFFERS}: {words}")


def _text(name: str, value: float) -> str:
    return f"{value:,.0f}" if name in USERS else f"{value:,.1f}"
