"""Items are shown while there is room, the nearest first, and the prompt is always whole."""

from prefactor.attributes import read_attributes
from prefactor.datasets.lamp.tasks import HEADLINES
from prefactor.decoding.conditions import PLAIN, contrastive, named
from prefactor.decoding.policies.profile import Embeddings, nearest_items
from prefactor.decoding.policies.queries import queries_of
from prefactor.decoding.policies.shown import counter, room_for_prompts, with_items
from tests.decoding.policies.made import PEOPLE, embed, writer

QUERIES = queries_of(PEOPLE, 2, 0)
NEAREST = nearest_items(QUERIES, Embeddings(embed), 3)


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_as_many_items_as_fit() -> None:
    sizes = []
    for room in (0, 30, 45, 1000):
        found = with_items(HEADLINES, QUERIES, NEAREST, 50, words, room)
        for one, query, items in zip(found, QUERIES, NEAREST, strict=True):
            kept = items[: len(one.items)]
            assert one.items == tuple(item.id for item in kept)
            assert one.prompt == HEADLINES.shown([item.record for item in kept], query.prompt, 50)
            assert len(one.prompt.split()) <= room or not kept
        sizes.append(len(found[0].items))
    assert sizes[0] == 0 and sizes[-1] == 3 and sizes == sorted(sizes) and 0 < sizes[2] < 3


def test_there_is_room_for_the_answer_and_whatever_is_said_beside_the_prompt() -> None:
    speaker, library, new = writer(), read_attributes().select(["concise", "formal", "direct"]), 16
    room = room_for_prompts(speaker, new, library, 2)
    prompt = "bread "
    while counter(speaker)([prompt + "bread "])[0] <= room:
        prompt += "bread "
    for condition in (PLAIN, *contrastive(library), named(library, (0, 1)), named(library, (1, 2))):
        assert len(speaker.contexts([prompt], [condition])[0]) + new <= speaker.max_tokens
    assert room < room_for_prompts(speaker, new, None, 0) < speaker.max_tokens - new
