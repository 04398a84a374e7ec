"""Parameters as people read them."""

from prefactor.reporting.facts import flat


def test_parameters_are_dotted_and_those_of_a_list_of_sections_have_its_numbers() -> None:
    values = {"users": 1000, "model": {"form": None, "shots": [1, 3], "choices": [{}, {"network": {"form": "mlp"}}]}}
    assert flat(values) == [
        ("users", "1,000"),
        ("model.form", "None"),
        ("model.shots", "[1, 3]"),
        ("model.choices.1.network.form", "mlp"),
    ]
