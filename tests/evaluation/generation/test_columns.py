"""What a table must have, said without repeating what is in it."""

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.columns import require, require_numbers, require_once

TABLE = pd.DataFrame({"user_id": ["secret", "secret", "other"], "utility": [1.0, float("nan"), float("inf")]})


def test_what_is_wrong_is_named_and_nobody_else() -> None:
    require(TABLE, ["user_id"], "texts")
    with pytest.raises(InputError, match=r"table of texts lacks column\(s\) \['prompt'\]"):
        require(TABLE, ["user_id", "prompt"], "texts")
    with pytest.raises(InputError, match="row 1 twice") as error:
        require_once(TABLE, ["user_id"], "texts")
    assert "secret" not in str(error.value)
    with pytest.raises(InputError, match=r"2 value\(s\) of utility in the table of texts are no numbers"):
        require_numbers(TABLE, ["utility"], "texts")
