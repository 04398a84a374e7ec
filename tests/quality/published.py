"""Small sound tables as the published sources leave them, made by hand."""

import itertools

import numpy as np
import pyarrow as pa

from prefactor.datasets.personalllm import SCORERS
from prefactor.preferences import PAIRS, PROMPTS, TEXTS, Preferences, content_id
from tests.quality.small import pair, text


def personalllm() -> Preferences:
    """Eight users on the simplex, six prompts of eight responses; of one prompt a response was dropped."""
    noise = np.random.default_rng(0)
    texts, candidates, sets = [], [], []
    for p in range(6):
        answers = [text(f"Question {p}?", f"Answer {p} {'word ' * (a + p % 3)}.") for a in range(7 if p == 5 else 8)]
        scores = noise.normal(size=(len(answers), len(SCORERS)))
        group = content_id(f"Question {p}?")
        sets.append((group, [answer["text_id"] for answer in answers], scores))
        texts += answers
        for answer, row in zip(answers, scores.tolist(), strict=True):
            scored = dict(zip(SCORERS, row, strict=True))
            candidates.append({"group_id": group, "text_id": answer["text_id"], **scored})
    weights = noise.dirichlet(np.full(len(SCORERS), 0.1), size=8)
    pairs = []
    for u, (group, ids, scores) in itertools.product(range(8), sets):
        worth = scores @ weights[u]
        chosen, rejected = ids[worth.argmax()], ids[worth.argmin()]
        pairs.append({**pair(f"u{u}", group, chosen, rejected), "margin": float(np.ptp(worth))})
    people = [{"user_id": f"u{u}", "weight": row, "utility": row} for u, row in enumerate(weights.tolist())]
    source = {"name": "personalllm", "scorers": list(SCORERS), "truth": True}
    source |= {"dropped": {"duplicate_responses": 1}, "rows": {"prompts": 6, "responses": 47}}
    return _preferences(texts, pairs, people, candidates, source)


def tldr() -> Preferences:
    """Six annotators of six to eight posts, two summaries each."""
    texts, pairs = [], []
    for p in range(8):
        texts += [text(f"POST: {p}\nTL;DR:", f"Summary {p} {'word ' * (s + p % 2)}.") for s in range(2)]
    for u, p in itertools.product(range(6), range(8)):
        if p < 6 or u % 2:
            chosen, rejected = ((u + p) % 2, (u + p + 1) % 2)
            pairs.append(pair(f"u{u}", f"t3_{p}", *(texts[2 * p + side]["text_id"] for side in (chosen, rejected))))
    people = [{"user_id": f"u{u}", "annotations": 9} for u in range(6)]
    return _preferences(texts, pairs, people, None, {"name": "tldr", "minimum_annotations": 6})


def prism() -> Preferences:
    """Twelve people with a conversation of three turns each: four models answer first, then one of them twice."""
    texts, pairs, candidates, prompts = [], [], [], []
    for u in range(12):
        parent, prompt = None, ""
        for turn in range(3):
            asked = "Hello" if turn == 0 else f"And then, {u}?"  # many begin alike: a prompt of several conversations
            said = [{"role": "user", "content": asked}]
            if turn:
                said.insert(0, {"role": "assistant", "content": f"Reply {turn} to {u}."})
            prompt += asked if turn == 0 else f"\n\nAssistant: Reply {turn} to {u}.\n\nUser: {asked}"
            row = {"prompt_id": content_id(prompt), "parent": parent, "conversation_id": f"c{u}", "turn": turn}
            prompts.append({**row, "messages": said})
            parent = row["prompt_id"]
            count = 4 if turn == 0 else 2
            answers = [text(prompt, f"{u} {turn} {'word ' * ((a + u) % count)}.") for a in range(count)]
            texts += answers
            for a, answer in enumerate(answers):
                named = {"score": float(1 + 99 * a / (count - 1)), "model": f"model-{a if turn == 0 else 0}"}
                candidates.append({"group_id": f"i{u}-{turn}", "text_id": answer["text_id"], **named})
            judged = pair(f"u{u}", f"i{u}-{turn}", answers[-1]["text_id"], answers[0]["text_id"])
            pairs.append({**judged, "margin": 99.0, "order": turn})
    people = [{"user_id": f"u{u}", "balanced": True, "age": "25-34"} for u in range(12)]
    source = {"name": "prism", "scorers": ["score"], "attributes": ["age"]}
    tree = pa.Table.from_pylist(prompts, PROMPTS)
    return _preferences(texts, pairs, people, candidates, source, tree)


def _preferences(
    texts: list[dict[str, str]],
    pairs: list[dict[str, object]],
    people: list[dict[str, object]],
    candidates: list[dict[str, object]] | None,
    source: dict[str, object],
    prompts: pa.Table | None = None,
) -> Preferences:
    table = pa.Table.from_pylist(texts, TEXTS)
    sets = None if candidates is None else pa.Table.from_pylist(candidates)
    users = pa.Table.from_pylist(people)
    return Preferences(
        table, pa.Table.from_pylist(pairs, PAIRS), users, sets, {"empty_prompts": False, **source}, prompts
    )
