"""The source ``personalllm``: prompts with eight responses, each scored by ten reward models; users mix the ten.

The files are those of ``namkoong-lab/PersonalLLM`` (Zollo et al. 2024), parquet or CSV: ``prompt``, ``response_1`` to
``response_8`` and ``response_<i>_<reward model>``. Users are drawn as VRF does (appendix A.1): w ~ Dirichlet(alpha)
over the ten, a user's score of a response is w . r, and the best response of a prompt is held against the worst.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from prefactor.datasets.choices import DECIMALS, Choices, Names, lists
from prefactor.datasets.formats import csv, parquet
from prefactor.datasets.inputs import Format, InputFile, combined_sha256
from prefactor.datasets.published import described_parts, find_published, is_sample, published_folder, refuse_repeated
from prefactor.datasets.rows import first_failure, is_blank, recognisable
from prefactor.errors import InputError
from prefactor.preferences import PAIRS, SEPARATOR, TEXTS, Preferences, TextBatches, content_id
from prefactor.progress import progress
from prefactor.seeds import mixed_seed

SCORERS = (
    "gemma_2b",
    "gemma_7b",
    "mistral_raft",
    "llama3_sfairx",
    "oasst_deberta_v3",
    "beaver_7b",
    "oasst_pythia_7b",
    "oasst_pythia_1b",
    "mistral_ray",
    "mistral_weqweasdas",
)
RESPONSES = tuple(f"response_{number}" for number in range(1, 9))
SCORES = tuple(f"{response}_{scorer}" for response in RESPONSES for scorer in SCORERS)
SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".csv": "csv"}
HUB_PATTERNS = ("*.parquet", "*.csv", "**/*.parquet", "**/*.csv")
PARTS = ("train", "test")  # the published splits of the prompts
REASONS = (
    "blank_prompts",
    "repeated_prompts",
    "prompts_with_one_response",
    "blank_responses",
    "duplicate_responses",
    "responses_without_score",
)
ROWS_AT_ONCE = 512
NUMBERS_AT_ONCE = 2**21  # scores by all reward models of all responses in memory together: 16 MiB
HELD = "parquet or CSV files with prompt, response_1 to response_8 and their scores"


@dataclass(frozen=True)
class PersonalLLMParameters:
    """Which prompts, and who the users are.

    hub             Hugging Face id of the dataset, for one who has a network; null: the files lie in ``input``
    revision        of the hub's dataset: branch, tag or commit
    prompts         published split of the prompts; the test split is held out from development
    users           people drawn: seen, validation and unseen ones together
    pairs_per_user  prompts of each, drawn without replacement; more than the split's parts need, because prompts of
                    evaluation are no one's training prompts
    alpha           concentration of the Dirichlet; small: one reward model each
    standardised    every reward model's scores in units of its own standard deviation. As published (false) they are
                    as they come, so that one with a wide range outweighs others in a mixture
    seed            of users and of their prompts
    """

    hub: str | None = None
    revision: str | None = None
    prompts: Literal["train", "test", "both"] = "train"
    users: int = 2200
    pairs_per_user: int = 240
    alpha: float = 0.001
    standardised: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("users", "pairs_per_user"):
            if getattr(self, name) < 1:
                raise InputError(f"personalllm: {name} is {getattr(self, name)!r}, but must be 1 or more")
        if not 1e-6 <= self.alpha <= 1e6:
            raise InputError(f"personalllm: alpha is {self.alpha!r}, but must be from 0.000001 to 1,000,000")


@dataclass(frozen=True)
class Pool:
    """P prompts with R = 8 responses each.

    rows      (P,) where the prompts are, by number of the row over all files
    groups    P group ids
    text_ids  P * R text ids, null for a response that is not used
    scores    (P, R, 10), NaN for a response that is not used
    """

    rows: np.ndarray
    groups: pa.StringArray
    text_ids: pa.StringArray
    scores: np.ndarray


def load(parameters: PersonalLLMParameters, input: Path) -> Preferences:
    """Read prompts, responses and scores; draw users and what they choose.

    Responses that are blank, repeated within their prompt or lack a score are left out, and so are prompts met before
    or left with one response: all counted. ``users`` keeps the true vector (``weight``, and ``utility``, which is the
    same). Texts are read by batches, once for their hashes and once when they are written. Raises InputError.
    """
    folder = published_folder(input, parameters.hub, parameters.revision, HUB_PATTERNS)
    files = _of_part(find_published(folder, SUFFIXES, HELD), parameters.prompts, folder)
    pool, counts, dropped = _read_pool(files)
    if parameters.standardised:
        pool = Pool(pool.rows, pool.groups, pool.text_ids, _standardised(pool.scores))
    weight = _weights(parameters)
    pairs, equal = _pairs(parameters, pool, weight)
    source = _provenance(files, counts, pool, folder) | {"dropped": {**dropped, "no_preference": equal}, "noted": {}}
    return Preferences(
        texts=TextBatches(lambda: _texts(files, pool)),
        pairs=pairs,
        users=pa.table({"user_id": _user_ids(parameters.users), "weight": lists(weight), "utility": lists(weight)}),
        candidates=_candidates(pool),
        source=source,
    )


def _of_part(files: list[InputFile], part: str, folder: Path) -> list[InputFile]:
    """The files of one published split, told by the words of their paths; a single file may tell nothing."""
    words = {file: re.split(r"[^a-z]+", str(file.path.relative_to(folder)).lower()) for file in files}
    if part == "both" or (len(files) == 1 and not set(PARTS) & set(words[files[0]])):
        return files
    found = [file for file in files if part in words[file]]
    if not found:
        names = ", ".join(file.path.name for file in files)
        raise InputError(f"{folder} has no file of the split {part!r}, but {names}: set prompts to what is there")
    return found


def _read_pool(files: list[InputFile]) -> tuple[Pool, list[int], dict[str, int]]:
    """All prompts, the number of rows of each file, and what is left out."""
    builder, counts = _Builder(), [0] * len(files)
    with progress("personalllm", None, "prompts") as shown:
        for number, file in enumerate(files):
            for batch in _batches(file, ("prompt", *RESPONSES, *SCORES)):
                scores = _scores(batch, file, counts[number])
                _refuse_bad_text(batch, file, counts[number])
                for row, (prompt, *responses) in enumerate(zip(*_columns(batch), strict=True), sum(counts)):
                    builder.add(row, prompt, responses, scores[row - sum(counts)])
                counts[number] += len(batch)
                shown.advance(len(batch))
    if not builder.rows:
        raise InputError(f"{files[0].path.parent}: no prompt has two responses with all ten scores: see the files")
    return builder.pool(), counts, builder.dropped


@dataclass
class _Builder:
    """A pool as it grows, prompt by prompt, and what was left out of it."""

    rows: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    text_ids: list[str | None] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    def add(self, row: int, prompt: str | None, responses: list[str | None], scores: np.ndarray) -> None:
        """Take a prompt with the ``scores`` (R, 10) of its responses, or count why not."""
        if prompt is None or not prompt.strip():
            self.dropped["blank_prompts"] += 1
        elif (group := content_id(prompt)) in self.known:
            self.dropped["repeated_prompts"] += 1
        elif (named := self._named(prompt, responses, scores)).count(None) > len(named) - 2:
            self.dropped["prompts_with_one_response"] += 1
        else:
            self.known.add(group)
            self.rows.append(row)
            self.groups.append(group)
            self.text_ids += named
            self.scores.append(scores)

    def _named(self, prompt: str, responses: list[str | None], scores: np.ndarray) -> list[str | None]:
        """Text ids of a prompt's responses, None for those left out, whose scores become NaN."""
        named: list[str | None] = []
        for response, score in zip(responses, scores, strict=True):
            text_id = None if response is None or not response.strip() else content_id(prompt, response)
            reason = "blank_responses" if text_id is None else None
            if text_id is not None and text_id in named:
                reason = "duplicate_responses"
            elif text_id is not None and np.isnan(score).any():
                reason = "responses_without_score"
            if reason is not None:
                self.dropped[reason] += 1
                score[:] = np.nan
            named.append(text_id if reason is None else None)
        return named

    def pool(self) -> Pool:
        ids = pa.array(self.text_ids, pa.string())
        return Pool(np.array(self.rows), pa.array(self.groups, pa.string()), ids, np.stack(self.scores))


