"""TRL's trainers, run in silence: nothing printed, reported, left behind, or changed for who draws at random next."""

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prefactor.decoding.adapters.examples import Examples
from prefactor.decoding.adapters.parameters import AdapterParameters
from prefactor.errors import InputError
from prefactor.seeds import mixed_seed

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEEDS = 1 << 32  # that NumPy takes


def fit(
    kind: Any,
    settings: Any,
    shell: "PreTrainedModel",
    config: "LoraConfig",
    examples: Examples,
    tokenizer: "PreTrainedTokenizerBase",
    parameters: AdapterParameters,
    **more: Any,
) -> "PeftModel":
    """Train fresh adapters beside a model's layers; the model with them, in evaluation mode.

    ``kind`` is one of TRL's trainers and ``settings`` its configuration's class, which takes ``more``. Raises
    InputError where targets have no place in the model, or where TRL would spread one user over several GPUs.
    """
    from datasets import Dataset
    from transformers import PrinterCallback

    _check_devices(shell.device)
    with TemporaryDirectory(prefix="adapter-") as folder, quiet(), _same_randomness():
        arguments = settings(**_arguments(parameters, shell, Path(folder)), **more)
        try:
            trainer = _silent(kind)(
                model=shell,
                args=arguments,
                data_collator=examples.batch,
                train_dataset=Dataset.from_dict(examples.rows()),
                processing_class=tokenizer,
                peft_config=config,
            )
        except ValueError as error:
            raise InputError(f"targets {parameters.targets!r} cannot be trained in this model: {error}") from error
        trainer.remove_callback(PrinterCallback)
        if examples.reference is not None:
            trainer.precompute_ref_logps = True  # they come with the batches: they are the same in every epoch
        trainer.train()
    return trainer.model.eval()


class _Silent:
    """What a trainer of TRL's does not do here."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """Texts are tokens already, cut where they are too long."""
        return dataset

    def _send_telemetry(self) -> None:
        """Nothing is told to anyone."""


def _silent(kind: Any) -> Any:
    """A trainer's class without those; AttributeError where it has not got them, so that a new TRL is not loud."""
    for name in ("_prepare_dataset", "_send_telemetry"):
        getattr(kind, name)
    return type(kind.__name__, (_Silent, kind), {})


def _arguments(parameters: AdapterParameters, shell: "PreTrainedModel", folder: Path) -> dict[str, Any]:
    """What both trainers are told. Nothing is saved: what a trainer saves holds a pickle."""
    return {
        "output_dir": str(folder),
        "num_train_epochs": parameters.epochs,
        "per_device_train_batch_size": parameters.batch_size,
        "learning_rate": parameters.learning_rate,
        "seed": mixed_seed(parameters.seed, "adapters", "training") % SEEDS,
        "disable_dropout": parameters.dropout == 0,
        "max_length": None,
        "use_cpu": shell.device.type == "cpu",
        "bf16": shell.dtype == torch.bfloat16,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _check_devices(device: torch.device) -> None:
    if device.type == "cuda" and torch.cuda.device_count() > 1:
        raise InputError(
            f"{torch.cuda.device_count()} GPUs are visible, but a user's adapter is trained on one: set "
            "CUDA_VISIBLE_DEVICES to one of them"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' and TRL's notes out of our log, and what they warn each other of."""
    loggers = [logging.getLogger(name) for name in ("transformers", "trl", "accelerate", "peft")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # transformers' new name for it is not yet TRL's and peft's.
            warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing` is deprecated", FutureWarning)
            # peft mends what it warns of: layers of GPT-2 hold their weights the other way round.
            warnings.filterwarnings("ignore", "fan_in_fan_out is set to False", UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Trainers seed what is everyone's: put it back."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
