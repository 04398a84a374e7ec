"""Figures of a diagnosis as rows of the results."""

import pandas as pd

from prefactor.evaluation.results import RESULTS
from prefactor.evaluation.scaling.rows import scaling_rows, with_shots

IDENTITY = {"dataset": "d", "backbone": "b", "protocol": "global"}
MODELS = {"vrf/published": {"method": "vrf", "variant": "published", "run": "abc"}}


def test_every_figure_is_a_row_that_says_whose_it_is() -> None:
    same = {"value": 1.0, "ci_low": 0.0, "ci_high": 2.0, "resampled": "users", "n_users": 7, "n_items": None}
    figures = pd.DataFrame(
        [
            {"model": "vrf/published", "metric": "predicted_gain", "law": "published", "n": 8, **same},
            {"model": "vrf/published", "metric": "collapse_rate", "law": "", "n": None, **same},
            {"model": "oracle", "metric": "gain", "law": "", "n": 2, **same},
        ]
    ).assign(low_items=float("nan"), high_items=float("nan"))
    found = scaling_rows(with_shots({3: figures.astype({"n": "Int64"})}), IDENTITY, MODELS)
    assert [*found.columns] == RESULTS.names and set(found["shots"]) == {3} and set(found["seed"]) == {"all"}
    by_metric = found.set_index("metric")
    assert by_metric["setting"].to_dict() == {"predicted_gain": "law=published;n=8", "collapse_rate": "", "gain": "n=2"}
    assert by_metric.loc["predicted_gain", ["method", "variant", "run"]].tolist() == ["vrf", "published", "abc"]
    assert by_metric.loc["gain", ["method", "variant", "run"]].tolist() == ["oracle", "", ""]


def test_figures_of_all_pairs_and_of_few_are_told_apart() -> None:
    figures = {None: pd.DataFrame({"model": ["a", "b"]}), 3: pd.DataFrame({"model": ["a"]})}
    found = with_shots(figures)
    assert found["model"].tolist() == ["a", "b", "a"] and found.index.tolist() == [0, 1, 2]
    assert found["shots"].isna().tolist() == [True, True, False] and found["shots"][2] == 3