def _batches(file: InputFile, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    header = (parquet if file.format == "parquet" else csv).header(file)
    if missing := [name for name in columns if name not in header]:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(f"{file.path} has no column {', '.join(missing[:3])}{more}: use the published files")
    refuse_repeated(file.path, header, columns)
    if file.format == "parquet":
        yield from parquet.batches(file, columns, ROWS_AT_ONCE)
    else:
        yield from csv.batches(file, columns)


def _columns(batch: pa.Table) -> list[list[str | None]]:
    """Prompts and responses as Python strings, row by row."""
    return [batch[name].to_pylist() for name in ("prompt", *RESPONSES)]


def _refuse_bad_text(batch: pa.Table, file: InputFile, start: int) -> None:
    for name in ("prompt", *RESPONSES):
        if not (types.is_string(batch[name].type) or types.is_large_string(batch[name].type)):
            raise InputError(
                f"{file.path}: column {name!r} is of type {batch[name].type}, but must be text: convert it"
            )
    place = pc.index(pc.fill_null(pc.match_substring(batch["prompt"], SEPARATOR), False), True).as_py()
    if place >= 0:
        where = f"{file.path}, row {start + place + 1}"
        raise InputError(f"{where}: the control character U+001F in prompt: remove the character")


def _scores(batch: pa.Table, file: InputFile, start: int) -> np.ndarray:
    """(n, R, 10) float64, NaN where there is none. InputError, with the row, for what is no finite number."""
    columns = [_numbers(batch[name], name, file, start) for name in SCORES]
    return np.stack(columns, axis=1).reshape(len(batch), len(RESPONSES), len(SCORERS))


def _numbers(values: pa.ChunkedArray, name: str, file: InputFile, start: int) -> np.ndarray:
    if types.is_string(values.type):  # of a CSV file
        values = pc.if_else(is_blank(values), pa.scalar(None, pa.string()), pc.utf8_trim_whitespace(values))
    elif not (types.is_floating(values.type) or types.is_integer(values.type) or types.is_null(values.type)):
        raise InputError(f"{file.path}: column {name!r} is of type {values.type}, but must hold numbers: convert it")
    wrong = first_failure(values, lambda part: part.cast(pa.float64()))
    numbers = None if wrong is not None else values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if numbers is not None and np.isinf(numbers).any():
        wrong = int(np.flatnonzero(np.isinf(numbers))[0])
    if numbers is None or wrong is not None:
        value = recognisable(values[wrong].as_py())
        where = f"{file.path}, row {start + (wrong or 0) + 1}"
        raise InputError(f"{where}: {name} is {value}, but must be a finite number, or nothing: correct it")
    return numbers


def _standardised(scores: np.ndarray) -> np.ndarray:
    flat = scores.reshape(-1, scores.shape[2])
    spread = np.nanstd(flat, axis=0)
    return (scores - np.nanmean(flat, axis=0)) / np.where(spread > 0, spread, 1.0)


def _user_ids(users: int) -> list[str]:
    return [f"user-{index:07d}" for index in range(users)]


def _weights(parameters: PersonalLLMParameters) -> np.ndarray:
    """(U, 10) users' vectors on the simplex; the first of more users are the same."""
    stream = np.random.default_rng(mixed_seed(parameters.seed, "personalllm", "taste"))
    return stream.dirichlet(np.full(len(SCORERS), parameters.alpha), size=parameters.users)


def _pairs(parameters: PersonalLLMParameters, pool: Pool, weight: np.ndarray) -> tuple[pa.Table, int]:
    """The table ``pairs``, and how many prompts were left out because their best and worst response are level."""
    prompts, responses = pool.scores.shape[:2]
    if parameters.pairs_per_user > prompts:
        raise InputError(f"personalllm: pairs_per_user is {parameters.pairs_per_user}, but there are {prompts} prompts")
    stream = np.random.default_rng(mixed_seed(parameters.seed, "personalllm", "whose prompts"))
    names = Names(pa.array(_user_ids(parameters.users)), pool.groups, pool.text_ids, responses)
    batches, equal = [], 0
    chunk = max(1, NUMBERS_AT_ONCE // max(prompts, parameters.pairs_per_user * responses * len(SCORERS)))
    with progress("personalllm", parameters.users, "users") as shown:
        for start in range(0, parameters.users, chunk):
            mine = weight[start : start + chunk]
            order = np.argsort(stream.random((len(mine), prompts)), axis=1)[:, : parameters.pairs_per_user]
            choices = _extremes(pool.scores, mine, order, start)
            differs = choices.margin != 0
            equal += int((~differs).sum())
            batches.append(names.rows(choices.select(differs)))
            shown.advance(len(mine))
    return pa.Table.from_batches(batches, PAIRS), equal


def _extremes(scores: np.ndarray, weight: np.ndarray, order: np.ndarray, start: int) -> Choices:
    """What u users with ``weight`` (u, 10) choose of the prompts ``order`` (u, n): of equals the first."""
    mine = np.round(np.einsum("us,unrs->unr", weight, scores[order], optimize=True), DECIMALS)
    chosen = np.where(np.isnan(mine), -np.inf, mine).argmax(axis=2)  # (u,n)
    rejected = np.where(np.isnan(mine), np.inf, mine).argmin(axis=2)
    best, worst = (np.take_along_axis(mine, place[:, :, None], axis=2)[:, :, 0] for place in (chosen, rejected))
    user = np.broadcast_to(start + np.arange(len(order))[:, None], order.shape)
    return Choices(user.ravel(), order.ravel(), chosen.ravel(), rejected.ravel(), (best - worst).ravel())


def _candidates(pool: Pool) -> pa.Table:
    used = pool.text_ids.is_valid()
    groups = pool.groups.take(pa.array(np.repeat(np.arange(len(pool.groups)), pool.scores.shape[1])))
    scores = pool.scores.reshape(-1, len(SCORERS)).T
    named = {name: pa.array(column) for name, column in zip(SCORERS, scores, strict=True)}
    return pa.table({"group_id": groups, "text_id": pool.text_ids, **named}).filter(used)


def _texts(files: list[InputFile], pool: Pool) -> Iterator[pa.Table]:
    """The responses that are used, batch by batch, as the files have them."""
    place, start = {row: number for number, row in enumerate(pool.rows.tolist())}, 0
    ids, size = pool.text_ids, pool.scores.shape[1]
    for file in files:
        for batch in _batches(file, ("prompt", *RESPONSES)):
            kept = [row for row in range(len(batch)) if start + row in place]
            cells = [place[start + row] * size + number for row in kept for number in range(size)]
            prompt = batch["prompt"].take(pa.array(np.repeat(kept, size).astype(np.int64)))
            taken = batch.take(pa.array(kept, pa.int64()))
            response = [
                text for row in zip(*(taken[name].to_pylist() for name in RESPONSES), strict=True) for text in row
            ]
            found = ids.take(pa.array(cells, pa.int64()))
            table = pa.table({"text_id": found, "prompt": prompt, "response": pa.array(response, pa.string())})
            yield table.filter(found.is_valid()).cast(TEXTS)
            start += len(batch)


def _provenance(files: list[InputFile], counts: list[int], pool: Pool, folder: Path) -> dict[str, Any]:
    return {
        "name": "personalllm",
        "sha256": combined_sha256(files),
        "parts": described_parts(files, counts, folder),
        "rows": {"prompts": sum(counts), "responses": len(pool.text_ids) - pool.text_ids.null_count},
        "empty_prompts": False,
        "scorers": list(SCORERS),
        "truth": True,
        "sample": is_sample(folder),
    }
