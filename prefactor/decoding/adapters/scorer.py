"""Pairs predicted by an adapter of each user's own: trained on what is known of the user, asked, and freed."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
import torch

from prefactor.decoding.adapters import lora
from prefactor.decoding.adapters.examples import Examples, Reader, padding_for
from prefactor.decoding.adapters.parameters import AdapterParameters
from prefactor.decoding.adapters.scores import Scores
from prefactor.decoding.adapters.trainers import quiet
from prefactor.decoding.likelihoods import Texts
from prefactor.decoding.speaker import Speaker
from prefactor.errors import InputError
from prefactor.methods.base import Margin
from prefactor.parameters import as_dict
from prefactor.preferences import PairBatch, content_id
from prefactor.progress import progress

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

P = TypeVar("P", bound=AdapterParameters)
# Of what is kept: to be raised when code of this package, or the engine's, changes what is trained or how it scores,
# so that nothing of before is taken for it.
FORMAT = 1


class AdapterScorer(ABC, Generic[P]):
    """A scorer of pairs that trains an adapter for each user, beside the one language model of the speaker.

    Users are trained one after another: each is a run of an optimiser of its own, with its own order of pairs and its
    own steps, and nothing of a training is shared but the weights at rest. Side by side they would take as many tokens
    through the model, in a training loop that is not TRL's, and as many adapters in memory. Every user's training
    starts alike, so that it does not depend on the others.
    """

    name: ClassVar[str]
    task: ClassVar[str]

    def __init__(
        self, speaker: Speaker, texts: Texts, parameters: P, folder: Path | None = None, keep: bool = False
    ) -> None:
        """``texts`` are those that ``PairBatch.responses.text`` numbers.

        ``folder`` keeps each user's rewards as they come, so that a run that was killed goes on; with ``keep`` also the
        adapters, in ``<folder>/<number of the user>``.
        """
        if keep and folder is None:
            raise InputError("adapters are to be kept, but there is no folder for them: name one")
        self.speaker, self.parameters = speaker, parameters
        self._reader = Reader(speaker, texts, parameters.max_tokens)
        self._scores = Scores(None if folder is None else folder / "scores")
        self._kept = folder if keep else None

    def __call__(self, known: PairBatch, pairs: PairBatch) -> Margin:
        """Margins (N,) of ``pairs``, without variance, from what is ``known`` of the same users.

        0 for a user of whom nothing is known: there is nothing to train on, and the language model alone prefers none.
        Raises InputError where a training leaves no numbers.
        """
        mean = torch.zeros(len(pairs), dtype=torch.float64)
        with progress(self.name, pairs.n_users, "users") as shown:
            for user in range(pairs.n_users):
                mine = (pairs.segment == user).cpu()
                mean[mine] = torch.from_numpy(self._differences(known, _sides(pairs, user), user))
                shown.advance()
        mean = mean.to(pairs.segment.device)
        return Margin(mean, torch.zeros_like(mean))

    @contextmanager
    def adapted(self, known: PairBatch, user: int) -> Iterator["PeftModel"]:
        """The speaker's model with one user's adapter at work, trained now or kept from before.

        What the speaker says and writes meanwhile is the user's: ask no ``Likelihoods`` then, which would take it for
        the language model's own.
        """
        sides = _sides(known, user)
        if not len(sides):
            raise InputError(f"nothing is known of the user in row {user}: there is nothing to train an adapter on")
        with lora.restored(self.speaker.model):
            yield self._loaded(user, sides) or self._trained(user, sides)

    @abstractmethod
    def _shell(self) -> "PreTrainedModel":
        """What adapters are trained in, around the speaker's model."""

    @abstractmethod
    def _fit(self, config: "LoraConfig", examples: Examples, tokenizer: "PreTrainedTokenizerBase") -> "PeftModel":
        """Train on a user's pairs."""

    @abstractmethod
    def _rewards(self, model: "PeftModel", rows: np.ndarray) -> np.ndarray:
        """(N,) float64 rewards of the texts in ``rows`` (N,), in logits, by an adapted model."""

    def _differences(self, known: PairBatch, asked: np.ndarray, user: int) -> np.ndarray:
        """(n,) float64 differences of rewards between the texts (n, 2) of one user's pairs."""
        before = _sides(known, user)
        if not len(before) or not len(asked):
            return np.zeros(len(asked))
        rows, place = np.unique(asked, return_inverse=True)
        key = self._key(before, rows)
        rewards = self._scores.find(key, len(rows))
        if rewards is None or not self._as_kept(user, before):
            with self.adapted(known, user) as model:
                rewards = self._rewards(model, rows)
            if not np.isfinite(rewards).all():
                raise InputError(f"rewards of the user in row {user} are not finite: lower learning_rate")
            self._scores.keep(key, rewards)
        sides = rewards[place.reshape(asked.shape)]
        return sides[:, 0] - sides[:, 1]

    def _examples(self, sides: np.ndarray) -> Examples:
        """A user's pairs, texts (n, 2), to train on."""
        rows, place = np.unique(sides, return_inverse=True)
        tokens = self._reader(rows)
        chosen, rejected = place.reshape(sides.shape).T
        return Examples(tokens, chosen, rejected, padding_for(tokens, self.speaker.tokenizer.pad_token_id))

    def _trained(self, user: int, sides: np.ndarray) -> "PeftModel":
        examples = self._examples(sides)
        tokenizer = copy.deepcopy(self.speaker.tokenizer)  # a trainer changes its tokens
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(examples.padding)
        with self.speaker.with_cache():  # the attention of a whole batch, padded
            model = self._fit(self._config(), examples, tokenizer)
        if self._kept is not None:
            lora.save(model, self._kept / str(user), self._key(sides))
        return model

    def _loaded(self, user: int, sides: np.ndarray) -> "PeftModel | None":
        if self._kept is None or not self._as_kept(user, sides):
            return None
        with self.speaker.with_cache(), quiet():
            return lora.load(self._shell(), self._config(), self._kept / str(user))

    def _as_kept(self, user: int, sides: np.ndarray) -> bool:
        """Whether the adapter of these pairs is there, if adapters are to be kept."""
        return self._kept is None or lora.saved(self._kept / str(user), self._key(sides))

    def _config(self) -> "LoraConfig":
        return lora.lora(self.parameters, self.task)

    def _key(self, *rows: np.ndarray) -> str:
        """32 hex digits of all that an adapter depends on, and of what it is asked: texts' rows, one array each."""
        ids = self._reader.texts.text_ids
        about = {
            "format": FORMAT,
            "name": self.name,
            "model": self.speaker.identity(),
            "parameters": as_dict(self.parameters),
        }
        texts = [[ids[row] for row in part.ravel()] for part in rows]
        return content_id(json.dumps([about, texts], sort_keys=True))


def _sides(batch: PairBatch, user: int) -> np.ndarray:
    """(n, 2) rows of y+ and y- of one user's pairs in the table of texts."""
    mine = batch.segment == user
    return batch.responses.text[torch.stack([batch.chosen[mine], batch.rejected[mine]], 1)].cpu().numpy()
