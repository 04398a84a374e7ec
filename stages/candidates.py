"""Stage candidates: texts that others choose among, the base model's and those in the styles of VRF's bases."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.decoding.basis_labels import most_used_styles
from prefactor.decoding.candidates import answer_table
from prefactor.decoding.conditions import Condition
from prefactor.decoding.people import Asked
from prefactor.decoding.workshop import Workshop
from prefactor.decoding.writers import Answer, PlainWriter, Requests
from prefactor.decoding.writers.plain import told
from prefactor.evaluation.generation.against_bt import CANDIDATES
from stages.running import run
from stages.workshops import asked_prompts, open_workshop


def candidates(model: str) -> None:
    """Write pool.parquet, several texts of the base model for every prompt, and styled.parquet, one for each style."""
    workshop = open_workshop(model)
    asked, pool = asked_prompts(workshop), workshop.parameters.candidates.pool
    with atomic_folder(layout.texts(model, "candidates")) as scratch:
        _pool(workshop, asked, pool).to_parquet(scratch / "pool.parquet", compression="zstd", index=False)
        _styled(workshop, asked).to_parquet(scratch / "styled.parquet", compression="zstd", index=False)


def _pool(workshop: Workshop, asked: Sequence[Asked], size: int) -> pd.DataFrame:
    """``size`` texts to choose among, samples 1 and up; sample 0 is the base model's own answer, which they face."""
    prompts, nobody = [one.prompt for one in asked], np.zeros(len(asked), dtype=np.int64)
    requests = Requests.once(nobody, prompts, workshop.parameters.seed).repeated(size + 1)
    answers = PlainWriter(workshop.speaker, workshop.parameters.sampling)(requests)
    return answer_table([one for one in asked for _ in range(size + 1)], answers).assign(sample=requests.samples)


def _styled(workshop: Workshop, asked: Sequence[Asked]) -> pd.DataFrame:
    """One answer for the label of each of the most used bases (VRF, appendix A.4), named in a line of the prompt."""
    labels = most_used_styles(layout.portrait(workshop.dataset, workshop.reading), CANDIDATES)
    rows = [one for one in asked for _ in labels]
    requests = Requests(
        np.zeros(len(rows), dtype=np.int64),
        [one.prompt for one in rows],
        np.tile(np.arange(len(labels)), len(asked)),
        workshop.parameters.seed,
    )
    conditions = [Condition(line=(label,)) for _ in asked for label in labels]
    written = told(workshop.speaker, workshop.parameters.sampling, requests, requests.prompts, conditions)
    table = answer_table(rows, [Answer(one) for one in written])
    return table.assign(sample=requests.samples, label=labels * len(asked))


if __name__ == "__main__":
    run(candidates)
