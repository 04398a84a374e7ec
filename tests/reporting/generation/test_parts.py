"""The other sections: each says what its figures say, and is left out where there are none."""

import pandas as pd
import pytest

from prefactor.reporting.generation.against_bt import against_bt_part
from prefactor.reporting.generation.attributes import chart_part, precision_part
from prefactor.reporting.generation.best_of_n import best_of_n_part
from prefactor.reporting.generation.budgets import budget_parts
from prefactor.reporting.generation.scorers import few_users_part, scorers_part
from prefactor.reporting.generation.selection import exhaustive_part, retrieval_part
from prefactor.reporting.generation.speed import entropy_part, speed_part
from tests.reporting.generation.made_up import measured, row

GAINS = {"drift": 0.4, "exact": 0.1}
NONE = measured(row("something_else", "drift", 1.0))


def test_what_there_is_no_figure_of_has_no_section() -> None:
    for part in (scorers_part, few_users_part, best_of_n_part, against_bt_part, exhaustive_part):
        assert part(NONE) is None
    assert precision_part(NONE, {}) is None
    assert retrieval_part(NONE) is None
    assert entropy_part(NONE) is None and budget_parts(NONE) == ()
    assert chart_part(pd.DataFrame({"user": [], "true": []})) is None and speed_part(pd.DataFrame()) is None


def test_scorers_by_known_pairs_without_what_other_sections_vary() -> None:
    rows = [row("accuracy", "drift", 0.5 + shots / 200, shots=shots) for shots in (5, 40)]
    rows += [row("accuracy", "exact", 0.52, shots=shots) for shots in (5, 40)]
    rows += [row("accuracy", "drift", 0.9, setting="m=3", shots=40)]
    rows += [row("accuracy_minus_drift", "exact", -0.2, shots=40)]
    rows += [row("accuracy_minus_drift", "drift", 0.3, setting="against=default;m=3", shots=40)]
    part = scorers_part(measured(*rows))
    assert [r.label for r in part.tables[0].table.rows] == ["Drift", "EXACT"] and len(part.panels) == 1
    assert [cell.text for cell in part.tables[0].table.rows[0].cells] == ["52.5", "70.0"]
    assert part.brief == (
        "Predicting choices of users known by 40 pairs: Drift above a coin; EXACT not told from a coin."
    )
    assert part.sentences[1] == (
        "User by user against Drift, known by 40 pairs: EXACT (−20.0 points [−25.0 to −15.0]) below it."
    )


def test_models_of_single_users_stand_beside_all_others_on_just_them() -> None:
    few = [row("accuracy", name, 0.6, setting="users=8", shots=40) for name in ("lora_reward", "vrf")]
    few += [row("accuracy_minus_vrf", "lora_reward", -0.1, setting="against=users=8;users=8", shots=40)]
    found = measured(row("accuracy", "vrf", 0.9, shots=40), *few)
    part, everybody = few_users_part(found), scorers_part(found)
    assert [r.label for r in part.tables[0].table.rows] == ["Reward · LoRA, per user", "VRF"]
    assert "the 8 users" in part.lead and "below it" in part.sentences[1] and not part.brief
    assert [r.label for r in everybody.tables[0].table.rows] == ["VRF"] and len(everybody.sentences) == 1


def test_best_of_n_is_held_against_a_blind_choice_and_bt() -> None:
    rows = [row("best_of_n_gain", name, gain, setting="n=8") for name, gain in (("vrf", 0.5), ("bt", 0.2))]
    rows += [row("best_of_n_gain", name, 0.9, 0.01, setting="n=8") for name in ("oracle",)]
    rows += [row("best_of_n_gain", name, 0, 0, setting=f"n={n}") for n in (1, 8) for name in ("random",)]
    rows += [row("best_of_n_gain_minus_bt", "vrf", 0.3, setting="n=8")]
    rows += [row("best_of_n_gain_minus_bt", "oracle", 0.7, setting="n=8")]
    part = best_of_n_part(measured(*rows))
    table = part.tables[0].table
    assert table.headings == ("N = 1", "N = 8") and [r.label for r in table.ceilings] == ["Oracle"]
    assert [r.label for r in table.rows] == ["VRF", "BT"]
    assert [cell.text for cell in table.rows[0].cells] == ["–", "+0.50"]
    assert part.brief == "Choosing among 8 candidates: VRF above BT's choice."
    assert part.sentences[0].startswith("Of 8 candidates: VRF (+0.50 sd [+0.45 to +0.55]) and BT")


