"""What an adapter is made of, and how it is trained."""

from dataclasses import dataclass

from prefactor.tuning.parameters import ALL_LINEAR


@dataclass(frozen=True)
class AdapterParameters:
    """One user's adapter and its training: AdamW, the learning rate falling linearly to 0.

    rank, alpha    of the adapters, whose product is scaled by alpha / rank
    dropout        of what the adapters read, while training
    targets        the layers that have an adapter, by the ends of their names, or all linear ones but the head
    epochs         passes over the user's pairs
    learning_rate  at the first step
    batch_size     pairs of a step
    max_tokens     longest text; None for the model's own limit. A longer one loses the start of its prompt
    seed           of the adapters' start and the order of pairs, the same for every user

    The defaults of rank, alpha and epochs are Drift's (Table 6), who do not name the rest. EXACT (C.1.3): rank 16,
    alpha 32, dropout 0.05, 3 epochs, learning rate 1e-4, batches of 8, 1,024 tokens. Theirs are language models of
    billions of weights; the other defaults are our own, for one of a million, and not shown to be the best. What is
    run is in params.yaml, section generation.adapters.
    """

    rank: int = 8
    alpha: float = 32.0
    dropout: float = 0.0
    targets: str | tuple[str, ...] = ALL_LINEAR
    epochs: int = 5
    learning_rate: float = 4e-3
    batch_size: int = 4
    max_tokens: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch_size", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not self.alpha > 0:
            raise ValueError(f"alpha must be positive, got {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be a share below 1, got {self.dropout}")
        if not self.learning_rate >= 0:
            raise ValueError(f"learning_rate must not be negative, got {self.learning_rate}")
        if isinstance(self.targets, str) and self.targets != ALL_LINEAR:
            raise ValueError(f"targets must be {ALL_LINEAR!r} or a list of names, got {self.targets!r}")


@dataclass(frozen=True)
class DpoParameters(AdapterParameters):
    """The same for DPO, with defaults of our own for fewer steps: a text costs more, since its head judges every token.

    beta  how much the policy's distance from the language model costs, per nat; DPO's own experiments take 0.1, and
          neither Drift nor EXACT names theirs
    """

    epochs: int = 2
    learning_rate: float = 1e-3
    batch_size: int = 2
    beta: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta > 0:
            raise ValueError(f"beta must be positive, got {self.beta}")
