"""Stage signal: do users differ at all, as far as pairs of development can tell?"""

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import open_states
from prefactor.evaluation.signal import SignalParameters, headline, personal_signal, read_sides
from prefactor.parameters import build, load_parameters, section
from stages.running import run
from stages.trainings import run_parameters


def signal(dataset: str, backbone: str) -> None:
    """Test for a personal signal; write what was found, and the null distribution."""
    run_parameters()
    parameters = build(SignalParameters, section(load_parameters(), "signal"), "signal")
    states = open_states(layout.states(dataset, backbone))
    pairs, facts = read_sides(layout.split(dataset), states, parameters)
    found, null = personal_signal(pairs, parameters)
    findings = {"dataset": dataset, "backbone": backbone, **facts, **found}
    with atomic_folder(layout.signal(dataset, backbone)) as scratch:
        write_json(scratch / "result.json", findings)
        null.to_parquet(scratch / "null.parquet", compression="zstd", index=False)
    print(headline(findings))


if __name__ == "__main__":
    run(signal)
