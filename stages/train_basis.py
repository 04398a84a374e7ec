"""Stage train-basis: the first of a method's two training steps, where it has two."""

from prefactor.atomic import atomic_folder, write_json
from prefactor.layout import Cell, choice_folder, seed_folder
from prefactor.parameters import load_parameters, section
from stages.running import run


def train_basis(dataset: str, backbone: str, method: str, variant: str) -> None:
    """Fit the basis rewards for every seed and choice; a method of one step leaves a note that says so."""
    cell = Cell(dataset, backbone, method, variant)
    if section(load_parameters(), f"{cell.parameters}.basis_training") is not None:
        return _fit(cell)
    with atomic_folder(cell.bases) as scratch:
        write_json(scratch / "training.json", {"steps": f"none: {method} ({variant}) trains in one step"})


def _fit(cell: Cell) -> None:
    # Imported here because most methods have no first step, and torch alone takes seconds to load.
    from prefactor.methods.storage import save_model
    from prefactor.training import write_history
    from stages import trainings

    parameters = trainings.method_parameters(cell)
    cohorts = trainings.cell_cohorts(cell, trainings.cell_states(cell))
    history = []
    with atomic_folder(cell.bases) as scratch:
        for seed in trainings.run_parameters().seeds:
            for number, choice in enumerate(parameters.choices()):
                model = trainings.new_model(cell, choice, cohorts["seen"], seed)
                basis, trained = trainings.trained_basis(cell, choice, model, cohorts, seed, number)
                history += [{**row, "choice": number} for row in trained.history]
                save_model(basis, choice_folder(seed_folder(scratch, seed), number))
        write_history(scratch / "history.csv", history)


if __name__ == "__main__":
    run(train_basis)
