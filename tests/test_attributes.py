"""The attribute library, and what it refuses."""

from pathlib import Path

import pytest

from prefactor.attributes import read_attributes, with_attributes
from prefactor.datasets.stylebench.scorers import SCORERS
from prefactor.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "attributes.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_library_has_the_papers_names_and_every_style_of_stylebench():
    library = read_attributes()
    assert len(library.published) + 1 == 42  # with the base
    assert set(SCORERS) <= set(library.names)
    assert len({library.base, *library.prompts.values()}) == len(library.names) + 1


def test_names_of_ones_own_follow_the_published_ones(tmp_path):
    library = read_attributes(written(tmp_path, "base: Be.\nown: {rude: Be rude.}\npublished: {kind: Be kind.}\n"))
    assert library.names == ("kind", "rude")
    assert library.published == ("kind",)
    assert library.select(["rude"]).prompts == {"rude": "Be rude."}
    assert library.select(["rude", "kind"]).names == ("kind", "rude")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"generation\.attributes: unknown attribute 'concis'.*concise"):
        read_attributes().select(["concis"], "generation.attributes")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("own: {kind: Be kind.}", "base is None"),
        ("base: Be.\nown: {kind: Be kind., kind: Be very kind.}", "'kind' is given twice"),
        ("base: Be.\nown: {kind: Be kind.}\npublished: {Kind: Be very kind.}", "name 'kind' is there twice"),
        ("base: Be.\nown: {kind: Be kind., good: be kind.}", "sentence 'be kind.' is there twice"),
        ("base: Be.\nown: {kind: be.}", "sentence 'be.' is there twice"),
        ("base: Be.\nown: {base: Be base.}", "name 'base' is there twice"),
        ("base: Be.\nown: {kind: ''}", "own.kind is ''"),
        ("base: Be.\nown: {kind: 7}", "own.kind is 7"),
        ('base: Be.\nown: {kind: "Be\\u0007 kind."}', "own.kind is"),
        ('base: Be.\nown: {kind: "Be\\nkind."}', "own.kind is"),
        ('base: Be.\nown: {" ": Be kind.}', "' ' is no name"),
        ('base: Be.\nown: {"kind, good": Be kind.}', "'kind, good' is no name"),
        ("base: Be.\nown: [kind]", "must be a mapping"),
        ("base: Be.\nmine: {kind: Be kind.}", "unknown key 'mine'"),
        ("- base", "must hold base"),
        ("base: [", "no valid file"),
    ],
)
def test_a_library_that_is_none_is_refused(tmp_path, text, told):
    with pytest.raises(InputError) as refused:
        read_attributes(written(tmp_path, text))
    assert told in str(refused.value)


@pytest.mark.parametrize("sign", ["\\u2028", "\\u2029", "\\u200b", "\\u202e", "\\u00ad", "\\U000E0041", "\\u0085"])
def test_what_hides_in_a_line_or_ends_it_is_refused(tmp_path, sign):
    for text, told in (
        (f'base: Be.\nown: {{kind: "Be{sign}kind."}}', "own.kind is"),
        (f'base: Be.\nown: {{"ki{sign}nd": Be kind.}}', "is no name"),
        (f'base: "Be{sign}."', "base is"),
    ):
        with pytest.raises(InputError) as refused:
            read_attributes(written(tmp_path, text))
        assert told in str(refused.value)
        assert str(refused.value).isprintable()


def test_a_library_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_attributes(tmp_path / "none.yaml")


def test_a_line_names_attributes_in_their_order():
    assert with_attributes("Why?", ["kind", "good"]) == "Why?\nAttributes: kind, good"


def test_a_line_without_attributes_is_left_out():
    assert with_attributes("Why?", []) == "Why?"
