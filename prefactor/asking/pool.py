"""A pool of candidate questions: pairs of responses to a prompt, of which a user is asked which they prefer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.datasets.rows import Rows, is_blank
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.methods.factorised import BASIS, FactorisedReward
from prefactor.preferences import Responses

COLUMNS = ("prompt", "first", "second")


class Question(NamedTuple):
    """Which of two responses to a prompt is preferred?"""

    prompt: str
    first: str
    second: str


@dataclass(frozen=True)
class Pool:
    """N pairs over T different responses.

    first, second  (N,) rows of the pair's responses
    responses      T responses, once somebody has gathered their states: ``with_responses``
    texts          (prompt, response) of each of the T; empty where the pool was made of states alone
    """

    first: Tensor
    second: Tensor
    responses: Responses | None = None
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def of(cls, questions: Iterable[Question]) -> Self:
        """Every response once, however many pairs it is in."""
        rows: dict[tuple[str, str], int] = {}
        pairs = [
            [rows.setdefault((question.prompt, text), len(rows)) for text in (question.first, question.second)]
            for question in questions
        ]
        first, second = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
        return cls(first, second, texts=tuple(rows))

    def question(self, row: int) -> Question:
        """The texts of one pair."""
        (prompt, first), (_, second) = self.texts[int(self.first[row])], self.texts[int(self.second[row])]
        return Question(prompt, first, second)

    def with_responses(self, responses: Responses) -> Self:
        """With the views of all T responses, in the order of ``texts``."""
        return replace(self, responses=responses)

    def read(self, model: RewardModel) -> Self:
        """With what ``model`` makes of the responses in the place of their states: made once, for all users to come."""
        return self.with_responses(model.read(self._known()))

    def basis(self, model: RewardModel) -> Tensor:
        """(T, F) basis rewards of the responses, read before or now. InputError for a method without any."""
        responses = self._known()
        if not isinstance(model, FactorisedReward):
            raise InputError(f"{model.name} has no basis rewards that users weigh: ask vrf or pref")
        return responses.views[BASIS] if BASIS in responses.views else model.basis(responses)

    def _known(self) -> Responses:
        if self.responses is None:
            raise ValueError("the pool's states have not been gathered: call with_responses first")
        return self.responses


def read_pool(path: Path | str, empty_prompts: bool = False) -> Pool:
    """The questions of a parquet file with the columns ``prompt``, ``first`` and ``second``, all of text.

    ``empty_prompts`` makes them legal. InputError names the file and the rows, never a text, of what is missing,
    empty, no question because both responses are the same, or asked twice.
    """
    path = Path(path)
    rows = Rows(_read(path), path, (path,), (), {}, frozenset(COLUMNS))
    rows = replace(rows, counts=(len(rows),))
    if not len(rows):
        raise InputError(f"{path} holds no questions: write at least one row of {', '.join(COLUMNS)}")
    for name in COLUMNS:
        column = rows.table[name]
        rows.refuse(column.is_null(), name, f"no {name} (null)", "fill it in or remove these rows")
        if name != "prompt" or not empty_prompts:
            rows.refuse(is_blank(column), name, f"an empty {name}", "fill it in or remove these rows")
    questions = [Question(*texts) for texts in zip(*(rows.table[name].to_pylist() for name in COLUMNS), strict=True)]
    same = [one.first == one.second for one in questions]
    rows.refuse(_marked(same), "first", "the same text as first and second", "remove them: there is nothing to choose")
    rows.refuse(_marked(_repeated(questions)), "first", "a question of an earlier row", "ask it once, either way round")
    return Pool.of(questions)


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: name a parquet file of {', '.join(COLUMNS)}") from error
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as parquet: write it again, with {', '.join(COLUMNS)}") from error
    for name in COLUMNS:
        if table.column_names.count(name) != 1:
            raise InputError(f"{path} needs one column {name!r}, but has {table.column_names}")
    try:
        return table.select(COLUMNS).cast(pa.schema([(name, pa.string()) for name in COLUMNS]))
    except pa.ArrowException as error:
        types = {name: str(table.schema.field(name).type) for name in COLUMNS}
        raise InputError(f"{path}: {', '.join(COLUMNS)} must be text, but are {types}") from error


def _repeated(questions: Sequence[Question]) -> list[bool]:
    """Which of the questions came before, either way round."""
    met: set[tuple[str, frozenset[str]]] = set()
    found = []
    for one in questions:
        key = one.prompt, frozenset(one[1:])
        found.append(key in met)
        met.add(key)
    return found


def _marked(rows: Sequence[bool]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, pa.bool_())])
