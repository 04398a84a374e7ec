"""A made-up but plausible run of generation, every table from the functions that stages use."""

import json

import numpy as np
import pandas as pd

from prefactor.evaluation.generation.against_bt import against_bt_rows
from prefactor.evaluation.generation.best_of_n import best_of_n_rows
from prefactor.evaluation.generation.cells import CELL, minus, result_rows_of
from prefactor.evaluation.generation.defects import defect_rows
from prefactor.evaluation.generation.entropy import entropies_of, entropy_rows
from prefactor.evaluation.generation.exhaustive import exhaustive_rows
from prefactor.evaluation.generation.precision import precision_rows
from prefactor.evaluation.generation.verdicts import verdicts_by_judge, verdicts_by_utility
from prefactor.evaluation.generation.win_rates import win_rate_differences, win_rate_rows
from prefactor.evaluation.results import in_schema
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.report import GenerationReport

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "stylelm", "variant": "default", "run": "0123"}
SHOTS = (5, 10, 20, 40)
LIFT = {
    **{"base": 0.0, "history": 0.05, "drift": 0.5, "exact": 0.9, "exact_global": 0.6, "best_of_n-bt": 0.3, "dpo": -0.6},
    **{"best_of_n-vrf": 1.4, "args-vrf": 0.2, "exact+best_of_n-vrf": 2.0},
}
ACCURACY = {
    **{"history": 0.52, "drift": 0.66, "exact": 0.7, "exact_global": 0.65, "lora_reward": 0.58},
    **{"drift_logistic": 0.6, "vrf": 0.9, "bt": 0.6},
}
ATTRIBUTES = ("formal", "concise", "vivid", "humour", "direct", "proverb", "easy", "analytic", "social", "critical")
SECRET = "user-id-that-nobody-may-see"


def row(
    metric: str,
    method: str,
    value: float,
    half: float = 0.05,
    setting: str = "",
    shots: int | None = None,
    shared: float = 0.0,
    n_users: int = 20,
) -> dict[str, object]:
    """One result row with an interval of ``half`` to either side, and of ``half`` + ``shared`` over prompts too."""
    ends = {"ci_low": value - half, "ci_high": value + half}
    ends |= {"low_items": value - half - shared, "high_items": value + half + shared}
    counts = {"n_users": n_users, "n_pairs": 5 * n_users, "n_items": 5}
    name = {"method": method, "setting": setting, "metric": metric, "split": "unseen", "seed": "all", "shots": shots}
    return {**IDENTITY, **name, "value": value, **ends, **counts}


def measured(*rows: dict[str, object]) -> Measured:
    """Figures of some rows."""
    return Measured.of(in_schema(pd.DataFrame([*rows])))


def made_up(users: int = 24, prompts: int = 10, seed: int = 0) -> GenerationReport:
    """All tables of ``users`` with ``prompts`` each."""
    generator = np.random.default_rng(seed)
    texts = texts_of(users, prompts, generator)
    rows = [*_win_rates(texts, generator), defect_rows(texts, IDENTITY), *_scorers(users, generator)]
    rows += [best_of_n_rows(candidates(users, prompts, generator), IDENTITY)]
    conditions = pd.concat([candidates(users, prompts, generator, 8, 6 / n).assign(known=n) for n in SHOTS])
    rows += [against_bt_rows(conditions, IDENTITY, bins=((5, 5), (6, 10), (20, 40)))]
    rows += [entropy_rows(entropies_of(texts), IDENTITY), *_selections(users, generator)]
    return GenerationReport(
        "stylebench",
        pd.concat(rows, ignore_index=True),
        _attributes(generator),
        _speed(),
        _examples(texts),
        {
            **{"language model": "stylelm, 1.0 million parameters", "users": users, "prompts": prompts},
            **{"sampling": {"temperature": 0.7, "top_k": 50, "top_p": 0.95}, "format_check": False},
            "left_out": {"PPO": "its memory and hours are beyond this page's machine"},
        },
        source="stylebench",
    )


def texts_of(users: int, prompts: int, generator: np.random.Generator) -> pd.DataFrame:
    """Generated texts with gold utility, as stages have them."""
    rows = []
    for user in range(users):
        taste = generator.normal(0, 0.3)
        for prompt in range(prompts):
            for method, lift in LIFT.items():
                utility = lift + taste * (method != "base") + generator.normal()
                about = {"attributes": {"formal": 0.62, "concise": -0.31}} if method == "drift" else {}
                about |= {"attributes": ["formal", "easy"], "similarity": 0.71} if method.startswith("exact") else {}
                about |= {"reward": 1.25, "std": 0.4, "candidates": 8} if "best_of_n" in method else {}
                about |= {"entropy_before": 0.4, "entropy_after": 0.6 + 0.1 * taste} if method == "drift" else {}
                about |= {"group": SECRET}
                text = f"Answer {prompt} to user by {method}. " * 4
                row = (f"{SECRET}-{user}", f"g{prompt}", method, text, utility, True, 40, json.dumps(about))
                rows.append((*row, f"How should I begin task {prompt}?", 2.0))
    names = ["user_id", "group_id", "method", "response", "utility", "finished", "tokens", "about", "prompt", "scale"]
    table = pd.DataFrame(rows, columns=names)
    table.loc[[4, 17], ["response", "finished"]] = ["", False]
    table.loc[[22, 55], "utility"] = np.nan
    return table


