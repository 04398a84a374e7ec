"""Win rates on the page: what is claimed, what is not, and what nobody judged."""

from prefactor.reporting.generation.headline import headline
from prefactor.reporting.generation.win_rates import judges, win_rate_parts
from tests.reporting.generation.made_up import measured, row

GOLD, JUDGE = "judge=gold", "judge=llm"


def win(method: str, value: float, half: float = 0.05, setting: str = GOLD, shared: float = 0.0) -> dict[str, object]:
    return row("win_rate", method, value, half, setting, shared=shared)


def test_only_an_interval_clear_of_half_is_a_win() -> None:
    found = measured(win("drift", 0.6), win("exact", 0.6, shared=0.1), win("dpo", 0.4), win("args-vrf", 0.52))
    (part,) = win_rate_parts(found)
    said = part.sentences[0].replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("By gold utility: Drift (60.0 % [55.0 – 65.0]) above the base model; EXACT (60.0 % [45.0")
    assert "ARGS (by VRF) (52.0 % [47.0 – 57.0]) not told from the base model; DPO (per user) (40.0 %" in said
    assert part.brief.endswith("DPO (per user) below the base model.")
    assert headline("stylebench", found) == (
        "On stylebench, one of four methods is shown to write better than the base model, by gold utility"
    )
    assert [r.label for r in part.tables[0].table.rows] == ["Drift", "EXACT", "ARGS · by VRF", "DPO · per user"]


def test_every_judge_has_a_section_gold_first_and_silence_is_shown() -> None:
    found = measured(
        win("drift", 0.6, setting=JUDGE),
        row("missing", "drift", 7, setting=JUDGE),
        row("malformed", "drift", 2, setting=JUDGE),
        win("drift", 0.5),
        row("empty", "drift", 3),
        row("empty", "base", 4),
    )
    assert judges(found) == ["gold", "llm"]
    gold, other = win_rate_parts(found)
    assert other.title.endswith("by the judge llm")
    assert "Of 100 texts 7 were not judged and 2 got an answer that is no verdict" in other.sentences[1]
    assert [cell.text for cell in gold.tables[0].table.rows[0].cells][-1] == "3"
    assert [cell.text for cell in gold.tables[0].table.ceilings[0].cells][-1] == "4"
    assert not other.tables[0].table.ceilings
    assert "the method is not shown" in headline("stylebench", found)


def test_a_judge_that_never_answered_is_there() -> None:
    (part,) = win_rate_parts(measured(row("missing", "drift", 100, setting=JUDGE)))
    assert part.sentences[0] == "By the judge llm: nothing was judged." and not part.panels
    assert "Of 100 texts 100 were not judged" in part.sentences[1]
    assert [cell.text for cell in part.tables[0].table.rows[0].cells] == ["20", "100", "–"]


def test_paired_differences() -> None:
    found = measured(
        win("drift", 0.6),
        win("exact", 0.7),
        row("win_rate_minus_drift", "exact", 0.1, setting=GOLD),
        row("win_rate_minus_drift", "dpo", -0.02, setting=GOLD),
    )
    (part,) = win_rate_parts(found)
    assert part.sentences[1] == "Prompt by prompt against Drift: EXACT (+10.0 points [+5.0 to +15.0]) above it."
    assert part.tables[1].summary and [r.label for r in part.tables[1].table.rows] == ["EXACT", "DPO · per user"]


def test_without_judges_the_headline_is_about_what_there_is() -> None:
    assert headline("jester", measured(row("accuracy", "drift", 0.6, shots=5))).startswith("On jester, how well")
    assert headline("jester", measured(row("ties", "drift", 0.6))) == "Personal generation on jester"
    assert headline("prism", measured(win("drift", 0.9)), is_check=True).endswith("a format check")
