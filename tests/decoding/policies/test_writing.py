"""From published files to candidates: what was made from the same is left alone, all else is written anew."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prefactor.backbones.loading import BackboneParameters
from prefactor.datasets.lamp.candidates import read_candidates
from prefactor.datasets.lamp.published import find_published
from prefactor.decoding.policies.writing import write_candidates
from tests.datasets.lamp.small import TASKS, files
from tests.decoding.policies.made import parameters, writer_folder


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_written_for(tmp_path: Path, task: str) -> None:
    published, output = find_published(files() / task), tmp_path / "candidates.parquet"
    small = BackboneParameters(model=str(writer_folder()), pooling="mean", log_probabilities=False, device="cpu")
    chosen = parameters(policies=("base", "retrieved"), people=3, embeddings=small)
    left_out = write_candidates(published, chosen, output)
    found = read_candidates(output, "gold_utility")
    assert found.made["task"] == published.task.name and found.made["questions_sha256"] == published.sha256
    queries = found.rows[["user_id", "query_id"]].drop_duplicates()
    assert 3 <= len(queries) <= 3 * 3 - left_out
    before = pd.read_parquet(output)
    assert write_candidates(published, chosen, output) == 0
    write_candidates(published, replace(chosen, seed=1), output)
    after = pd.read_parquet(output)
    assert not before["response"].equals(after["response"])
