"""Best-of-N: of several candidates the one with the greatest personal reward (TTP; Drift, section 4)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from prefactor.decoding.candidates import COLUMNS, Candidates, requests_of
from prefactor.decoding.rewards import PersonalRewards
from prefactor.errors import InputError
from prefactor.preferences import Responses


@dataclass(frozen=True)
class Chosen:
    """What was chosen for S requests.

    rows        (S,) the chosen candidates among those given
    reward      (S,) in logits, against the mean of the request's candidates
    std         (S,) its standard deviation
    candidates  (S,) how many were judged
    empty       (S,) how many empty ones were left out; where a request has no others, they are judged
    """

    rows: Tensor
    reward: Tensor
    std: Tensor
    candidates: Tensor
    empty: Tensor


def best_of_n(
    rewards: PersonalRewards, candidates: Candidates, lower: float = 0.0, texts: Responses | None = None
) -> Chosen:
    """The candidate of each request with the greatest mean - ``lower`` x std of its reward, the first of equals.

    ``lower`` 0 is Best-of-N by the mean; above it, by a lower bound of the reward. An empty text, of white space at
    most, is a candidate only where a request has no others. ``texts`` are the candidates as ``rewards`` read them, for
    who chooses among them several times. Raises InputError for a request without candidates.
    """
    if lower < 0:
        raise ValueError(f"lower must not be negative, got {lower}: doubt speaks against a candidate")
    size = len(candidates.prompts)
    kept = _judged(candidates.responses, candidates.segment, size)
    judged_segment = candidates.segment[kept]
    if texts is None:
        judged = candidates.rows(kept)
        read = rewards.read(judged.prompt_of_each(), judged.responses)
    else:
        read = texts[kept]
    found = rewards.among(read, candidates.users, judged_segment)
    mean, std = found.mean.cpu(), found.std.cpu()
    place = greatest(mean - lower * std, judged_segment, size)
    count, given = (torch.bincount(segment, minlength=size) for segment in (judged_segment, candidates.segment))
    return Chosen(kept[place], mean[place], std[place], count, given - count)


def chosen_table(table: pd.DataFrame, chosen: Chosen, method: str, seconds: float = 0.0) -> pd.DataFrame:
    """The generated texts that ``chosen`` took from a table of candidates, one row a request.

    ``seconds`` that judging took are shared among requests; those of writing are all candidates' of a request, and NaN
    where nobody measured them: of texts that were there before. What is ``about`` a candidate stays, and beside it are
    its reward and standard deviation in logits, and how many candidates were judged and how many empty ones were left
    out.
    """
    segment, _ = requests_of(table)
    taken = table.iloc[chosen.rows.tolist()].reset_index(drop=True)
    written = table["seconds"].groupby(segment.numpy()).sum(min_count=1).reset_index(drop=True)
    facts = {"reward": chosen.reward, "std": chosen.std, "candidates": chosen.candidates, "empty": chosen.empty}
    columns = {name: values.tolist() for name, values in facts.items()}
    more = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    about = [json.dumps(json.loads(old) | new) for old, new in zip(taken["about"], more, strict=True)]
    shared = seconds / max(len(taken), 1)
    return taken.assign(method=method, seconds=written + shared, about=about)[COLUMNS]


def greatest(values: Tensor, segment: Tensor, size: int) -> Tensor:
    """(size,) the row of each segment's greatest value (N,), the first of equals; no segment (N,) is empty."""
    order = torch.argsort(values, descending=True, stable=True)
    order = order[torch.argsort(segment[order], stable=True)]
    count = torch.bincount(segment, minlength=size)
    return order[count.cumsum(0) - count]


def _judged(responses: Sequence[str], segment: Tensor, size: int) -> Tensor:
    """(M,) rows of the candidates that are judged."""
    missing = torch.bincount(segment, minlength=size) == 0
    if missing.any():
        first = int(missing.nonzero()[0])
        raise InputError(
            f"{int(missing.sum())} of {size} requests have no candidates, the first is number {first}: write some"
        )
    filled = torch.tensor([bool(text.strip()) for text in responses], dtype=torch.bool)
    others = torch.bincount(segment[filled], minlength=size) > 0
    return (filled | ~others[segment]).nonzero().flatten()
