"""How an attribute is asked for: by a system prompt of its own, or by a last line of the user's prompt."""

from collections.abc import Iterable, Sequence

from prefactor.errors import InputError

NEUTRAL = "You are an assistant."
# Each holds its attribute's name, as a line of attributes does: what is learnt of the one helps the other.
SYSTEM_PROMPTS = {
    "concise": "You are a concise assistant.",
    "formal": "You are a formal assistant.",
    "empathetic": "You are an empathetic assistant.",
    "structured": "You are a structured assistant.",
    "direct": "You are a direct assistant.",
    "illustrative": "You are an illustrative assistant.",
    "narrative": "You are a narrative assistant.",
    "inquiring": "You are an inquiring assistant.",
    "technical": "You are a technical assistant.",
    "enthusiastic": "You are an enthusiastic assistant.",
}


def system_prompt(attribute: str | None) -> str:
    """The sentence that asks for one attribute; for None one that asks for nothing."""
    return NEUTRAL if attribute is None else SYSTEM_PROMPTS[attribute]


def with_attributes(prompt: str, attributes: Sequence[str]) -> str:
    """The user's prompt with a last line that names attributes; as it is if there are none."""
    return f"{prompt}\nAttributes: {', '.join(attributes)}" if attributes else prompt


def check_known(names: Iterable[str], where: str) -> None:
    """Refuse attributes that have no system prompt."""
    if unknown := [name for name in names if name not in SYSTEM_PROMPTS]:
        raise InputError(
            f"{where}: no system prompt for {', '.join(unknown)}: a language model is trained on a dataset whose "
            f"scorers are among {', '.join(SYSTEM_PROMPTS)}"
        )
