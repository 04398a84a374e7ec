"""Answers on disk: found by what was asked alone, whole or not at all."""

from pathlib import Path

import pytest

from prefactor.judging.answers import Answers, answer_key
from prefactor.judging.endpoint import Answer, messages


@pytest.mark.parametrize("answer", [Answer("A", 12, 3), Answer("", None, None), Answer(None, 5, 9), Answer("é\n☃")])
def test_what_is_put_is_got(tmp_path: Path, answer: Answer) -> None:
    answers = Answers(tmp_path)
    assert answers.get("ab12") is None
    answers.put("ab12", answer)
    assert answers.get("ab12") == answer and Answers(tmp_path).get("ab12") == answer
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ab12.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"text": "A", "other": 1}', "null"])
def test_what_is_no_answer_is_not_there(tmp_path: Path, damage: str) -> None:
    answers = Answers(tmp_path)
    answers.put("ab12", Answer("A"))
    next(tmp_path.rglob("*.json")).write_text(damage)
    assert answers.get("ab12") is None


def test_without_a_folder_nothing_is_kept() -> None:
    Answers(None).put("ab12", Answer("A"))
    assert Answers(None).get("ab12") is None


def test_a_key_is_of_address_model_options_and_question_alone() -> None:
    def key(model: str = "m", question: str = "?", address: str = "http://one", **options: object) -> str:
        return answer_key(address, model, {"temperature": 0.0, **options}, messages(question))

    others = {key(model="n"), key(question="!"), key(max_tokens=5), key(temperature=1.0), key(question="? ")}
    others.add(key(address="http://two"))
    assert len(others) == 6 and key() not in others
    assert key(a=1, b=2) == key(b=2, a=1) and len(key()) == 32
