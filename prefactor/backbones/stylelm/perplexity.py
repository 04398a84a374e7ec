"""Whether a language model follows the attributes it is given: on responses to prompts it has not read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prefactor.backbones.stylelm.conversations import Turns, plain, with_line, with_system
from prefactor.backbones.stylelm.corpus import Answers
from prefactor.backbones.stylelm.likelihood import engine_of, response_losses
from prefactor.backbones.stylelm.parameters import StyleLMParameters
from prefactor.backbones.stylelm.resampling import Resampling
from prefactor.backbones.stylelm.spelling import Speller
from prefactor.errors import InputError
from prefactor.progress import Progress, progress
from prefactor.seeds import mixed_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

RATIOS = (  # of perplexities on the same responses, below 1 where the first condition makes them likelier; and of
    # their likelihoods, in nats per response, then above 0: few of a response's words depend on any one attribute
    ("system_right", "neutral"),
    ("system_wrong", "neutral"),
    ("system_right", "system_wrong"),
    ("system_right", "plain"),
    ("line_right", "plain"),
    ("line_wrong", "plain"),
    ("line_right", "line_wrong"),
)


@dataclass(frozen=True)
class Losses:
    """-log p of N responses, in nats, summed over their tokens.

    tokens      (N,) tokens of each response, the end of its turn included
    plain       (N,) without a system prompt
    neutral     (N,) with the neutral system prompt
    system      (N, A) with each attribute's system prompt
    line_right, line_wrong   (N,) with a last line of one attribute
    """

    tokens: np.ndarray
    plain: np.ndarray
    neutral: np.ndarray
    system: np.ndarray
    line_right: np.ndarray
    line_wrong: np.ndarray


def measure(
    model: "Qwen3ForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    answers: Answers,
    attributes: Sequence[str],
    parameters: StyleLMParameters,
) -> dict[str, Any]:
    """Perplexity by condition, and how often an attribute's system prompt orders two responses as its score does.

    The right attribute is one that the response has, the wrong one that it clearly lacks, both drawn at random; only
    responses with both count, so that all conditions are about the same ones. Intervals are of 95 %, resampled over
    prompts.
    """
    answers = _judged(answers.first(parameters.report_prompts), parameters)
    right, wrong = _drawn(answers, parameters)
    losses = _losses(model, tokenizer, answers, attributes, right, wrong, parameters)
    prompts = Resampling(answers.groups, parameters.seed)
    rows = np.arange(len(answers))
    by_condition = {
        "plain": losses.plain,
        "neutral": losses.neutral,
        "system_right": losses.system[rows, right],
        "system_wrong": losses.system[rows, wrong],
        "line_right": losses.line_right,
        "line_wrong": losses.line_wrong,
    }
    return {
        "responses": len(answers),
        "prompts": prompts.groups,
        "tokens": int(losses.tokens.sum()),
        "perplexity": {name: prompts.exp_mean(loss, losses.tokens) for name, loss in by_condition.items()},
        "ratio": {
            f"{one}/{other}": prompts.exp_mean(by_condition[one] - by_condition[other], losses.tokens)
            for one, other in RATIOS
        },
        "nats_per_response": {
            f"{one}/{other}": prompts.mean(by_condition[other] - by_condition[one], np.ones(len(answers)))
            for one, other in RATIOS
        },
        "ordered": _ordered(answers, losses.neutral[:, None] - losses.system, attributes, parameters),
    }


def _judged(answers: Answers, parameters: StyleLMParameters) -> Answers:
    """The responses that have an attribute and clearly lack another."""
    known = (answers.scores > parameters.has).any(axis=1) & (answers.scores < parameters.lacks).any(axis=1)
    rows = np.flatnonzero(known)
    if len(np.unique(answers.groups[rows])) < 2:
        raise InputError(
            "fewer than two validation prompts have a response that has one attribute and lacks another: lower "
            "has, raise lacks or report_prompts"
        )
    return answers.select(rows)


def _drawn(answers: Answers, parameters: StyleLMParameters) -> tuple[np.ndarray, np.ndarray]:
    """Of each response one attribute that it has and one that it lacks: (N,), (N,) numbers."""
    random = np.random.default_rng(mixed_seed(parameters.seed, "stylelm", "report"))
    order = random.random(answers.scores.shape)
    right = np.where(answers.scores > parameters.has, order, -1.0).argmax(axis=1)
    wrong = np.where(answers.scores < parameters.lacks, order, -1.0).argmax(axis=1)
    return right, wrong


def _losses(
    model: "Qwen3ForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    answers: Answers,
    attributes: Sequence[str],
    right: np.ndarray,
    wrong: np.ndarray,
    parameters: StyleLMParameters,
) -> Losses:
    speller = Speller(tokenizer, parameters.context)
    responses = speller.texts(answers.responses)
    engine = engine_of(model, parameters.tokens_per_batch)
    with progress("perplexity", (4 + len(attributes)) * len(answers), "texts") as shown:

        def asking(attribute: str | None) -> Callable[[str, int], Turns]:
            return lambda prompt, _: with_system(prompt, attribute)

        def summed(turns: Callable[[str, int], Turns], shown: Progress = shown) -> np.ndarray:
            made = [turns(prompt, row) for row, prompt in enumerate(answers.prompts)]
            spelt = speller.conversations(made, responses)
            return response_losses(engine, spelt, shown)

        return Losses(
            tokens=np.array([len(ids) + 1 for ids in responses]),
            plain=summed(lambda prompt, _: plain(prompt)),
            neutral=summed(asking(None)),
            system=np.column_stack([summed(asking(name)) for name in attributes]),
            line_right=summed(lambda prompt, row: with_line(prompt, [attributes[right[row]]])),
            line_wrong=summed(lambda prompt, row: with_line(prompt, [attributes[wrong[row]]])),
        )


def _ordered(
    answers: Answers, rewards: np.ndarray, attributes: Sequence[str], parameters: StyleLMParameters
) -> dict[str, Any]:
    """Share of pairs of responses to one prompt that log p(y|attribute) - log p(y|neutral) orders as the score does.

    ``rewards`` (N, A). Pairs whose scores are equal do not count.
    """
    one, other = _pairs(answers.groups)
    prompts = Resampling(answers.groups[one], parameters.seed)
    gap = answers.scores[one] - answers.scores[other]  # (P, A)
    agree = (gap * (rewards[one] - rewards[other]) > 0).astype(float)
    counted = (np.abs(gap) > 1e-9).astype(float)
    by_attribute = {
        name: prompts.mean(agree[:, place] * counted[:, place], counted[:, place])
        for place, name in enumerate(attributes)
    }
    return {"all": prompts.mean((agree * counted).sum(1), counted.sum(1)), **by_attribute}


def _pairs(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of every two responses to one prompt."""
    one, other = np.triu_indices(len(groups), 1)
    same = groups[one] == groups[other]
    return one[same], other[same]
