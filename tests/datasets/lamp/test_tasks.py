"""Tasks: an item is asked about as a question is asked, and shown without more than is wanted."""

import pytest

from prefactor.datasets.lamp.published import find_published
from prefactor.datasets.lamp.tasks import HEADLINES, REVIEWS, TITLES, Article, Paper, Review, first_words
from tests.datasets.lamp.small import TASKS, files

ITEMS = {
    "LaMP_4": (HEADLINES, Article("1", "It rained all day.", "Rain"), '"Rain" is the title for "It rained all day."'),
    "LaMP_5": (TITLES, Paper("1", "We measure rain.", "On rain"), '"On rain" is a title for "We measure rain."'),
    "LongLaMP": (
        REVIEWS,
        Review(5.0, "Dry", "An umbrella", "It kept me dry."),
        '"5.0" is a rating for the product with description "An umbrella". "Dry" is summary for "It kept me dry."',
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_an_item_is_shown_as_published_before_the_question(name: str) -> None:
    task, item, example = ITEMS[name]
    assert task.example(item, 100) == example
    assert task.shown([item, item], "Ask.", 100) == f"{example}, and {example}{task.bridge}Ask."
    assert task.shown([], "Ask.", 100) == "Ask."


@pytest.mark.parametrize("name", TASKS)
def test_items_are_asked_about_in_the_words_of_questions(name: str) -> None:
    task, item, _ = ITEMS[name]
    person = next(find_published(files() / name).people())
    opening = task.prompt(item).split('"')[0].split(":")[0]
    assert person.prompt.startswith(opening)
    assert task.gold(item) in ("Rain", "On rain", "It kept me dry.")


def test_what_is_missing_is_not_asked_about() -> None:
    assert HEADLINES.prompt(Article("1", None, None)) == "" == HEADLINES.gold(Article("1", None, None))
    assert TITLES.prompt(Paper("1", " ", "x")) == ""
    assert REVIEWS.prompt(Review(None, None, None, None)) == "" and REVIEWS.prompt(Review(1.0, "Bad", None, None))
    assert REVIEWS.example(Review(None, None, None, None), 3).count('""') == 3


def test_long_texts_are_cut_by_words() -> None:
    assert first_words("one  two\nthree", 3) == "one  two\nthree"
    assert first_words("one  two\nthree", 2) == "one two"
    assert first_words(None, 2) == ""
