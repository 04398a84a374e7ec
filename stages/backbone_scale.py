"""Stage backbone-scale: accuracy and minutes of the run's fine-tuned backbones, side by side (VRF, Table 5)."""

from pathlib import Path

from prefactor import layout
from prefactor.atomic import atomic_folder, write_text
from prefactor.parameters import load_parameters, section
from prefactor.reporting.backbone_scale import scale_table, scale_text
from prefactor.trainings import find_trainings
from stages.running import run


def backbone_scale() -> None:
    """Write the table as CSV and as Markdown; without a row in a run that moves no backbone."""
    table = scale_table(find_trainings(Path(), section(load_parameters(), "run")))
    with atomic_folder(layout.backbone_scale()) as scratch:
        table.to_csv(scratch / "backbone_scale.csv", index=False, float_format="%.6g")
        write_text(scratch / "backbone_scale.md", scale_text(table))
    print(f"{len(table)} fine-tuned backbones")


if __name__ == "__main__":
    run(backbone_scale)
