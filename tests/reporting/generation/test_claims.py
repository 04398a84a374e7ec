"""Published claims held against figures: seen, not shown, reversed, and whichever way round a difference was taken."""

import pandas as pd
import pytest

from prefactor.reporting.generation.claims import CLAIMS, Evidence, Line, Verdict, lines_of_claims, tally
from tests.reporting.generation.made_up import measured, row

NO_SPEED = pd.DataFrame({"method": [], "overhead": []})
GOLD = "judge=gold"
FEWER = "Keeping the weightiest attributes alone costs Drift little (here: three of them, at most two points)"


def lines(*rows: dict[str, object], speed: pd.DataFrame = NO_SPEED, attributes: int = 10) -> tuple[Line, ...]:
    everywhere = measured(*rows)
    main = everywhere.of_dataset("stylebench")
    return lines_of_claims(Evidence(main, everywhere, speed, {"attributes": attributes}))


def verdicts(*rows: dict[str, object], speed: pd.DataFrame = NO_SPEED) -> dict[str, Verdict]:
    return {line.claim.words: line.finding.verdict for line in lines(*rows, speed=speed)}


def test_what_was_not_measured_is_not_listed() -> None:
    assert verdicts(row("ties", "drift", 0.1)) == {} and tally(()) == ""


@pytest.mark.parametrize(
    ("value", "shared", "verdict"),
    [(0.6, 0.0, Verdict.SEEN), (0.6, 0.1, Verdict.OPEN), (0.52, 0.0, Verdict.OPEN), (0.4, 0.0, Verdict.REVERSE)],
)
def test_a_win_is_seen_where_the_wider_interval_is_clear(value: float, shared: float, verdict: Verdict) -> None:
    rows = [row("win_rate", "drift", value, setting=GOLD, shared=shared)]
    rows += [row("win_rate", "drift", 0.9, setting="judge=llm")]  # the first judge decides
    assert verdicts(*rows) == {"Drift's texts win against the base model's": verdict}


def test_a_difference_may_be_taken_either_way_round() -> None:
    for method, reference, value in (("exact", "drift", 0.1), ("drift", "exact", -0.1)):
        win = row("win_rate", "other", 0.5, setting=GOLD)
        found = verdicts(win, row(f"win_rate_minus_{reference}", method, value, setting=GOLD))
        assert found == {"EXACT's texts win more often than Drift's": Verdict.SEEN}
        found = verdicts(row(f"accuracy_minus_{reference}", method, value, shots=40))
        assert found == {"EXACT predicts choices better than Drift": Verdict.SEEN}


def test_claims_about_selection_and_cost() -> None:
    rows = [row("accuracy_minus_exact", "exact", -0.1, setting="against=k=1;k=5", shots=40)]
    rows += [row("accuracy_minus_drift", "drift", -0.01, 0.005, setting="against=default;m=3", shots=40)]
    rows += [row("accuracy_minus_exact_global", "exact", 0.1, setting="against=default;topic_shift=on", shots=40)]
    rows += [row("accuracy_minus_exact_global", "exact", -0.1, setting="against=default;topic_shift=off", shots=40)]
    rows += [row("greedy_ratio", "exact", 0.8, 0.05), row("entropy_change", "drift", 0.01)]
    found = verdicts(*rows, speed=pd.DataFrame({"method": ["exact"], "overhead": [0.2]}))
    assert found == {
        "Five attributes predict better than one": Verdict.REVERSE,
        FEWER: Verdict.SEEN,
        "Retrieval predicts better than one subset where tastes depend on the topic": Verdict.SEEN,
        "Greedy selection comes near the best subset": Verdict.REVERSE,
        "Finding attributes takes little of a text's time": Verdict.UNTOLD,
        "Drift opens the choice of the next token": Verdict.OPEN,
    }


def test_a_claim_says_of_how_many_attributes_and_against_whom() -> None:
    kept = row("accuracy_minus_drift", "drift", -0.01, 0.005, setting="against=default;m=3", shots=40)
    (line,) = lines(kept)
    assert line.finding.here.endswith("m = 3 of 10") and lines(kept, attributes=3) == ()
    over = [row("win_rate_over_bt_minus_vrf", name, -0.2, setting="known=5") for name in ("lore", "pref")]
    (line,) = lines(*over)
    assert line.finding.here.endswith("against LoRe and PReF")


def test_retrieval_is_claimed_of_every_world_but_a_format_check() -> None:
    def found(dataset: str, value: float, check: str = "") -> dict[str, object]:
        setting = f"against=default;topic_shift=on{check}"
        return row("accuracy_minus_exact_global", "exact", value, setting=setting, shots=40) | {"dataset": dataset}

    words = "Retrieval predicts better than one subset where tastes depend on the topic"
    assert verdicts(found("shift", 0.1)) == {words: Verdict.SEEN}
    assert verdicts(found("shift", 0.1), found("stylebench", 0.01)) == {words: Verdict.OPEN}
    assert verdicts(found("shift", 0.1), found("prism", 0.01, ";format_check=1")) == {words: Verdict.SEEN}


@pytest.mark.parametrize(("second", "verdict"), [(0.7, Verdict.SEEN), (0.51, Verdict.OPEN), (0.3, Verdict.REVERSE)])
def test_vrfs_figure_must_hold_in_every_group(second: float, verdict: Verdict) -> None:
    groups = {"known=5": 0.6, "known=20": second}
    rows = [row("win_rate_over_bt", "vrf", value, setting=group) for group, value in groups.items()]
    rows += [row("win_rate_over_bt_minus_vrf", "pal", 0.5 - value, setting=at) for at, value in groups.items()]
    assert set(verdicts(*rows).values()) == {verdict} and len(verdicts(*rows)) == 2


def test_the_tally_counts_every_verdict() -> None:
    rows = [row("win_rate", "drift", 0.6, setting=GOLD), row("win_rate", "exact", 0.4, setting=GOLD)]
    assert tally(lines(*rows)) == "Of 2 published claims that could be tried here: 1 seen, 1 the reverse seen."
    assert len({claim.words for claim in CLAIMS}) == len(CLAIMS)
