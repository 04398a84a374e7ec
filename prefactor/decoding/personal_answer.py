"""One answer for one user, and what there is to say about it: what it is worth to them, and what is behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from prefactor import layout
from prefactor.decoding.basis_labels import basis_names
from prefactor.decoding.best_of_n import best_of_n
from prefactor.decoding.candidates import Candidates
from prefactor.decoding.parameters import ARGS, BASE, BEST_OF_N, DRIFT, EXACT, reward_of
from prefactor.decoding.question import Question, check_question
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.sampling import Written
from prefactor.decoding.verdict import Verdict, verdict_on
from prefactor.decoding.wishes import read_wishes
from prefactor.decoding.workshop import Workshop
from prefactor.decoding.writers import Answer, ArgsWriter, Requests, Writer
from prefactor.errors import InputError

USUAL_REWARD = "vrf"


@dataclass(frozen=True)
class Candidate:
    """A text that Best-of-N chose from: its reward against the mean of all, and the reward's deviation, in logits."""

    text: str
    reward: float
    std: float
    chosen: bool


@dataclass(frozen=True)
class PersonalAnswer:
    """A text, and what there is to say about it.

    about       what is behind it, as its writer has it: attributes, pairs, entropies
    candidates  of Best-of-N, without the ``empty`` ones
    base        what the language model writes for everyone, with the same draws
    verdict     what the answer is worth beside ``base``; None where no reward model can say, and ``unjudged`` why
    wished      whether a user set the weights that the verdict goes by
    pairs       that are known of the user, who has this ``role`` in the split
    """

    written: Written
    about: Mapping[str, Any]
    candidates: Sequence[Candidate]
    empty: int
    base: Written
    verdict: Verdict | None
    unjudged: str
    wished: bool
    pairs: int
    role: str


def personal_answer(workshop: Workshop, question: Question) -> PersonalAnswer:
    """Answer a question for the workshop's one user; where nothing is known of them, the prior answers.

    Raises InputError as ``check_question`` and ``read_wishes`` do, and for what the method needs and the project has
    not.
    """
    desk = _Desk(workshop, question)
    check_question(question, workshop)
    answer, candidates = desk.chosen() if question.chooses else (desk.written(), [])
    verdict, unjudged = desk.verdict(answer.written.text)
    return PersonalAnswer(
        written=answer.written,
        about=answer.about,
        candidates=candidates,
        empty=len(desk.several) - len(candidates) if question.chooses else 0,
        base=desk.base,
        verdict=verdict,
        unjudged=unjudged,
        wished=desk.wished(verdict),
        pairs=len(workshop.people.known),
        role=workshop.people.cohort.role,
    )


class _Desk:
    """Where a question is answered: what several steps need is made once."""

    def __init__(self, workshop: Workshop, question: Question) -> None:
        self._workshop, self._question = workshop, question
        self._method, self._reward = question.method, reward_of(question.method)
        self._wishes = read_wishes(question.weights, question.method, workshop.library.names)
        self._known: dict[str, PersonalRewards] = {}

    def written(self) -> Answer:
        """What the method writes."""
        return Answer(self.base) if self._method == BASE else self._writer(self._method)(self._requests)[0]

    def chosen(self) -> tuple[Answer, list[Candidate]]:
        """The best of several texts, and all of them; an empty one only where there are no others."""
        rewards = self._rewards(str(self._reward))
        filled = [one for one in self.several if one.written.text.strip()] or self.several
        texts, prompts = [one.written.text for one in filled], [self._question.prompt] * len(filled)
        user, request = torch.tensor([0]), torch.tensor([0] * len(filled))
        read = rewards.read(prompts, texts)
        judged = rewards.among(read, user, request)
        sets = Candidates(user, prompts[:1], texts, request)
        best = int(best_of_n(rewards, sets, self._workshop.parameters.candidates.lower, read).rows)
        values = zip(texts, judged.mean.tolist(), judged.std.tolist(), strict=True)
        return filled[best], [Candidate(*value, chosen=row == best) for row, value in enumerate(values)]

    @cached_property
    def several(self) -> list[Answer]:
        """The texts that Best-of-N chooses from."""
        number = self._question.samples or self._workshop.parameters.candidates.n
        writer = self._writer(BASE if self._method.startswith(BEST_OF_N) else EXACT)
        return writer(self._requests.repeated(number))

    @cached_property
    def base(self) -> Written:
        """The base model's answer: the first of the texts that Best-of-N has of it."""
        if self._method.startswith(BEST_OF_N):
            return self.several[0].written
        return self._writer(BASE)(self._requests)[0].written

    def verdict(self, text: str) -> tuple[Verdict | None, str]:
        """What the answer is worth; or why nobody can say, unless a reward model was asked for by name."""
        name = self._question.reward or USUAL_REWARD
        try:
            rewards = self._rewards(name)
        except InputError as error:
            if self._question.reward is not None:
                raise
            return None, str(error)
        return verdict_on(text, self.base.text, self._question.prompt, rewards, names=self._names(name)), ""

    def wished(self, verdict: Verdict | None) -> bool:
        """Whether a user set the weights that a verdict goes by."""
        return self._wishes.bases is not None and verdict is not None and verdict.model == self._reward

    @cached_property
    def _requests(self) -> Requests:
        seed = self._workshop.parameters.seed if self._question.seed is None else self._question.seed
        return Requests.once(np.zeros(1, dtype=np.int64), [self._question.prompt], seed)

    def _writer(self, method: str) -> Writer:
        """Who writes, told what the user wishes."""
        workshop, wished = self._workshop, self._wishes.attributes
        if wished is not None and method == DRIFT:
            return workshop.steered(wished.numpy()[np.newaxis], metered=True)
        if wished is not None and method.startswith(EXACT):
            return workshop.lined(self._wishes.line(workshop.library.names, workshop.parameters.exact.k))
        if self._reward is not None and method.startswith(ARGS):
            sampling, parameters = workshop.parameters.sampling, workshop.parameters.args
            return ArgsWriter(workshop.speaker, self._rewards(self._reward), sampling, parameters)
        return workshop.writer(method, metered=not self._question.chooses)

    def _rewards(self, name: str) -> PersonalRewards:
        """A reward model of the run; the method's own has the weights that the user wishes."""
        if name not in self._known:
            rewards = self._workshop.rewards(name)
            self._known[name] = self._wishes.weighed(rewards) if name == self._reward else rewards
        return self._known[name]

    def _names(self, reward: str) -> Mapping[int, str]:
        """What the bases are called of the model that was portrayed, which is a VRF."""
        workshop = self._workshop
        training = workshop.training(reward)
        portrait = workshop.root / layout.portrait(workshop.dataset, workshop.reading)
        return basis_names(portrait, training.best_seed, training.run) if reward == USUAL_REWARD else {}
