"""The nearest items, by any embedding, each prompt embedded once."""

from collections.abc import Sequence

from torch import Tensor

from prefactor.decoding.policies.profile import Embeddings, nearest_items
from prefactor.decoding.policies.queries import queries_of
from tests.decoding.policies.made import PEOPLE, embed

QUERIES = queries_of(PEOPLE, 2, 0)


def test_the_nearest_items_by_cosine() -> None:
    found = nearest_items(QUERIES, Embeddings(embed), 2)
    for query, items in zip(QUERIES, found, strict=True):
        mine = embed([query.prompt])[0]
        near = [float((embed([item.prompt])[0] @ mine) / embed([item.prompt])[0].norm()) for item in query.items]
        assert sorted(near, reverse=True)[:2] == [near[query.items.index(item)] for item in items]
    assert len(found[0]) == 2 and found[-1] == [], "the last person has no profile"


def test_equally_near_items_keep_their_order() -> None:
    def alike(prompts: Sequence[str]) -> Tensor:
        return embed(["same"] * len(prompts))

    found = nearest_items(QUERIES, Embeddings(alike), 3)
    assert all(items == list(query.items[:3]) for query, items in zip(QUERIES, found, strict=True))


def test_each_prompt_is_embedded_once() -> None:
    asked: list[str] = []

    def noted(prompts: Sequence[str]) -> Tensor:
        asked.extend(prompts)
        return embed(prompts)

    embeddings = Embeddings(noted)
    assert embeddings([]).shape[0] == 0
    nearest_items(QUERIES, embeddings, 2)
    nearest_items(QUERIES, embeddings, 2)
    assert len(asked) == len(set(asked))
    assert embeddings([]).shape[0] == 0
