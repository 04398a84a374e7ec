"""Forgetting somebody for whom a language model wrote: most of it does not say whose it is, so that all of it goes."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from prefactor import layout
from prefactor.forgetting.dvc_cache import Cached
from prefactor.forgetting.forgetting import forget
from prefactor.forgetting.journal import Finding
from prefactor.forgetting.look import Look
from prefactor.forgetting.steps import outdated
from prefactor.forgetting.traces import Traces
from prefactor.forgetting.workspace import workspaces
from tests.forgetting.project import WRITER, seen
from tests.forgetting.test_forgetting import assert_forgotten, belongings

GENERATED = ("data/judgements", "models/adapters", "reports/evaluation/scorers", "reports/generation", "reports/texts")


def likelihoods(root: Path) -> list[dict]:
    return [row for path in sorted((root / layout.likelihoods(WRITER)).glob("part-*")) for row in rows_of(path)]


def rows_of(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("role", ["unseen", "seen"])
def test_all_that_was_made_goes_and_others_log_probabilities_stay(root: Path, role: str) -> None:
    """Whoever is seen now may have been written for when the split was another."""
    user, before = seen(root, role)[0], likelihoods(root)
    report = forget(root, user, everywhere=True)
    assert_forgotten(root, user)
    assert not any((root / place).exists() for place in GENERATED) and not report.left
    others = [row for row in before if row["text_id"] not in belongings(user).texts]
    assert likelihoods(root) == others and 0 < len(others) < len(before)
    said = {removal.place: removal.what for _, removal in report.removals}
    assert said[root / layout.likelihoods(WRITER)] == f"{len(before) - len(others):,} log-probabilities of texts"


def test_a_small_models_log_probabilities_are_rewritten_and_what_a_killed_run_left_goes(root: Path) -> None:
    user, folder = seen(root)[0], root / layout.likelihoods(WRITER)
    shutil.copytree(folder, folder / "small")
    shutil.copy(folder / "part-00000.parquet", folder / ".part-00000.parquet.x1y2z3")
    forget(root, user, everywhere=True)
    assert_forgotten(root, user)
    small = sorted((folder / "small").glob("part-*"))
    assert [row for path in small for row in rows_of(path)] == likelihoods(root)
    assert not (folder / ".part-00000.parquet.x1y2z3").exists()


def test_who_is_in_texts_alone_is_forgotten_with_all_that_goes_with_them(root: Path) -> None:
    """Their owner took them out of the data, and nothing was written since."""
    user = "user-0000009"
    path = root / layout.texts(WRITER, "drift") / "texts.parquet"
    table = pq.read_table(path).to_pandas()
    table.assign(user_id=user).to_parquet(path)
    before = likelihoods(root)
    forget(root, user, everywhere=True)
    assert not any((root / place).exists() for place in GENERATED) and likelihoods(root) == before
    assert (root / "reports/evaluation/talks").exists() and (root / "reports/portrait/talks").exists()


def test_every_version_in_dvcs_cache_goes(root: Path) -> None:
    """Adapters and examples have no ids, so that nothing in them is found."""
    cache, outs = root / "cache", []
    shown = ("reports/texts/tiny/drift", "reports/generation/tiny/index.html", "models/adapters/tiny")
    paths = (*shown, "reports/evaluation/scorers/tiny", "reports/signal/talks/tiny")
    for path in paths:
        outs.append({"path": path, "md5": hashlib.md5(path.encode()).hexdigest()})
        object_ = cache / "files" / "md5" / outs[-1]["md5"][:2] / outs[-1]["md5"][2:]
        object_.parent.mkdir(parents=True)
        object_.write_text("numbers, and no id")
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"all": {"outs": outs}}}))
    look = Look(workspaces(root)[0], ["anna"], [], frozenset({"talks"}), Cached(root, cache))
    (removal,) = outdated(look, {"talks": Finding(Traces(users=frozenset({"anna"})))}, {}, ())
    removal.do()
    kept = [path.read_text() for path in cache.rglob("*") if path.is_file()]
    assert len(kept) == 1, "figures over all people stay"


@pytest.mark.parametrize(("judge", "named"), [(None, 0), ({"endpoint": {"url": "http://localhost:1"}}, 1)])
def test_a_judge_that_was_sent_texts_is_out_of_reach(root: Path, judge: dict | None, named: int) -> None:
    values = yaml.safe_load((root / "params.yaml").read_text())
    (root / "params.yaml").write_text(json.dumps({**values, "generation": {"judge": judge}}))
    report = forget(root, "anna", everywhere=True, dry_run=True)
    assert sum("generation.judge" in place for place in report.elsewhere) == named
