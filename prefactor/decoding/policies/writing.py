"""One task from its published files to the file of candidates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.loading import load_backbone
from prefactor.datasets.lamp.published import Published
from prefactor.decoding.policies.parameters import PolicyParameters
from prefactor.decoding.policies.sampler import Sampler
from prefactor.decoding.policies.shards import Shards, chosen_people, drawn
from prefactor.decoding.speaker import Speaker, load_speaker
from prefactor.parameters import as_dict

FORMAT = 2  # to be raised where the same parameters come to write other texts


def write_candidates(published: Published, parameters: PolicyParameters, output: Path) -> int:
    """Write the candidates of all policies to ``output``; queries that were too long for the model.

    A run that was killed goes on with the shard that it was at; a file that is there already, made from the same files
    with the same parameters, is left as it is. Raises InputError.
    """
    speaker = load_speaker(parameters.model)
    small = speaker if parameters.small is None else load_speaker(parameters.small)
    encoder = load_backbone(parameters.embeddings)
    sampler = Sampler(published.task, parameters, speaker, small, _embedder(encoder))
    shards = Shards(output, _made(published, parameters, speaker, small, encoder))
    if shards.is_done():
        return 0
    ids = drawn(published, parameters.people)
    total = sum(1 for _ in published.people()) if ids is None else len(ids)
    shards.fill(chosen_people(published, ids), total, parameters.people_at_once, sampler)
    return sampler.too_long


def _embedder(encoder: Backbone) -> Any:
    def embed(prompts: Sequence[str]) -> Tensor:
        return torch.from_numpy(encoder.encode(prompts, [""] * len(prompts)).states)

    return embed


def _made(
    published: Published, parameters: PolicyParameters, speaker: Speaker, small: Speaker, encoder: Backbone
) -> dict[str, Any]:
    """All that decides what is written."""
    chosen = as_dict(parameters)
    models = {"model": speaker.identity(), "small": small.identity(), "embeddings": encoder.identity()}
    return {
        "format": FORMAT,
        "task": published.task.name,
        "split": published.split,
        "questions_sha256": published.sha256,
        **models,
        "parameters": {name: chosen[name] for name in chosen if name not in models},
    }