def test_against_bt_by_group_with_both_ways_to_normalise() -> None:
    def rows(group: str, vrf: float, pal: float) -> list[dict[str, object]]:
        found = []
        for end, shift in (("", 0.0), ("_delta", -0.4), ("_relative", 0.6)):
            found += [row(f"win_rate_over_bt{end}", "vrf", vrf + shift, setting=f"known={group}")]
            found += [row(f"win_rate_over_bt{end}", "pal", pal + shift, setting=f"known={group}")]
        return [*found, row("win_rate_over_bt_minus_vrf", "pal", pal - vrf, setting=f"known={group}")]

    part = against_bt_part(measured(*rows("3-5", 0.5, 0.4), *rows("10", 0.7, 0.69)))
    assert part.tables[0].table.headings == ("|C| = 3–5", "|C| = 10") and len(part.tables) == 4
    assert part.sentences[0].startswith("At |C| = 3–5: VRF (50.0") and "PAL" in part.sentences[0]
    assert part.brief == "Choosing among styles: VRF above all other methods at |C| = 3–5."


def test_accuracy_against_m_and_k() -> None:
    rows = [row("accuracy", "drift", 0.5 + m / 100, setting=f"m={m}", shots=40) for m in (10, 1, 7)]
    rows += [row("accuracy", "exact", 0.6, setting="k=3", shots=40)]  # one value is no curve
    rows += [row("accuracy", "drift", 0.62, shots=40), row("accuracy", "drift", 0.6, shots=5)]
    rows += [row("accuracy_minus_drift", "drift", -0.03, setting="against=default;m=10", shots=40)]
    (part,) = budget_parts(measured(*rows))
    assert part.tables[0].table.headings == ("m = 1", "m = 7", "m = 10", "all")
    assert [r.label for r in part.tables[1].table.rows] == ["m = 10 minus all, known by 40 pairs"]
    assert "m = 7 as published" in part.note


def test_a_chart_of_users_shows_both_ends_and_marks_what_is_true() -> None:
    names = [f"a{number}" for number in range(20)]
    values = [(number - 9.5) / 10 for number in range(20)]
    table = pd.DataFrame({"user": 1, "attribute": names, "difference": values, "weight": 0.1, "true": None})
    table = pd.concat([table, table.assign(user=2, true=[name == "a19" for name in names])])
    part = chart_part(table)
    assert [panel.title for panel in part.panels] == ["User 1", "User 2"] and "Bold names" in part.note
    first, second = (str(panel.drawing) for panel in part.panels)
    assert ">a19<" in first and ">a0<" in first and ">a10<" not in first
    assert "font-weight" not in first and second.count("font-weight") == 1


def test_precision_above_chance() -> None:
    rows = [row("precision_at_k", "drift", 0.5, setting="k=3"), row("precision_at_k", "exact", 0.2, setting="k=3")]
    rows += [row("precision_at_k_chance", name, 0.1, 0, setting="k=3") for name in ("drift", "exact")]
    rows += [row("precision_at_k_above_chance", name, gain, 0.2, setting="k=3") for name, gain in GAINS.items()]
    part = precision_part(measured(*rows), {"attributes": 10, "attributes of the world": 10})
    assert "nobody can name an attribute that the world does not have" in part.note
    some = precision_part(measured(*rows), {"attributes": 41, "attributes of the world": 10})
    assert "41 attributes of the library 10 are scorers" in some.note
    assert precision_part(measured(*rows), {}).note.startswith("Intervals")
    assert part.brief == "True attributes among the first 3: Drift above chance; EXACT not told from chance."
    assert [r.label for r in part.tables[0].table.ceilings] == ["Chance, for Drift", "Chance, for EXACT"]


