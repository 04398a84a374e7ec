"""A study's parameters: the project's with its changes, ablations spelt out from what they ablate."""

import shutil
from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.evaluation.variants import variations
from prefactor.layout import Cell
from prefactor.methods import METHODS
from prefactor.parameters import as_dict, build, merged
from stages.study import spelt_out, study
from stages.trainings import MethodParameters, RunParameters

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "studies").glob("*/study.yaml"))


def written(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The parameters that a study writes."""
    (folder / "studies" / name).mkdir(parents=True)
    for file in ("params.yaml", f"studies/{name}/study.yaml"):
        shutil.copyfile(ROOT / file, folder / file)
    monkeypatch.chdir(folder)
    study(name)
    text = (folder / "studies" / name / "params.yaml").read_text()
    assert "&id" not in text and "like:" not in text
    return yaml.safe_load(text)


@pytest.mark.parametrize("name", STUDIES)
def test_every_variant_of_a_study_can_be_built(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = written(name, tmp_path, monkeypatch)
    run = build(RunParameters, parameters["run"], "run")
    assert set(run.datasets) <= set(parameters["datasets"])
    for method in run.methods:
        for variant in run.variants:
            found = build(MethodParameters, parameters["methods"][method][variant], variant)
            for choice in found.choices():
                build(METHODS[method].Parameters, choice.model, variant)


def test_every_ablation_differs_from_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = written("ablations", tmp_path, monkeypatch)
    project = yaml.safe_load((ROOT / "params.yaml").read_text())["methods"]["vrf"]
    variants = parameters["methods"]["vrf"]
    assert set(parameters["run"]["variants"]) == set(variants)
    own = {name: variants[name] for name in project}
    assert own["default"]["model"].pop("choices") == [] and project["default"]["model"].pop("choices")
    assert own == project
    assert len({yaml.safe_dump(variant) for variant in variants.values()}) == len(variants)


def test_every_ablation_is_held_against_what_it_ablates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = written("ablations", tmp_path, monkeypatch)["methods"]["vrf"]
    meant = yaml.safe_load((ROOT / "studies/ablations/study.yaml").read_text())["methods"]["vrf"]
    cells = {
        Cell("d", "b", "vrf", name): as_dict(build(MethodParameters, own, name)) for name, own in parameters.items()
    }
    found = {cell.variant: variation.base for cell, variation in variations(cells).items()}
    like = {name: variant["like"] for name, variant in meant.items() if "like" in variant}
    assert {name: found[name] for name in like} == like


def test_a_variant_like_another_has_its_changes_and_leaves_the_other_alone() -> None:
    first = {"model": {"basis": {"bases": 4}, "margin": 1.0}, "training": {"epochs": 3}}
    variants = {"other": {"like": "first", "model": {"basis": {"bases": 7}}}, "first": first}
    found = spelt_out(variants, "vrf")
    assert found["other"] == {"model": {"basis": {"bases": 7}, "margin": 1.0}, "training": {"epochs": 3}}
    assert found["first"] == first and first["model"]["basis"] == {"bases": 4}  # type: ignore[index]


@pytest.mark.parametrize("model", ["defualt", "other", "second"])
def test_a_variant_like_none_that_is_written_out_is_named(model: str) -> None:
    variants = {"default": {}, "second": {"like": "default"}, "other": {"like": model}}
    with pytest.raises(InputError, match=f"methods.vrf.other is like '{model}'"):
        spelt_out(variants, "vrf")


def test_mappings_merge_and_all_else_is_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 0}, {"a": {"c": [3]}, "e": {}}) == {
        "a": {"b": 1, "c": [3]},
        "d": 0,
        "e": {},
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    parameters = {"run": {"seeds": [0]}, "datasets": {"a": {"source": "x"}}, "methods": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters))
    return tmp_path


def test_a_study_has_its_own_data_only(project: Path) -> None:
    (project / "studies/mine/study.yaml").write_text(yaml.safe_dump({"datasets": {"b": {"source": "y"}}}))
    study("mine")
    found = yaml.safe_load((project / "studies/mine/params.yaml").read_text())
    assert found == {"run": {"seeds": [0]}, "datasets": {"b": {"source": "y"}}, "methods": {}}


def test_a_study_has_its_own_pseudonyms_only(project: Path) -> None:
    values = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump({**values, "pseudonyms": {"a": "KEY"}}))
    (project / "studies/mine/study.yaml").write_text(yaml.safe_dump({"datasets": {"b": {"source": "y"}}}))
    study("mine")
    assert yaml.safe_load((project / "studies/mine/params.yaml").read_text())["pseudonyms"] == {}


@pytest.mark.parametrize(
    ("written", "said"), [("evalution", "did you mean 'evaluation'"), ("dataset", "did you mean 'datasets'")]
)
def test_a_misspelt_section_is_refused_with_the_nearest(project: Path, written: str, said: str) -> None:
    (project / "studies/mine/study.yaml").write_text(yaml.safe_dump({written: {}}))
    with pytest.raises(InputError, match=f"studies/mine/study.yaml: unknown section '{written}'; {said}"):
        study("mine")
    assert not (project / "studies/mine/params.yaml").exists()


def test_an_unknown_study_is_refused_with_the_known_ones(project: Path) -> None:
    (project / "studies/mine/study.yaml").write_text("{}")
    with pytest.raises(InputError, match="no study 'yours': mine"):
        study("yours")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_the_projects_own_pipeline(name: str) -> None:
    for part in ("dvc.yaml", "stages", "prefactor"):
        assert (ROOT / "studies" / name / part).resolve() == ROOT / part


def test_the_final_block_is_touched_by_no_other_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rated items other people; of generated worlds other seeds; and joke splits that nobody chose by."""

    def touched(name: str) -> set[tuple[str, object, object]]:
        found = set()
        for dataset in written(name, tmp_path / name, monkeypatch)["datasets"].values():
            options = dataset["options"]
            found.add((dataset["source"], options.get("block", options.get("seed")), dataset["split"]["seed"]))
        return found

    final = touched("final")
    assert final == {("jester", "final", seed) for seed in (100, 101, 102)} | {
        ("stylebench", seed, seed) for seed in (101, 102, 103)
    }
    assert touched("diagnosis_final") < final
    assert {key[1] for key in touched("everyone")} == {"both"}  # after the final block, not before
    fresh = touched("fresh")
    assert fresh == {("stylebench", seed, seed) for seed in range(111, 118)}
    once = ("final", "diagnosis_final", "fresh", "everyone")
    others = set().union(*(touched(name) for name in STUDIES if name not in once))
    for block in (final, fresh):
        assert not {key[:2] for key in block} & {key[:2] for key in others}
        assert not {key[2] for key in block} & {key[2] for key in others}
