"""Stage validate: the gate after prepare."""

from prefactor import layout, quality
from prefactor.errors import InputError
from prefactor.parameters import build, load_parameters, nearest, section
from stages.running import run


def validate(dataset: str) -> None:
    """Check the normalized tables; stop the pipeline if a suite fails."""
    values = load_parameters()
    parameters = build(quality.QualityParameters, section(values, "quality"), "quality")
    datasets = section(values, "datasets")
    for name in parameters.previous:  # the gate itself knows one dataset alone
        if name not in datasets:
            raise InputError(f"quality.previous: unknown dataset {name!r}{nearest(name, datasets, 'datasets')}")
    quality.validate_tables(layout.prepared(dataset), layout.data_docs(dataset, "tables"), parameters)


if __name__ == "__main__":
    run(validate)