def candidates(
    users: int, prompts: int, generator: np.random.Generator, size: int = 32, noise: float = 1.0
) -> pd.DataFrame:
    """Sets with rewards of three methods; ``noise`` of the personal ones, as fewer known pairs leave it."""
    index = pd.MultiIndex.from_product(
        [range(users), range(prompts), range(size)], names=["user_id", "group_id", "sample"]
    )
    utility, common = generator.normal(size=(2, len(index)))
    rewards = {
        "reward_bt": utility + 2.5 * common,
        "reward_vrf": utility + noise * generator.normal(size=len(index)),
        "reward_lore": utility + 1.5 * noise * generator.normal(size=len(index)),
    }
    return pd.DataFrame({"utility": utility, **rewards, "scale": 2.0}, index=index).reset_index()


def _win_rates(texts: pd.DataFrame, generator: np.random.Generator) -> list[pd.DataFrame]:
    by_utility = verdicts_by_utility(texts)
    answers = by_utility[["user_id", "group_id", "method", "setting", "verdict"]].assign(malformed=False, missing=False)
    lost, odd = generator.random((2, len(answers))) < 0.03
    answers.loc[lost | odd, "verdict"] = np.nan
    answers = answers.assign(malformed=odd, missing=answers["verdict"].isna() & ~odd)
    by_judge = verdicts_by_judge(answers)
    return [
        win_rate_rows(by_utility, IDENTITY, shots=20),
        win_rate_differences(by_utility, "drift", IDENTITY, shots=20),
        win_rate_differences(by_utility, "best_of_n-bt", IDENTITY, shots=20),
        win_rate_rows(by_judge, IDENTITY, judge="small judge", shots=20),
    ]


def _scorers(users: int, generator: np.random.Generator) -> list[pd.DataFrame]:
    """Rows as ``scores`` makes them, from cells instead of margins."""
    found = []
    for shots in SHOTS:
        gain = {name: 0.5 + (value - 0.5) * shots / (shots + 4) for name, value in ACCURACY.items()}
        cells = [_cells(name, "", value, users, generator) for name, value in gain.items()]
        both = pd.concat(cells, ignore_index=True)
        found += [result_rows_of(both, IDENTITY, shots), result_rows_of(minus(both, "drift"), IDENTITY, shots)]
    for key, method, values in (("m", "drift", (1, 3, 7, 15, 41)), ("k", "exact", (1, 3, 5, 10))):
        lifted = [(value, 0.55 + 0.1 * value / (value + 2)) for value in values]
        cells = [_cells(method, f"{key}={value}", mean, users, generator) for value, mean in lifted]
        found.append(result_rows_of(pd.concat(cells, ignore_index=True), IDENTITY, 40))
    for world, ahead in (("on", 0.08), ("off", 0.0)):
        setting = {"setting": f"topic_shift={world}"}
        cells = [_cells("exact", "", 0.6 + ahead, users, generator), _cells("exact_global", "", 0.6, users, generator)]
        both = pd.concat(cells, ignore_index=True)
        found.append(result_rows_of(both, {**IDENTITY, **setting}, 40))
        against = f"against=default;topic_shift={world}"
        found.append(result_rows_of(minus(both, "exact_global"), {**IDENTITY, "setting": against}, 40))
    return found


def _cells(method: str, setting: str, mean: float, users: int, generator: np.random.Generator) -> pd.DataFrame:
    right = (generator.random((users, 20)) < mean).astype(float)
    rows = [
        (str(user), f"g{pair % 15}-{pair}", method, setting, "accuracy", right[user, pair])
        for user in range(users)
        for pair in range(20)
    ]
    return pd.DataFrame(rows, columns=CELL)


def _selections(users: int, generator: np.random.Generator) -> list[pd.DataFrame]:
    best = generator.uniform(2, 4, users)
    greedy = best * generator.choice([1.0, 0.9], users)
    names = [str(user) for user in range(users)]
    tried = pd.DataFrame({"user_id": names, "method": "exact", "setting": "k=3", "greedy": greedy, "best": best})
    hits = [
        (name, method, k, generator.binomial(k, share) / k, 0.1)
        for name in names
        for method, share in (("drift", 0.5), ("exact", 0.15))
        for k in (1, 3)
    ]
    precisions = pd.DataFrame(hits, columns=["user_id", "method", "k", "precision", "chance"])
    return [exhaustive_rows(tried, {**IDENTITY, "setting": "library=8"}), precision_rows(precisions, IDENTITY)]


def _attributes(generator: np.random.Generator) -> pd.DataFrame:
    rows = []
    for user in (1, 2, 3):
        difference = np.sort(generator.normal(0, 0.8, len(ATTRIBUTES)))[::-1]
        for place, (name, value) in enumerate(zip(ATTRIBUTES[user:] + ATTRIBUTES[:user], difference, strict=True)):
            rows.append((user, name, value, value / 3, place == 0))
    return pd.DataFrame(rows, columns=["user", "attribute", "difference", "weight", "true"])


def _speed() -> pd.DataFrame:
    rows = [("base", "", 410.0, None), ("exact", "", 398.0, 0.031), ("best_of_n-vrf", "n=8", 61.0, 0.11)]
    rows += [("drift", f"m={m}", 410 / (1.5 + 0.2 * m), None) for m in (15, 1, 7, 3)]
    table = pd.DataFrame(rows, columns=["method", "setting", "tokens_per_second", "overhead"])
    return table.assign(tokens=12_000, runs=3, machine="two cores of a made-up processor")


def _examples(texts: pd.DataFrame) -> pd.DataFrame:
    users = {name: number for number, name in enumerate(dict.fromkeys(texts["user_id"]), 1)}
    table = texts.assign(user=texts["user_id"].map(users))
    return table.loc[table["user"] <= 4, ["user", "prompt", "method", "response", "utility", "about"]]
