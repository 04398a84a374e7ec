"""What the served model is asked and what it answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_REQUESTS = 256  # requests in one call
MAX_RESPONSES = 64  # candidates in one request: the comparison matrix grows with their square
MAX_REFERENCE = 256  # reference pairs in one request
MAX_CHARACTERS = 50_000  # of one text
MAX_TEXTS = 8_192  # candidates and reference responses in one call: bounds the memory of embedding them

KNOWN_USER, REFERENCE_PAIRS, PRIOR = "known user", "reference pairs", "prior"
UPDATED_USER = "known user updated with reference pairs"
ANSWERED_FROM = (KNOWN_USER, REFERENCE_PAIRS, UPDATED_USER, PRIOR)

# What a schema can say of the limits that `checking` holds a request to.
PROMPT: dict[str, Any] = {"maxLength": MAX_CHARACTERS}
TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS, "pattern": r"\S"}


class ReferencePair(BaseModel):
    """One preference of the user: ``chosen`` was preferred over ``rejected`` as a response to ``prompt``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: str = Field(description="the prompt that both responses answer, as a string", json_schema_extra=PROMPT)
    chosen: str = Field(description="the response that the user preferred, as a string", json_schema_extra=TEXT)
    rejected: str = Field(description="the response that the user did not prefer, as a string", json_schema_extra=TEXT)


class Request(BaseModel):
    """Rank ``responses`` to ``prompt`` for one user, known by ``user_id``, by ``reference`` pairs, or by both."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: str = Field(description="the prompt that the candidates answer, as a string", json_schema_extra=PROMPT)
    responses: list[str] = Field(
        description=f"1 to {MAX_RESPONSES} candidate responses, as a list of strings",
        json_schema_extra={"minItems": 1, "maxItems": MAX_RESPONSES, "items": TEXT},
    )
    user_id: str | None = Field(default=None, description="a user of the training data, as a string, or left out")
    reference: list[ReferencePair] | None = Field(
        default=None, description="preferences of the user, as a list of {prompt, chosen, rejected}, or left out"
    )


class Candidate(BaseModel):
    """The judgement of one response; candidates come back in the order they were sent.

    ``reward`` is in logits, minus the mean over the request's candidates: only differences of rewards mean
    anything. ``std`` is the standard deviation of that difference. ``rank`` is 1 for the highest reward.
    ``beats[j]`` is the probability that the user prefers this response to candidate j, 0.5 for itself.
    """

    response: str
    reward: float
    std: float
    rank: int
    beats: list[float]


class UserAnswer(BaseModel):
    """Whom the request was answered for.

    ``answered_from`` is one of ANSWERED_FROM. ``pairs`` counts the preferences that the user's posterior rests on;
    ``weights`` are the user's weights on the K bases. Uncertainty: ``spread``, the mean of sigma_u over the latent
    dimensions, and ``entropy`` of the weights in nats, from 0 (one basis) to log K (no idea).
    """

    answered_from: str
    pairs: int
    weights: list[float]
    spread: float
    entropy: float


class Answer(BaseModel):
    """The answer to one request; ``notes`` say what a reader should know before trusting it."""

    candidates: list[Candidate]
    user: UserAnswer
    notes: list[str]
