"""Which attributes a small language model is trained on: those of the library that a dataset's scorers measure."""

from collections.abc import Iterable
from functools import cache

from prefactor.attributes import AttributeLibrary, read_attributes
from prefactor.errors import InputError


@cache
def library() -> AttributeLibrary:
    """The attributes that come with the project."""
    return read_attributes()


def system_prompt(attribute: str | None) -> str:
    """The sentence that asks for one attribute; for None one that asks for nothing.

    Where it holds its attribute's name, as a line of attributes does, what is learnt of the one helps the other.
    """
    return library().base if attribute is None else library().prompts[attribute]


def check_known(names: Iterable[str], where: str) -> None:
    """Refuse attributes that have no system prompt."""
    if unknown := [name for name in names if name not in library().prompts]:
        raise InputError(
            f"{where}: no system prompt for {', '.join(unknown)}: add them to prefactor/attributes.yaml, or train on a "
            "dataset whose scorers are in it"
        )
