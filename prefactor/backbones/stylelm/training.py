"""Training the small language model: AdamW, cosine schedule with warm-up, batches of similar length."""

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prefactor.backbones.stylelm.conversations import draw
from prefactor.backbones.stylelm.corpus import Answers
from prefactor.backbones.stylelm.likelihood import TokenBatch, token_batches, token_losses
from prefactor.backbones.stylelm.model import new_model
from prefactor.backbones.stylelm.parameters import StyleLMParameters
from prefactor.backbones.stylelm.spelling import Speller, Spelt
from prefactor.progress import progress
from prefactor.seeds import mixed_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

logger = logging.getLogger(__name__)

BETAS = (0.9, 0.95)
LOWEST = 0.02  # of the peak: where the cosine ends


def train_model(
    answers: Answers, attributes: list[str], tokenizer: "PreTrainedTokenizerFast", parameters: StyleLMParameters
) -> "Qwen3ForCausalLM":
    """Train on every response, each epoch in a form drawn anew. Same seed, machine and threads: same weights."""
    model = new_model(parameters, tokenizer)
    speller = Speller(tokenizer, parameters.context)
    responses = speller.texts(answers.responses)
    epochs = [
        _epoch(answers, attributes, responses, speller, parameters, number) for number in range(parameters.epochs)
    ]
    random = np.random.default_rng(mixed_seed(parameters.seed, "stylelm", "order"))
    steps = [batch for epoch in epochs for batch in _shuffled(epoch, tokenizer.pad_token_id, parameters, random)]
    _train(model.train(), steps, parameters)
    return model.eval()


def _epoch(
    answers: Answers,
    attributes: list[str],
    responses: list[list[int]],
    speller: Speller,
    parameters: StyleLMParameters,
    number: int,
) -> list[Spelt]:
    random = np.random.default_rng(mixed_seed(parameters.seed, "stylelm", "forms", number))
    having = answers.having(attributes, parameters.has)
    turns = [
        draw(prompt, named, parameters.forms, random) for prompt, named in zip(answers.prompts, having, strict=True)
    ]
    return speller.conversations(turns, responses)


def _shuffled(
    spelt: Sequence[Spelt], padding: int, parameters: StyleLMParameters, random: np.random.Generator
) -> list[TokenBatch]:
    """Batches of similar length in random order; which of equal length come together differs by epoch."""
    mixed = [spelt[row] for row in random.permutation(len(spelt))]
    made = list(token_batches(mixed, padding, parameters.tokens_per_batch, parameters.prompt_weight))
    return [made[number] for number in random.permutation(len(made))]


def _train(model: "Qwen3ForCausalLM", steps: Sequence[TokenBatch], parameters: StyleLMParameters) -> None:
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    rest = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(
        groups, parameters.learning_rate, BETAS, weight_decay=parameters.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, len(steps), parameters.warmup))
    with progress("language model", len(steps), "steps") as shown:
        for batch in steps:
            loss = _step(model, batch, optimiser, parameters)
            schedule.step()
            shown.advance(note=f"loss {loss:.3f}")


def _step(
    model: "Qwen3ForCausalLM", batch: TokenBatch, optimiser: torch.optim.Optimizer, parameters: StyleLMParameters
) -> float:
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=parameters.compute_dtype == "bfloat16"):
        losses, weights, _ = token_losses(model, batch)
    loss = (losses * weights).sum() / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), parameters.gradient_norm)
    optimiser.step()
    return float(loss.detach())


def _rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