def test_greedy_beside_the_best_subset() -> None:
    setting = "k=3;library=8"
    names = {"greedy_objective": 3.0, "exhaustive_objective": 3.2, "greedy_gap": 0.2, "greedy_same": 0.6}
    rows = [row(metric, "exact", value, setting=setting) for metric, value in names.items()]
    part = exhaustive_part(measured(*rows, row("greedy_ratio", "exact", 0.94, 0.02, setting=setting)))
    assert [cell.text for cell in part.tables[0].table.rows[0].cells] == ["3.00", "3.20", "0.20", "0.94", "60.0"]


@pytest.mark.parametrize(("gain", "said"), [(0.1, "predicts better"), (0.01, "is not shown"), (-0.1, "predicts worse")])
def test_retrieval_with_and_without_topic_shift(gain: float, said: str) -> None:
    worlds = "topic_shift=on", "topic_shift=off"
    methods = "exact", "exact_global"
    rows = [row("accuracy", name, 0.6, setting=world, shots=40) for name in methods for world in worlds]
    rows += [row("accuracy_minus_exact_global", "exact", gain, setting="against=default;topic_shift=on", shots=40)]
    part = retrieval_part(measured(*rows))
    assert len(part.tables[0].table.rows) == 4 and said in part.brief
    assert part.brief.startswith("Where what users want depends on the topic")
    assert scorers_part(measured(*rows)) is None  # two worlds are no comparison of methods


def test_retrieval_shows_the_world_of_every_dataset() -> None:
    datasets = {"stylebench": "topic_shift=off", "mine": "format_check=1;topic_shift=off", "shift": "topic_shift=on"}
    rows = [
        row(metric, "exact", value, setting=setting, shots=40) | {"dataset": dataset}
        for dataset, setting in datasets.items()
        for metric, value in (("accuracy", 0.6), ("accuracy_minus_exact_global", 0.1))
    ]
    part = retrieval_part(measured(*rows))
    assert [r.label for r in part.tables[0].table.rows] == [
        "EXACT, retrieved, mine, topic shift off, format check",
        "EXACT, retrieved, stylebench, topic shift off",
        "EXACT, retrieved, shift, topic shift on",
    ]
    assert "(mine, a format check)" in part.sentences[0] and "(shift)" in part.brief


def test_speed_is_held_against_plain_generation_of_the_same_machine() -> None:
    rows = [("base", "", 400.0, None, "a"), ("drift", "m=15", 100.0, None, "a"), ("drift", "m=3", 200.0, None, "a")]
    rows += [("base", "", 4000.0, None, "b"), ("exact", None, 3000.0, 0.04, "b")]
    table = pd.DataFrame(rows, columns=["method", "setting", "tokens_per_second", "overhead", "machine"])
    part = speed_part(table.assign(tokens=1000, runs=3))
    found = {r.label: [cell.text for cell in r.cells] for r in part.tables[0].table.rows}
    assert found["Drift · m = 15"][:2] == ["100.0", "25.0"] and list(found)[1:3] == ["Drift · m = 3", "Drift · m = 15"]
    assert found["EXACT"] == ["3,000.0", "75.0", "4.00", "5.27", "1,000"]
    assert "on a and b, up to 3 runs" in part.note
    bare = speed_part(table.assign(tokens=None, runs=None, machine=None, overhead=None))
    assert "Measured" not in bare.note and len(bare.tables[0].table.headings) == 3


def test_entropy_before_and_after() -> None:
    values = {"before": 0.3, "after": 0.6, "change": 0.3}
    rows = [row(f"entropy_{when}", "drift", value) for when, value in values.items()]
    part = entropy_part(measured(*rows))
    assert part.sentences == ("Drift (+0.30 bits [+0.25 to +0.35]) above plain generation.",)
    assert [cell.text for cell in part.tables[0].table.rows[0].cells] == ["0.30", "0.60", "+0.30"]
