"""The source ``tldr``: people's choices between two summaries of a post, by annotator.

The files are the ``comparisons`` of ``openai/summarize_from_feedback`` (Stiennon et al. 2020): the batches as
published, a JSON object a line, or the hub's parquet files of the same nested records. VRF (appendix A.1) keeps
annotators with 50 annotations or more; the split draws seen and unseen ones among them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from prefactor.datasets.inputs import Format, InputFile, combined_sha256
from prefactor.datasets.pairing import from_pairs
from prefactor.datasets.published import described_parts, find_published, is_sample, published_folder
from prefactor.datasets.records import read_records
from prefactor.datasets.rows import recognisable
from prefactor.errors import InputError
from prefactor.preferences import SEPARATOR, Preferences, content_id
from prefactor.progress import progress

SUFFIXES: dict[str, Format] = {".json": "jsonl", ".jsonl": "jsonl", ".parquet": "parquet"}
FOLDER = "comparisons"  # where hub and publication keep them, beside files of other kinds
CONVERTED = "refs/convert/parquet"
HUB_PATTERNS = (f"{FOLDER}/*", f"{FOLDER}/**/*")
ROWS_AT_ONCE = 2048
HELD = "the published comparisons (batch3.json, ... or parquet files)"
ROWS = pa.schema({name: pa.string() for name in ("user_id", "group_id", "prompt", "chosen", "rejected")})


@dataclass(frozen=True)
class TldrParameters:
    """Whose comparisons, and of what.

    hub                  Hugging Face id of the dataset, for one who has a network; null: the files lie in ``input``
    revision             of the hub's dataset; null: its own conversion to parquet, because the dataset itself is a
                         script, which is not run
    minimum_annotations  of an annotator who is kept (published: 50)
    annotators           how many of them are drawn at random; null for all. The split draws its 40 of these
    articles             comparisons of summaries of news articles too, which the same people judged (CNN/DM)
    minimum_confidence   least confidence, 1 to 9, of a comparison; one without any is left out too; null for all
    seed                 of the draw of annotators
    """

    hub: str | None = None
    revision: str | None = None
    minimum_annotations: int = 50
    annotators: int | None = None
    articles: bool = False
    minimum_confidence: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("minimum_annotations", "annotators", "minimum_confidence"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"tldr: {name} is {value!r}, but must be 1 or more")


@dataclass(frozen=True)
class Info:
    """What was summarised: a post, or a news article; some have no id."""

    id: str | None = None
    post: str | None = None
    title: str | None = None
    subreddit: str | None = None
    article: str | None = None


@dataclass(frozen=True)
class Summary:
    """One of two summaries."""

    text: str


@dataclass(frozen=True)
class Extra:
    """What else the annotator said."""

    confidence: int | None = None


@dataclass(frozen=True)
class Comparison:
    """A published record, as far as it is used."""

    info: Info
    summaries: list[Summary]
    choice: int
    worker: str
    extra: Extra | None = None


def load(parameters: TldrParameters, input: Path) -> Preferences:
    """Read all batches; annotators with enough usable comparisons, and their pairs.

    The prompt is the post with its subreddit and title, the group the post's id. Comparisons of articles, of blank or
    equal summaries, of blank posts, and those below ``minimum_confidence`` are left out and counted. The files are read
    three times, to count, to hash and for the texts that are used, so that memory holds one batch of texts. Raises
    InputError.
    """
    revision = parameters.revision or (CONVERTED if parameters.hub else None)
    folder = published_folder(input, parameters.hub, revision, HUB_PATTERNS)
    files = find_published(folder / FOLDER if (folder / FOLDER).is_dir() else folder, SUFFIXES, HELD)
    annotations, rows, dropped = _count(files, parameters)
    kept = _annotators(annotations, parameters, folder)
    done = from_pairs(lambda: _batches(files, parameters, kept))
    few = sum(count < parameters.minimum_annotations for count in annotations.values())
    dropped |= {
        "annotators_with_too_few_annotations": few,
        "annotators_not_drawn": len(annotations) - few - len(kept),
        **done.dropped,
    }
    made = [annotations[user] for user in done.users["user_id"].to_pylist()]
    users = done.users.append_column("annotations", pa.array(made, pa.int64()))
    source = _provenance(files, rows, len(annotations), parameters, folder)
    source |= {"dropped": dropped, "noted": dict(done.noted)}
    return Preferences(done.texts, done.pairs, users, None, source)


def _count(files: list[InputFile], parameters: TldrParameters) -> tuple[Counter[str], list[int], dict[str, int]]:
    """Usable comparisons of every annotator, records of every file, and why others are not usable."""
    annotations: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    rows = []
    with progress("tldr", None, "comparisons") as shown:
        for file in files:
            rows.append(0)
            for place, record in read_records(file, Comparison):
                rows[-1] += 1
                _check(record, place)
                reason = _unusable(record, parameters)
                (annotations if reason is None else lost)[record.worker if reason is None else reason] += 1
                shown.advance()
    reasons = ("articles", "blank_posts", "blank_summaries", "equal_summaries", "below_minimum_confidence")
    return annotations, rows, {reason: lost[reason] for reason in reasons}


def _check(record: Comparison, place: str) -> None:
    """Refuse what cannot be meant."""
    if len(record.summaries) != 2:
        found = len(record.summaries)
        raise InputError(f"{place}: field 'summaries' holds {found} summaries, but a comparison has 2: correct it")
    if record.choice not in (0, 1):
        raise InputError(f"{place}: field 'choice' is {recognisable(record.choice)}, but must be 0 or 1: correct it")
    if not record.worker.strip():
        raise InputError(f"{place}: field 'worker' is empty: fill it in or remove the line")
    for name in ("post", "title", "subreddit", "article"):
        if SEPARATOR in (getattr(record.info, name) or ""):
            raise InputError(f"{place}: the control character U+001F in field 'info.{name}': remove the character")


def _unusable(record: Comparison, parameters: TldrParameters) -> str | None:
    """Why a record is left out; None if it is not."""
    text = record.info.post
    if text is None:
        if not parameters.articles and record.info.article is not None:
            return "articles"
        text = record.info.article
    if text is None or not text.strip():
        return "blank_posts"
    first, second = (summary.text for summary in record.summaries)
    if not (first.strip() and second.strip()):
        return "blank_summaries"
    if first == second:
        return "equal_summaries"
    least = parameters.minimum_confidence
    confidence = record.extra.confidence if record.extra else None
    return "below_minimum_confidence" if least is not None and (confidence or 0) < least else None


def _annotators(annotations: Counter[str], parameters: TldrParameters, folder: Path) -> frozenset[str]:
    """Annotators with enough annotations; of those the first in an order that depends on names and seed alone."""
    enough = [worker for worker, count in annotations.items() if count >= parameters.minimum_annotations]
    wanted = len(enough) if parameters.annotators is None else parameters.annotators
    if not enough or wanted > len(enough):
        most = f"{len(enough)} of {len(annotations)} annotators have {parameters.minimum_annotations} annotations"
        asked = "" if parameters.annotators is None else f", and annotators asks for {wanted}"
        raise InputError(f"{folder}: {most}{asked}: lower minimum_annotations or annotators")
    return frozenset(sorted(enough, key=lambda worker: content_id(str(parameters.seed), "tldr", worker))[:wanted])


def _batches(files: list[InputFile], parameters: TldrParameters, kept: frozenset[str]) -> Iterator[pa.Table]:
    """The rows of these annotators, some at a time."""
    rows = (
        _row(record)
        for file in files
        for _, record in read_records(file, Comparison)
        if record.worker in kept and _unusable(record, parameters) is None
    )
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        yield pa.Table.from_pylist(batch, ROWS)


def _row(record: Comparison) -> dict[str, str]:
    chosen, rejected = (record.summaries[place].text for place in (record.choice, 1 - record.choice))
    return {
        "user_id": record.worker,
        "group_id": group_of(record.info),
        "prompt": prompt_of(record.info),
        "chosen": chosen,
        "rejected": rejected,
    }


def group_of(info: Info) -> str:
    """What tells posts apart: their id or, of those without, a hash of what they say."""
    return info.id if info.id and info.id.strip() else content_id(info.post or info.article or "")


def prompt_of(info: Info) -> str:
    """What is asked of a summariser: the post as the annotators saw it, and the words TL;DR:."""
    heads = (("SUBREDDIT", f"r/{info.subreddit}" if info.subreddit else None), ("TITLE", info.title))
    lines = [f"{name}: {value}" for name, value in heads if value]
    body = f"ARTICLE: {info.article}" if info.post is None else f"POST: {info.post}"
    return "\n".join([*lines, body, "TL;DR:"])


def _provenance(
    files: list[InputFile], rows: list[int], annotators: int, parameters: TldrParameters, folder: Path
) -> dict[str, Any]:
    return {
        "name": "tldr",
        "sha256": combined_sha256(files),
        "parts": described_parts(files, rows, folder),
        "rows": {"comparisons": sum(rows), "annotators": annotators},
        "minimum_annotations": parameters.minimum_annotations,
        "empty_prompts": False,
        "scorers": [],
        "truth": False,
        "sample": is_sample(folder),
    }
