"""How the backbone under a reward is trained; everything else about the training is in ``TrainingParameters``."""

from dataclasses import dataclass
from typing import Literal

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class BackboneTuning:
    """Which of the backbone's weights move, how fast, and what that may cost in memory.

    Epochs, users of a step, warmup, clipping, validations and the method's own learning rate and weight decay are
    the training's, as for a frozen backbone.

    mode                    ``full``: all weights that states depend on; ``lora``: adapters of low rank beside the
                            linear layers (Hu et al. 2022), the weights themselves at rest; ``frozen``: none
    rank, alpha             of the adapters, whose product is scaled by alpha / rank
    targets                 the layers that have an adapter, by the ends of their names, or all linear ones
    learning_rate           peak of the backbone's cosine schedule
    weight_decay            AdamW's; None is the training's
    accumulation            batches of ``episodes.users_per_step`` users to an optimiser step
    compute_dtype           of the forward and backward pass. Weights that move are kept, and moved, in float32
    gradient_checkpointing  activations of a layer are computed anew in the backward pass instead of kept
    tokens_per_chunk        unique tokens that are in memory with their activations at once; None: the backbone's
                            ``tokens_per_batch``. It changes memory and time, never a gradient
    processes               that share a step's users, each with a device of its own; accelerate's launcher starts them
    checkpoint_every        steps between checkpoints, beside one at every validation; what a kill can lose
    """

    mode: Literal["frozen", "lora", "full"] = "lora"
    rank: int = 16
    alpha: float = 32.0
    targets: str | tuple[str, ...] = ALL_LINEAR
    learning_rate: float = 2e-5
    weight_decay: float | None = None
    accumulation: int = 1
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    tokens_per_chunk: int | None = None
    processes: int = 1
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        for name in ("rank", "accumulation", "tokens_per_chunk", "processes", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.alpha <= 0:
            raise ValueError(f"alpha must be positive, got {self.alpha}")
        if self.learning_rate < 0:
            raise ValueError(f"learning_rate must not be negative, got {self.learning_rate}: 0 keeps the backbone")
        if isinstance(self.targets, str) and self.targets != ALL_LINEAR:
            raise ValueError(f"targets must be {ALL_LINEAR!r} or a list of names, got {self.targets!r}")
