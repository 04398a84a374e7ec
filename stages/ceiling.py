"""Stage ceiling: the best that is possible on a dataset whose truth is known, or whose users rated items."""

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.backbones import open_states
from prefactor.evaluation.ceiling import ceiling_rows, read_truth
from prefactor.evaluation.results import write_results
from prefactor.parameters import build, load_parameters, section
from stages.evaluate import leakage_rule
from stages.running import run
from stages.trainings import EvaluationParameters, run_parameters


def ceiling(dataset: str, backbone: str) -> None:
    """Judge the oracle: with true scores and with scores regressed from the states, or with true ratings."""
    run_parameters()
    shots = build(EvaluationParameters, section(load_parameters(), "evaluation"), "evaluation").shots
    truth, split = read_truth(layout.prepared(dataset)), layout.split(dataset)
    identity = {"dataset": dataset, "protocol": leakage_rule(split), "backbone": backbone}
    rows = ceiling_rows(truth, split, open_states(layout.states(dataset, backbone)), identity, shots)
    with atomic_folder(layout.ceiling(dataset, backbone)) as scratch:
        write_results(rows, scratch / "results.parquet")


if __name__ == "__main__":
    run(ceiling)
