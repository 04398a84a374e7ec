"""Low-rank adapters beside a model's layers: put there, saved, read back, and taken away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from prefactor.atomic import atomic_folder, write_json
from prefactor.decoding.adapters.parameters import AdapterParameters
from prefactor.errors import InputError
from prefactor.reading import read_object

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel

WEIGHTS, ABOUT = "adapter_model.safetensors", "about.json"


def lora(parameters: AdapterParameters, task: str) -> "LoraConfig":
    """The adapters, in peft's words; ``task`` as peft names it. A reward model's head is trained with them."""
    from peft import LoraConfig, TaskType

    targets = parameters.targets if isinstance(parameters.targets, str) else list(parameters.targets)
    return LoraConfig(
        r=parameters.rank,
        lora_alpha=parameters.alpha,  # type: ignore[arg-type]  # a number is what it is divided by
        target_modules=targets,
        lora_dropout=parameters.dropout,
        task_type=TaskType(task),
    )


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Around the use of adapters: afterwards the model is without them, at rest and in evaluation mode, as before."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    try:
        yield
    finally:
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, BaseTunerLayer):
                    setattr(parent, name, child.get_base_layer())
        model.eval().requires_grad_(False)


def save(model: "PeftModel", folder: Path, key: str) -> None:
    """Write a model's adapter as peft reads it, whole or not at all; ``key`` says what it was trained on."""
    from peft import get_peft_model_state_dict

    config = model.active_peft_config
    config.base_model_name_or_path = None  # a path of the machine that it was trained on
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in get_peft_model_state_dict(model).items()}
    with atomic_folder(folder) as scratch:
        config.save_pretrained(str(scratch))
        save_file(tensors, scratch / WEIGHTS)
        write_json(scratch / ABOUT, {"key": key})


def saved(folder: Path, key: str) -> bool:
    """Whether the adapter of this key is there."""
    return (folder / ABOUT).is_file() and read_object(folder / ABOUT, f"remove {folder}").get("key") == key


def load(shell: "PreTrainedModel", config: "LoraConfig", folder: Path) -> "PeftModel":
    """A model with the adapter of a folder. Raises InputError where its file is damaged."""
    from peft import get_peft_model, set_peft_model_state_dict

    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"adapter {folder} is damaged ({error}): remove it to train it anew") from error
    model: Any = get_peft_model(shell, config)
    set_peft_model_state_dict(model, tensors)
    return model.eval()
