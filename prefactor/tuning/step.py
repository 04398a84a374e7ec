"""One batch's gradient, of the method and of the backbone under its reward, in whatever memory there is.

Where a batch's texts do not fit into memory with their activations, states are computed without gradients first, the
loss gives the gradient at the states, and the texts go through the backbone again, chunk by chunk, to take it further
(gradient caching, Gao et al. 2021). That is the chain rule, so it is the plain gradient, exactly.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from prefactor.backbones.layout import Tokens
from prefactor.methods.base import TUNED, RewardModel
from prefactor.preferences import PairBatch, Responses
from prefactor.tuning.live_backbone import Chunk, LiveBackbone


def add_gradients(
    model: RewardModel, live: LiveBackbone, batch: PairBatch, weight: float, noise: torch.Generator, last: bool
) -> float:
    """Add the gradient of ``weight`` times the batch's loss to the method's and the backbone's; that loss in nats.

    Each unique text goes through the backbone once; of pairs that the method reads from cached states alone none does.
    The ``last`` batch of a step exchanges the backbone's gradients with other processes.
    """
    asked = rewarded_rows(model, batch)
    texts = batch.responses.text[asked].numpy()
    tokens = live.texts.tokens(texts, live.backbone)
    chunks = live.chunks(tokens)
    if live.processes.most(len(chunks)) == 1:
        with live.processes.gathering(live.model, last):
            states = live.states(tokens, chunks[0])
            live.check(states, texts[chunks[0].rows])
            found = placed(len(batch.responses), asked[chunks[0].rows], states)
            loss = weight * model.loss(with_tuned(batch, found), noise)
            loss.backward()
        return float(loss.detach())
    with torch.no_grad():
        states = torch.cat([live.states(tokens, chunk) for chunk in _padded(live, chunks)][: len(chunks)])
    rows = torch.cat([torch.from_numpy(chunk.rows) for chunk in chunks])
    live.check(states, texts[rows.numpy()])
    states = placed(len(tokens.ids), rows, states).requires_grad_()
    loss = weight * model.loss(with_tuned(batch, placed(len(batch.responses), asked, states)), noise)
    loss.backward()
    assert states.grad is not None
    gradients = [states.grad[chunk.rows] for chunk in chunks]
    _take_further(live, tokens, chunks, gradients, last)
    return float(loss.detach())


def _take_further(live: LiveBackbone, tokens: Tokens, chunks: list[Chunk], gradients: list[Tensor], last: bool) -> None:
    """From the gradients (n, H) at each chunk's states on into the backbone."""
    padded = _padded(live, chunks)
    for number, chunk in enumerate(padded):
        with live.processes.gathering(live.model, last and number == len(padded) - 1):
            states = live.states(tokens, chunk)
            states.backward(gradients[number] if number < len(gradients) else torch.zeros_like(states))


def _padded(live: LiveBackbone, chunks: list[Chunk]) -> list[Chunk]:
    """As many chunks as the process that has most of them: a forward or backward pass may need all processes."""
    return chunks + chunks[-1:] * (live.processes.most(len(chunks)) - len(chunks))


def rewarded_rows(model: RewardModel, *batches: PairBatch) -> Tensor:
    """(n,) rows of the batches' responses whose reward the method asks for; ascending."""
    asked = batches if model.rewards_known else [batch.targets() for batch in batches]
    return torch.unique(torch.cat([side for batch in asked for side in (batch.chosen, batch.rejected)]))


def placed(size: int, rows: Tensor, states: Tensor) -> Tensor:
    """States (n, H) at ``rows`` (n,) of (size, H), zero elsewhere; gradients flow."""
    return states.new_zeros(size, states.shape[1]).index_copy(0, rows, states)


def with_tuned(batch: PairBatch, states: Tensor) -> PairBatch:
    """The batch with a view of the fine-tuned backbone's states (T, H)."""
    views: Mapping[str, Tensor] = {**batch.responses.views, TUNED: states}
    return replace(batch, responses=Responses(views, batch.responses.text))
