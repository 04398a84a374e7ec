"""Stage split: seen and unseen users, reference and target pairs."""

from prefactor import layout, splitting
from prefactor.parameters import build, load_parameters, section
from stages.running import run


def split(dataset: str) -> None:
    """Split a dataset's pairs and say how many there are of each."""
    key = f"datasets.{dataset}.split"
    parameters = build(splitting.SplitParameters, section(load_parameters(), key), key)
    manifest = splitting.split(layout.prepared(dataset), layout.split(dataset), parameters)
    for role, parts in manifest["per_user"].items():
        figures = ", ".join(f"{figure['mean']:.1f} {part}" for part, figure in parts.items())
        print(f"{dataset}: {manifest['users'][role]} {role} users, pairs each: {figures}")


if __name__ == "__main__":
    run(split)
