"""What a small language model is made of, and how it is trained."""

from dataclasses import dataclass, field
from typing import Literal

BYTES_AND_SPECIALS = 256 + 5  # tokens that every vocabulary holds


@dataclass(frozen=True)
class FormShares:
    """How often a training conversation takes each form.

    plain       the user's prompt and the response
    system      with a system prompt of one attribute that the response has
    attributes  with a last line of the prompt that names one to three of them
    neutral     of the conversations with a system prompt, the share whose system prompt names no attribute
    """

    plain: float = 0.2
    system: float = 0.4
    attributes: float = 0.4
    neutral: float = 0.2

    def __post_init__(self) -> None:
        shares = (self.plain, self.system, self.attributes)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"plain, system and attributes must be shares that add up to 1, got {shares}")
        if not 0 <= self.neutral <= 1:
            raise ValueError(f"neutral must be a share between 0 and 1, got {self.neutral}")


@dataclass(frozen=True)
class StyleLMParameters:
    """A small Qwen3 and its training.

    dataset           whose training prompts it reads; a dataset with scored candidates
    vocabulary        tokens, the 256 bytes and 5 special ones included
    hidden ... intermediate   sizes of the model, as Qwen3's configuration has them
    context           longest conversation in tokens
    epochs            passes over the training responses, each in a form drawn anew
    learning_rate     peak of the cosine schedule; ``warmup`` is the share of steps over which it rises linearly
    tokens_per_batch  conversations x longest of a batch
    prompt_weight     what a token of the user's prompt counts in the loss, against 1 for one of the response
    has, lacks        standardised scores: a response has an attribute above the first, and clearly lacks it below the
                      second
    report_prompts    held-out prompts whose responses the report reads; None for all
    compute_dtype     of the forward pass while training; the weights are float32 in any case
    """

    dataset: str
    seed: int = 0
    vocabulary: int = 4096
    hidden: int = 128
    layers: int = 3
    heads: int = 4
    kv_heads: int = 4
    head_dim: int = 32
    intermediate: int = 256
    context: int = 1024
    epochs: int = 3
    learning_rate: float = 6e-3
    warmup: float = 0.05
    weight_decay: float = 0.1
    gradient_norm: float = 1.0
    tokens_per_batch: int = 1024
    prompt_weight: float = 0.0
    has: float = 0.7
    lacks: float = -0.5
    forms: FormShares = field(default_factory=FormShares)
    report_prompts: int | None = 40
    compute_dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        self._check_sizes()
        if self.learning_rate <= 0 or self.gradient_norm <= 0:
            raise ValueError(
                f"learning_rate and gradient_norm must be positive, got {self.learning_rate}, {self.gradient_norm}"
            )
        if not 0 <= self.warmup < 1 or self.weight_decay < 0 or self.prompt_weight < 0:
            raise ValueError("warmup must be in [0, 1), weight_decay and prompt_weight must not be negative")
        if self.has <= self.lacks:
            raise ValueError(f"has must be above lacks, got {self.has} and {self.lacks}")

    def _check_sizes(self) -> None:
        for name in ("hidden", "layers", "heads", "kv_heads", "head_dim", "intermediate", "context", "epochs"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.vocabulary < BYTES_AND_SPECIALS:
            raise ValueError(f"vocabulary must be at least {BYTES_AND_SPECIALS}, the bytes, got {self.vocabulary}")
        if self.heads % self.kv_heads or self.head_dim % 2:
            raise ValueError(
                f"heads must be a multiple of kv_heads and head_dim even, got {self.heads}, {self.kv_heads} and "
                f"{self.head_dim}"
            )
        if self.tokens_per_batch < 1 or (self.report_prompts is not None and self.report_prompts < 2):
            raise ValueError("tokens_per_batch must be at least 1 and report_prompts at least 2")
