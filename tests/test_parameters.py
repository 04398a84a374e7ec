"""params.yaml to frozen dataclasses: what is wrong is named with its key, its value and the nearest known key."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from prefactor.errors import InputError
from prefactor.parameters import as_dict, build, load_parameters, nearest, section


@dataclass(frozen=True)
class Inner:
    width: int = 4
    form: Literal["linear", "mlp"] = "linear"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise InputError(f"K must be positive, not {self.width}")


@dataclass(frozen=True)
class Outer:
    rate: float
    inner: Inner = field(default_factory=Inner)
    optional: Inner | None = None
    several: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = field(default_factory=dict)


def complaint(values: object) -> str:
    with pytest.raises(InputError) as caught:
        build(Outer, values, "methods.vrf")  # type: ignore[arg-type]
    return str(caught.value)


def test_nested_values_arrive_frozen_and_typed() -> None:
    built = build(Outer, {"rate": 1, "inner": {"width": 8}, "optional": None, "several": [{"form": "mlp"}]}, "x")
    assert built == Outer(1.0, Inner(8), None, (Inner(form="mlp"),))
    assert isinstance(built.rate, float)
    with pytest.raises(FrozenInstanceError):
        built.rate = 2.0  # type: ignore[misc]


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("rate: 1e-3\n")
    values = load_parameters(tmp_path / "params.yaml")
    assert values == {"rate": "1e-3"}, "YAML 1.1 wants a dot: that is why build converts"
    assert build(Outer, values, "x").rate == 0.001


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"rate": 1, "inner": {"widht": 3}}, "methods.vrf.inner"),
        ({"rate": 1, "optional": {"widht": 3}}, "methods.vrf.optional"),
        ({"rate": 1, "several": [{}, {"widht": 3}]}, "methods.vrf.several.1"),
        ({"rate": 1, "named": {"a": {"widht": 3}}}, "methods.vrf.named.a"),
    ],
)
def test_unknown_keys_are_found_at_every_depth(values: dict[str, object], place: str) -> None:
    assert complaint(values) == f"{place}: unknown key 'widht'; did you mean 'width'?"


def test_unknown_keys_far_from_all_list_the_known() -> None:
    message = complaint({"zzz": 1})
    assert message == "methods.vrf: unknown key 'zzz'; known keys: inner, named, optional, rate, several"


def test_wrong_values_name_key_and_value() -> None:
    assert complaint({}) == "methods.vrf.rate: field required"
    assert "methods.vrf.rate: input should be a valid number" in complaint({"rate": "fast"})
    assert complaint({"rate": "fast"}).endswith("got 'fast'")
    assert "methods.vrf.inner.form" in complaint({"rate": 1, "inner": {"form": "cubic"}})
    assert complaint({"rate": 1, "inner": {"width": 0}}) == "methods.vrf.inner: K must be positive, not 0"


@pytest.mark.parametrize("values", [[1], "text", 3])
def test_a_section_that_is_no_mapping_is_refused(values: object) -> None:
    assert complaint(values) == f"methods.vrf must be a mapping of keys to values, but is {values!r}"


def test_no_section_means_the_defaults() -> None:
    assert build(Inner, None, "x") == Inner()


def test_as_dict_and_build_are_inverse() -> None:
    built = Outer(0.5, Inner(2, "mlp"), Inner(), (Inner(3),), {"a": Inner(9)})
    assert build(Outer, as_dict(built), "x") == built


def test_section_follows_dots_and_names_what_is_missing() -> None:
    values = {"methods": {"vrf": {"width": 3}}, "threads": 2, "name": "abc"}
    assert section(values, "methods.vrf.width") == 3
    for key, message in [
        ("method", "params.yaml has no key 'method'; did you mean 'methods'?"),
        ("methods.vrv", "methods has no key 'vrv'; did you mean 'vrf'?"),
        ("threads.count", "threads has no key 'count'"),
        ("name.a", "name has no key 'a'"),
    ]:
        with pytest.raises(InputError) as caught:
            section(values, key)
        assert str(caught.value) == message


def test_nearest_of_nothing_says_nothing() -> None:
    assert nearest("a", []) == ""
    assert nearest("vfr", ["vrf", "bt"], "methods") == "; did you mean 'vrf'?"
    assert nearest("xyz", ["vrf", "bt"], "methods") == "; known methods: bt, vrf"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: [1", "is not valid YAML"),
        (b"- 1", "must hold a mapping"),
        (b"", "must hold a mapping"),
        (b"a: \xff", "is not valid UTF-8 at byte 3"),
    ],
)
def test_bad_parameter_files(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        load_parameters(path)


def test_missing_parameter_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"params.yaml does not exist: run from the project's root"):
        load_parameters(tmp_path / "params.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_parameters(tmp_path)
