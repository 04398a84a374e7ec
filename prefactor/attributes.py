"""The attribute library: what a language model can be asked for by name, and the sentence that asks for it."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prefactor.errors import InputError
from prefactor.parameters import nearest

LIBRARY = Path(__file__).with_name("attributes.yaml")
BASE, PUBLISHED, OWN = "base", "published", "own"
SEPARATOR = ","  # between the names of a line
# Unicode categories: control characters, halves of a character, format characters, separators of lines and paragraphs
UNWRITABLE = ("Cc", "Cs", "Cf", "Zl", "Zp")


@dataclass(frozen=True)
class AttributeLibrary:
    """Attributes in the file's order.

    base       the system prompt that asks for nothing (s_0 of Drift)
    prompts    name -> the system prompt that asks for it (s_i)
    published  the names that Drift and EXACT have
    """

    base: str
    prompts: Mapping[str, str]
    published: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names; the base is none of them."""
        return tuple(self.prompts)

    def select(self, names: Iterable[str], where: str = "attributes") -> "AttributeLibrary":
        """The library of some names, in its own order. InputError, which names ``where``, for an unknown one."""
        wanted = list(names)
        for name in wanted:
            if name not in self.prompts:
                raise InputError(f"{where}: unknown attribute {name!r}{nearest(name, self.prompts, 'attributes')}")
        prompts = {name: prompt for name, prompt in self.prompts.items() if name in wanted}
        return AttributeLibrary(self.base, prompts, tuple(name for name in self.published if name in prompts))


def read_attributes(path: Path | None = None) -> AttributeLibrary:
    """The library in a YAML file, by default the one that comes with the project.

    Raises InputError, with the file and the entry, for anything that is not ``base`` and the mappings ``published``
    and ``own`` of names to sentences; for a name or sentence that is empty, given twice, longer than a line or holds a
    control or format character; and for a comma in a name, which would be two in a line of names.
    """
    path = LIBRARY if path is None else path
    values = _mapping(path)
    if unknown := sorted(set(values) - {BASE, PUBLISHED, OWN}):
        raise InputError(f"{path}: unknown key {unknown[0]!r}: use {BASE}, {PUBLISHED} and {OWN}")
    base = _sentence(values.get(BASE), f"{path}: {BASE}")
    published, own = (_entries(values.get(part), f"{path}: {part}") for part in (PUBLISHED, OWN))
    _check_unique([*published, *own], [base, *published.values(), *own.values()], path)
    return AttributeLibrary(base, {**published, **own}, tuple(published))


def with_attributes(prompt: str, names: Sequence[str]) -> str:
    """The user's prompt with a last line that names attributes, EXACT Eq. (8); as it is if there are none."""
    return f"{prompt}\nAttributes: {', '.join(names)}" if names else prompt


class _NoTwice(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML would keep the last and say nothing."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice: keep one", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoTwice)  # a safe loader
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a file of attributes") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not valid UTF-8 at byte {error.start}: save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no valid file of attributes: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold {BASE}, {PUBLISHED} and {OWN}, but holds {type(values).__name__}")
    return values


def _entries(values: Any, where: str) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{where} must be a mapping of names to sentences, but is {values!r}")
    for name in values:
        if not isinstance(name, str) or _is_unwritable(name) or SEPARATOR in name or name.strip() != name:
            raise InputError(f"{where}: {name!r} is no name: use a few words without commas or hidden characters")
    return {name: _sentence(sentence, f"{where}.{name}") for name, sentence in values.items()}


def _sentence(value: Any, where: str) -> str:
    if not isinstance(value, str) or _is_unwritable(value):
        raise InputError(f"{where} is {value!r}: write a sentence of one line without hidden characters")
    return value


def _is_unwritable(text: str) -> bool:
    return not text.strip() or any(unicodedata.category(sign) in UNWRITABLE for sign in text)


def _check_unique(names: Sequence[str], sentences: Sequence[str], path: Path) -> None:
    """Names differ in more than case, and no two attributes are asked for alike."""
    for what, values in (("name", [BASE, *names]), ("sentence", sentences)):
        seen: dict[str, str] = {}
        for value in values:
            if (folded := value.casefold()) in seen:
                raise InputError(f"{path}: {what} {value!r} is there twice, also as {seen[folded]!r}: keep one")
            seen[folded] = value
