"""How one would prepare the published sources with pandas: whole files in memory, the same pairs and texts.

Every function takes the folder of ``benchmarks.published`` and gives the number of rows read, the texts and the pairs.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

Read = tuple[int, pd.DataFrame, pd.DataFrame]
TEXTS = ["text_id", "prompt", "response"]


def content_id(*parts: str) -> str:
    """As ``prefactor.preferences`` has it, which imports torch."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _ids(frame: pd.DataFrame, *columns: str) -> list[str]:
    return [content_id(*row) for row in zip(*(frame[name] for name in columns), strict=True)]


def naive_personalllm(folder: Path) -> Read:
    """Whose prompts are whose is chance, and read from the prepared tables: what they choose is found here."""
    frame = pd.read_parquet(next((folder / "files" / "data").glob("train*")))
    models = [name.removeprefix("response_1_") for name in frame.columns if name.startswith("response_1_")]
    models.remove("model")
    texts = _responses(frame, models)
    weights = pd.read_parquet(folder / "prepared" / "users.parquet").set_index("user_id")["weight"]
    drawn = pd.read_parquet(folder / "prepared" / "pairs.parquet", columns=["user_id", "group_id"])
    chosen = []
    for user, prompts in drawn.groupby("user_id")["group_id"]:
        mine = texts[texts["group_id"].isin(prompts)]
        worth = (mine[models] @ weights[user]).round(9).groupby(mine["group_id"])
        best, worst = (mine["text_id"].loc[place].to_numpy() for place in (worth.idxmax(), worth.idxmin()))
        chosen.append(pd.DataFrame({"user_id": user, "chosen": best, "rejected": worst}))
    pairs = pd.concat(chosen, ignore_index=True)
    pairs["pair_id"] = _ids(pairs, "user_id", "chosen", "rejected")
    return len(frame), texts[TEXTS], pairs


def _responses(frame: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """A row per response that can be chosen, with its ten scores."""
    frame = frame.assign(group_id=_ids(frame, "prompt")).drop_duplicates("group_id")
    parts = []
    for place in range(1, 9):
        names = {f"response_{place}": "response", **{f"response_{place}_{model}": model for model in models}}
        parts.append(frame.rename(columns=names)[["group_id", "prompt", "response", *models]])
    texts = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    texts["text_id"] = _ids(texts, "prompt", "response")
    texts = texts[texts["response"].str.strip() != ""].drop_duplicates("text_id").dropna(subset=models)
    return texts[texts.groupby("group_id")["text_id"].transform("size") > 1]


def naive_tldr(folder: Path) -> Read:
    """Posts, choices and annotators of all batches."""
    paths = sorted((folder / "files" / "comparisons").iterdir())
    frame = pd.concat([pd.read_json(path, lines=True) for path in paths], ignore_index=True)
    rows = len(frame)
    frame = _usable(frame)
    frame = frame[frame.groupby("worker")["worker"].transform("size") >= 50]
    heads = ("SUBREDDIT: r/" + frame["subreddit"], "TITLE: " + frame["title"], "POST: " + frame["post"])
    frame["prompt"] = heads[0] + "\n" + heads[1] + "\n" + heads[2] + "\nTL;DR:"
    first = frame["choice"] == 0
    frame["yes"] = frame["summary0"].where(first, frame["summary1"])
    frame["no"] = frame["summary1"].where(first, frame["summary0"])
    frame["chosen"], frame["rejected"] = _ids(frame, "prompt", "yes"), _ids(frame, "prompt", "no")
    frame["pair_id"] = _ids(frame, "worker", "chosen", "rejected")
    frame = frame.drop_duplicates("pair_id")
    sides = (("chosen", "yes"), ("rejected", "no"))
    texts = pd.concat([frame[[text_id, "prompt", text]].set_axis(TEXTS, axis=1) for text_id, text in sides])
    return rows, texts.drop_duplicates("text_id"), frame[["pair_id", "worker", "chosen", "rejected"]]


def _usable(frame: pd.DataFrame) -> pd.DataFrame:
    """Comparisons of posts whose texts are there and differ."""
    info = pd.json_normalize(frame["info"].tolist())
    frame[["post", "title", "subreddit"]] = info[["post", "title", "subreddit"]]
    for side in (0, 1):
        frame[f"summary{side}"] = [summaries[side]["text"] for summaries in frame["summaries"]]
    frame = frame.dropna(subset="post")
    sound = frame["summary0"] != frame["summary1"]
    for name in ("post", "summary0", "summary1"):
        sound &= frame[name].str.strip() != ""
    return frame[sound].copy()


def naive_prism(folder: Path) -> Read:
    """The best- and the worst-scored response of every interaction."""
    names = ("utterances", "conversations")
    every, conversations = (pd.read_json(folder / "files" / f"{name}.jsonl", lines=True) for name in names)
    prompts = _prompts(conversations)
    frame = every.dropna(subset="score").rename(columns={"model_response": "response"})
    frame["prompt"] = [prompts[place] for place in zip(frame["conversation_id"], frame["turn"], strict=True)]
    frame["text_id"] = _ids(frame, "prompt", "response")
    keys = ["user_id", "interaction_id"]
    scored = frame.groupby([*keys, "text_id"], as_index=False)["score"].mean()
    worst = scored.sort_values(["score", "text_id"]).groupby(keys).first()
    best = scored.sort_values(["score", "text_id"], ascending=[False, True]).groupby(keys).first()
    pairs = best.join(worst, lsuffix="_best", rsuffix="_worst").reset_index()
    pairs = pairs[pairs["score_best"] > pairs["score_worst"]]
    pairs = pairs.rename(columns={"text_id_best": "chosen", "text_id_worst": "rejected"})
    pairs["pair_id"] = _ids(pairs, "user_id", "chosen", "rejected")
    pairs = pairs.drop_duplicates("pair_id")
    used = frame[frame["interaction_id"].isin(pairs["interaction_id"])]
    return len(every), used[TEXTS].drop_duplicates("text_id"), pairs


def _prompts(conversations: pd.DataFrame) -> dict[tuple[str, int], str]:
    """What was said and chosen up to every turn of every conversation."""
    prompts, replied = {}, set()
    columns = (conversations[name] for name in ("conversation_id", "conversation_history"))
    for name, history in zip(*columns, strict=True):
        so_far = ""
        for message in history:
            if message["role"] == "user":
                so_far += f"\n\nUser: {message['content']}" if so_far else message["content"]
                prompts[name, message["turn"]] = so_far
            elif message["if_chosen"] and (name, message["turn"]) not in replied:
                replied.add((name, message["turn"]))  # of responses that are level several may be chosen
                so_far += f"\n\nAssistant: {message['content']}"
    return prompts


NAIVE: dict[str, Callable[[Path], Read]] = {
    "personalllm": naive_personalllm,
    "prism": naive_prism,
    "tldr": naive_tldr,
}
