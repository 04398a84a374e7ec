"""Stage win-rates: whose texts are better for a user than the base model's, and what choosing among more gains."""

import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.errors import InputError
from prefactor.evaluation.generation.judged import Judged
from prefactor.evaluation.generation.tables import write_about, write_table
from prefactor.evaluation.generation.verdicts import BASE
from prefactor.evaluation.results import in_schema
from prefactor.judging.gold import GoldUtility
from stages.running import run
from stages.workshops import generation_parameters, identity_of, open_workshop


def win_rates(model: str) -> None:
    """Judge every method's texts by the true tastes, and by a model behind an endpoint where one is named."""
    texts, workshop = _texts(model), open_workshop(model)
    candidates = layout.texts(model, "candidates")
    pool, styled = (pd.read_parquet(candidates / f"{name}.parquet") for name in ("pool", "styled"))
    gold = GoldUtility.find(layout.prepared(workshop.dataset))
    judged = Judged(workshop, texts, pool, styled, gold, layout.judgements())
    with atomic_folder(layout.generation(model) / "judged") as scratch:
        rows = [*judged.rows(identity_of(workshop))]
        write_table(scratch, "results", in_schema(pd.concat(rows, ignore_index=True)))
        write_table(scratch, "examples", judged.examples())
        if judged.scored is not None:
            judged.scored.to_parquet(scratch / "pools.parquet", compression="zstd", index=False)
        write_about(scratch, judged.about())


def _texts(model: str) -> pd.DataFrame:
    """All methods' texts; NaN seconds where none were written for it. InputError without the base model's."""
    methods = generation_parameters().methods
    if BASE not in methods:
        raise InputError(f"generation.methods lacks {BASE!r}, whose texts all others are held against: add it")
    folders = [layout.texts(model, method) for method in methods]
    return pd.concat([pd.read_parquet(folder / "texts.parquet") for folder in folders], ignore_index=True)


if __name__ == "__main__":
    run(win_rates)
