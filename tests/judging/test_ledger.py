"""The ledger: figures that add up, limits that hold."""

import pytest

from prefactor.errors import InputError
from prefactor.judging.endpoint import Answer
from prefactor.judging.ledger import BudgetParameters, Ledger, Tally
from prefactor.parameters import build


def test_tokens_are_priced_by_the_million() -> None:
    ledger = Ledger(BudgetParameters(input_price=3, output_price=15))
    assert not ledger.take()
    ledger.enter("?", Answer("A", 2_000_000, 100_000), kept=False)
    ledger.enter("!", Answer("B", 1_000_000, 0), kept=True)
    assert ledger.tally() == Tally(1, 2, 1, 3_000_000, 100_000, 0, pytest.approx(10.5), pytest.approx(7.5))


def test_no_more_requests_than_the_budget_has() -> None:
    ledger = Ledger(BudgetParameters(most_requests=2))
    assert [ledger.take() for _ in range(4)] == ["", "", "most_requests reached", "most_requests reached"]
    assert ledger.tally().requests == 2
    assert Ledger(BudgetParameters(most_requests=0)).take()


def test_what_kept_answers_have_cost_counts() -> None:
    ledger = Ledger(BudgetParameters(input_price=1, most_cost=2))
    ledger.enter("?", Answer("A", 1_000_000, 5), kept=True)
    assert not ledger.take()
    ledger.enter("?", Answer("A", 1_000_000, 5), kept=False)
    assert ledger.take() == "most_cost reached"


def test_an_answer_that_tells_no_usage_is_charged_by_its_bytes_and_reported_as_untold() -> None:
    ledger = Ledger(BudgetParameters(input_price=1_000_000, output_price=1_000_000, most_cost=9))
    ledger.enter("é" * 3, Answer("Ab", 3, None), kept=False)  # 6 and 2 bytes
    assert not ledger.take()
    ledger.enter("?", Answer(None), kept=False)
    assert ledger.take() == "most_cost reached"
    tally = ledger.tally()
    assert (tally.answers, tally.untold, tally.prompt_tokens, tally.cost, tally.spent) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"most_cost": 5.0}, "most_cost needs input_price and output_price"),
        ({"input_price": -1}, "input_price must be 0 or more"),
        ({"output_price": float("nan")}, "output_price must be 0 or more"),
        ({"most_requests": -1}, "most_requests must be 0 or more"),
        ({"most_token": 5}, "unknown key 'most_token'"),
    ],
)
def test_wrong_budgets_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(BudgetParameters, wrong, "generation.inquiry.budget")
