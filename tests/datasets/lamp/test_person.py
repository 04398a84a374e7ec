"""People: ids of a profile's items are the person's own, each another, so that queries can be told apart."""

from prefactor.datasets.lamp.candidates import QUESTION
from prefactor.datasets.lamp.person import person_of
from prefactor.datasets.lamp.tasks import HEADLINES, REVIEWS, Article, ArticleQuestion, Review, ReviewQuestion


def ids(*given: str | int) -> list[str]:
    profile = [Article(name, f"text {place}", f"title {place}") for place, name in enumerate(given)]
    person = person_of(HEADLINES, "p", ArticleQuestion("p", "Ask", profile), "gold")
    assert [item.record for item in person.items] == profile
    return [item.id for item in person.items]


def test_different_ids_stay_as_they_are() -> None:
    assert ids("a", 2, "b~0") == ["a", "2", "b~0"]


def test_repeated_ids_have_their_place_behind_them() -> None:
    assert ids("a", "a", "b", "a") == ["a", "a~1", "b", "a~3"]
    assert ids(1, "1") == ["1", "1~1"], "a number and its digits are one id"
    assert ids(QUESTION, "a", " ") == [f"{QUESTION}~0", "a", " ~2"]
    for given in (("a", "a", "a~1"), ("a~1", "a"), ("a~2", "a", "a"), ("", "~0", "")):
        assert len(set(ids(*given))) == len(given)


def test_items_without_ids_are_called_by_their_place() -> None:
    profile = [Review(5.0, "Dry", "An umbrella", text) for text in ("It kept me dry.", " ", "Still dry.")]
    person = person_of(REVIEWS, "r", ReviewQuestion("r", "Ask", "gold", profile), "gold")
    assert [item.id for item in person.items] == ["0", "2"]
