"""What can never be answered is refused before anything is computed."""

from dataclasses import replace

import numpy as np
import pytest

from prefactor.decoding.question import Question, check_question
from prefactor.decoding.writers import Requests
from prefactor.errors import InputError
from tests.decoding.projects import opened, tiny_project

ASKED = Question("How do I bake bread?", "base")


@pytest.fixture(scope="module")
def workshop():
    return opened(tiny_project(), "nobody")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "drfit"}, "unknown method 'drfit'; did you mean 'drift'"),
        ({"method": "best_of_n-vfr"}, "unknown reward model 'vfr'; did you mean 'vrf'"),
        ({"reward": "lor"}, "unknown reward model 'lor'; did you mean 'lore'"),
        ({"method": "args-pal"}, "has no trained model: add 'pal' to run.methods"),
        ({"reward": "ref"}, "has no trained model: add 'ref' to run.methods"),
        ({"samples": 2}, "--samples is for Best-of-N, and base writes one text: leave it out"),
        ({"prompt": " \n"}, "the prompt is empty, and stylebench has no empty prompts: write one"),
    ],
)
def test_each_is_named_with_a_fix(workshop, changes, said):
    with pytest.raises(InputError) as error:
        check_question(replace(ASKED, **changes), workshop)
    assert said in str(error.value)


@pytest.mark.parametrize("method", ["base", "history", "drift", "exact", "best_of_n-vrf", "exact+best_of_n-vrf"])
def test_the_longest_prompt_that_is_let_through_is_read(workshop, method):
    """With attributes and the answer there is less room; and what is let through is never too long."""
    longest = 0
    for words in range(0, 200, 5):
        question = replace(ASKED, prompt="bread " * words + "?", method=method)
        try:
            check_question(question, workshop)
        except InputError as error:
            assert "and 10 may follow, but the model reads 256: shorten the prompt, or lower" in str(error)
            break
        longest = words
    assert 0 < longest < 195
    requests = Requests.once(np.zeros(1, dtype=np.int64), ["bread " * longest + "?"], 0)
    assert workshop.writer(method.partition("+")[0])(requests)
