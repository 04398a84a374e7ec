"""What the service is asked, beside ranking, and what it answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from prefactor.serving.requests import (
    MAX_REFERENCE,
    MAX_RESPONSES,
    Answer,
    Candidate,
    ReferencePair,
    Request,
    UserAnswer,
)

MAX_OBSERVED = MAX_REFERENCE  # pairs in one call
MAX_ID = 256  # characters of a user's id and of an idempotency key, which the store indexes
MAX_QUESTIONS = 64  # in one answer
MAX_SKIPPED = 1_024

CriterionName = Literal["information", "pref", "random"]
SIZES = {
    "responses": (1, MAX_RESPONSES, "candidates"),
    "reference": (0, MAX_REFERENCE, "pairs"),
    "pairs": (1, MAX_OBSERVED, "pairs"),
    "skip": (0, MAX_SKIPPED, "questions"),
}
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
ID: dict[str, Any] = {"minLength": 1, "maxLength": MAX_ID, "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}


class RankBody(Request):
    """Rank ``responses`` to ``prompt`` for one user, known by ``user_id``, by ``reference`` pairs, or by both."""

    user_id: str | None = Field(
        default=None,
        description="a user of the training data, or one whose pairs were observed, as a string, or left out",
        json_schema_extra=ID,
    )


class ObserveBody(BaseModel):
    """Add preferences of a user, in the order in which they were given.

    With a ``key``, a call whose answer was lost can be sent again: under the same key nothing is added twice.
    """

    model_config = STRICT

    user_id: str = Field(description="the user's id, as a string", json_schema_extra=ID)
    pairs: list[ReferencePair] = Field(
        description=f"1 to {MAX_OBSERVED} preferences of the user, as a list of {{prompt, chosen, rejected}}",
        json_schema_extra={"minItems": 1, "maxItems": MAX_OBSERVED},
    )
    key: str | None = Field(
        default=None, description="a name of your own for this call, as a string, or left out", json_schema_extra=ID
    )


class AskBody(BaseModel):
    """Which pair to show a user next: the pairs of the service's pool that would tell most about the user."""

    model_config = STRICT

    user_id: str | None = Field(
        default=None, description="the user's id, as a string, or left out for a stranger", json_schema_extra=ID
    )
    criterion: CriterionName = Field(default="information", description="information, pref or random, or left out")
    n: int = Field(
        default=1,
        ge=1,
        le=MAX_QUESTIONS,
        description=f"how many pairs, together most informative, as a whole number from 1 to {MAX_QUESTIONS}",
    )
    skip: list[str] | None = Field(
        default=None,
        description="questions not to be asked, such as those asked before, as a list of their names, or left out",
        json_schema_extra={"maxItems": MAX_SKIPPED},
    )


class Ranked(Answer):
    """Candidates ranked for one user, and which ``model`` did it."""

    model: str


class Observed(BaseModel):
    """Where the user stands after the pairs were added, or had been added before under the same key."""

    model: str
    user: UserAnswer


class Question(BaseModel):
    """Two responses to one prompt, for the user to choose from.

    ``score`` is the criterion's of this pair alone, null at random: by ``information`` the nats that the choice is
    expected to tell about which bases are the user's, by ``pref`` the variance of the margin.
    """

    question: str
    prompt: str
    first: str
    second: str
    score: float | None


class Asked(BaseModel):
    """The pairs to show next, best first; observe the user's choices one by one or together."""

    model: str
    criterion: CriterionName
    questions: list[Question]
    user: UserAnswer
    notes: list[str]


class Share(BaseModel):
    """A preference basis: the user's ``weight`` on it, and that of someone of whom nothing is known."""

    basis: int
    weight: float
    everyone: float


class Weight(BaseModel):
    """The user's weight on one output of phi, in logits per unit: ``mean`` and standard deviation ``std``."""

    mean: float
    std: float


class Doubt(BaseModel):
    """Where a candidate's ``std`` is from, as standard deviations whose squares add up to its square.

    ``bases``: which basis is the user's; ``within``: what a basis leaves open, which more pairs would tell.
    """

    bases: float
    within: float


class Explained(Candidate):
    """A candidate and what its reward is made of, all in logits against the mean over the candidates.

    ``bases[k]`` is basis k's part, the user's weight on it times the reward it would give alone; they and ``common``,
    the part that is the same for everyone, add up to ``reward``.
    """

    common: float
    bases: list[float]
    doubt: Doubt


class Explanation(BaseModel):
    """What the model knows of a user, and how that makes the rewards of some candidates.

    ``weights`` are empty where the model has none apart from the bases. ``reference`` has the probability that the
    model, having read them, gives to each choice of the request's reference pairs.
    """

    model: str
    user: UserAnswer
    bases: list[Share]
    weights: list[Weight]
    candidates: list[Explained]
    reference: list[float]
    notes: list[str]


class Forgotten(BaseModel):
    """``forgotten`` is false where nothing of the user was there, and they had been forgotten before."""

    forgotten: bool


class ModelCard(BaseModel):
    """The model that answers, and what it answers with."""

    model: str
    dataset: str | None
    method: str
    backbone: dict[str, str | int | None]
    bases: int
    known_users: int
    observes: bool
    questions: int
    empty_prompts: bool


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """Whether requests are answered, by which ``model``, its name and version, and what is amiss meanwhile.

    ``store`` is ``up``, ``down`` or ``none``, ``registry`` ``up``, ``down`` or ``none``; ``refused`` says which newer
    model is not served, ``preparing`` which one is being made ready, ``keys`` what is amiss with their file. The log
    has more.
    """

    ready: bool
    model: str
    store: Literal["up", "down", "none"]
    registry: Literal["up", "down", "none"]
    preparing: str | None
    refused: str | None
    keys: str | None


class Problem(BaseModel):
    """What was wrong and how to mend it. ``request`` finds the request in the service's log."""

    error: str
    request: str
