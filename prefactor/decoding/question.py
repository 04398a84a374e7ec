"""What is asked for one user, and what can be said against it before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor import layout
from prefactor.decoding.conditions import PLAIN, Condition, contrastive, named
from prefactor.decoding.parameters import BEST_OF_N, DRIFT, EXACT, EXACT_BEST_OF_N, reward_of
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.workshop import Workshop
from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.parameters import nearest
from prefactor.reading import read_object


@dataclass(frozen=True)
class Question:
    """A prompt and how it is answered.

    method   who writes, as in ``generation.methods``
    weights  in place of inferred ones, see ``wishes``
    samples  texts that Best-of-N chooses from; None for ``generation.candidates.n``
    seed     of all draws; None for ``generation.seed``
    reward   the model that judges the answer; None for VRF, if the run has one
    """

    prompt: str
    method: str = DRIFT
    weights: str | None = None
    samples: int | None = None
    seed: int | None = None
    reward: str | None = None

    @property
    def chooses(self) -> bool:
        """Whether the method chooses among several texts."""
        return self.method.startswith((BEST_OF_N, EXACT_BEST_OF_N))


def check_question(question: Question, workshop: Workshop) -> None:
    """Raise InputError for what can never be answered.

    That is an unknown method, a reward model that is unknown or untrained, samples that the method does not take, and a
    prompt that the dataset would not have, or that the language model cannot read with all that is around it.
    """
    for name in (reward_of(question.method), question.reward):
        if name is not None and name not in METHODS:
            raise InputError(f"unknown reward model {name!r}{nearest(name, METHODS, 'reward models')}")
        if name is not None:
            workshop.training(name)  # raises where there is none
    if question.samples is not None and not question.chooses:
        raise InputError(f"--samples is for Best-of-N, and {question.method} writes one text: leave it out")
    prepared = workshop.root / layout.prepared(workshop.dataset)
    if not question.prompt.strip() and not read_object(prepared / "source.json").get("empty_prompts", False):
        raise InputError(f"the prompt is empty, and {workshop.dataset} has no empty prompts: write one")
    for speaker, told in _readings(question.method, workshop):
        _check_length(question.prompt, speaker, told, workshop.parameters.sampling.max_new_tokens)


def _readings(method: str, workshop: Workshop) -> list[tuple[Speaker, list[Condition]]]:
    """Who reads the prompt, and what each is told beside it, at most."""
    library = workshop.library
    if method == DRIFT:
        return [(workshop.speaker, [PLAIN]), (workshop.small, contrastive(library))]
    if not method.startswith(EXACT):
        return [(workshop.speaker, [PLAIN])]
    by_length = sorted(range(len(library.names)), key=lambda number: len(library.names[number]))
    return [(workshop.speaker, [named(library, by_length[-workshop.parameters.exact.k :])])]


def _check_length(prompt: str, speaker: Speaker, told: Sequence[Condition], answer: int) -> None:
    around = max(len(ids) for ids in speaker.contexts(["?"] * len(told), told))
    tokens = around + len(speaker.tokenizer.backend_tokenizer.encode(prompt, add_special_tokens=False))
    if tokens + answer > speaker.max_tokens:
        raise InputError(
            f"the prompt has {tokens:,} tokens with what is around it, and {answer} may follow, but the model reads "
            f"{speaker.max_tokens:,}: shorten the prompt, or lower generation.sampling.max_new_tokens"
        )
