"""The requests of one call as flat tensors: each text once, whoever asks about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from prefactor.preferences import PairBatch, Responses
from prefactor.serving.requests import Request


@dataclass(frozen=True)
class FlatRequests:
    """R requests over T unique texts, with C candidates and N reference pairs in all.

    prompts, responses   the T texts
    candidate            (C,) row of each candidate among the texts, request by request
    candidate_segment    (C,) its request
    chosen, rejected     (N,) rows of each reference pair's responses
    pair_segment         (N,) its request
    """

    requests: Sequence[Request]
    prompts: list[str]
    responses: list[str]
    candidate: Tensor
    candidate_segment: Tensor
    chosen: Tensor
    rejected: Tensor
    pair_segment: Tensor

    @property
    def size(self) -> int:
        """R."""
        return len(self.requests)

    def candidates(self, texts: Responses) -> Responses:
        """The C candidates, out of the T texts."""
        return texts[self.candidate]

    def counts(self) -> list[int]:
        """Number of candidates of each request."""
        return torch.bincount(self.candidate_segment, minlength=self.size).tolist()

    def marked(self, mask: Tensor) -> list[int]:
        """How many different texts of each request are marked in ``mask`` (T,)."""
        rows = torch.cat([self.candidate, self.chosen, self.rejected])
        segment = torch.cat([self.candidate_segment, self.pair_segment, self.pair_segment])
        unique = torch.stack([segment, rows]).unique(dim=1)  # (2,·)
        return torch.bincount(unique[0][mask[unique[1]]], minlength=self.size).tolist()

    def reference(self, texts: Responses) -> PairBatch:
        """The N reference pairs as a batch of R users, none of them counted as seen."""
        strangers = torch.full((self.size,), -1)
        return PairBatch(texts, self.chosen, self.rejected, self.pair_segment, strangers)

    def comparisons(self) -> tuple[Tensor, Tensor]:
        """Every two candidates i < j of one request, as rows (M,) and (M,) of the C candidates."""
        counts = self.counts()
        starts = accumulate(counts, initial=0)
        blocks = [torch.triu_indices(n, n, offset=1) + start for n, start in zip(counts, starts, strict=False)]
        first, second = torch.cat(blocks, 1)
        return first, second


def flatten(requests: Sequence[Request]) -> FlatRequests:
    """Number the unique texts of some requests and point candidates and pairs at them."""
    rows: dict[tuple[str, str], int] = {}

    def row(prompt: str, response: str) -> int:
        return rows.setdefault((prompt, response), len(rows))

    candidates = [(row(r.prompt, text), i) for i, r in enumerate(requests) for text in r.responses]
    pairs = [
        (row(pair.prompt, pair.chosen), row(pair.prompt, pair.rejected), i)
        for i, request in enumerate(requests)
        for pair in request.reference or []
    ]
    candidate, candidate_segment = torch.tensor(candidates).T
    chosen, rejected, pair_segment = torch.tensor(pairs, dtype=torch.long).reshape(-1, 3).T
    return FlatRequests(
        requests=requests,
        prompts=[prompt for prompt, _ in rows],
        responses=[response for _, response in rows],
        candidate=candidate,
        candidate_segment=candidate_segment,
        chosen=chosen,
        rejected=rejected,
        pair_segment=pair_segment,
    )
