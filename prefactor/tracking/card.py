"""The model card: what a served model was made from, how good it is, and where not to trust it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.reading import read_object
from prefactor.tracking.candidate import Candidate
from prefactor.trainings import Training

LIMITS = (
    "Rewards compare candidates of one request only: they are centred over them, and mean nothing across prompts.",
    "`std` and `beats` carry the model's own uncertainty about the user; they were not calibrated on your traffic.",
    "`spread` mostly says how many reference pairs there were; the entropy of the weights says more about error.",
    "Texts longer than the backbone reads are cut, which the answer notes.",
    "The model knows preferences like those in its data: other languages, tasks or people are untested.",
    "It ranks texts by what one person preferred before; it is no judge of truth, safety or quality.",
    "The package holds the ids and inferred preferences of the training users: treat it as personal data.",
)
LICENCE = (
    "The code is Apache-2.0. The weights derive from the data and from the backbone named above, whose own licences "
    "apply to what you do with them."
)
SPLITS = ("seen", "unseen", "overall")


def model_card(candidate: Candidate, backbone: dict[str, Any]) -> str:
    """Markdown, a function of what the stages wrote alone; ``backbone`` is the identity of the one it embeds with."""
    training = candidate.training
    prepared, split = (training.root / place(training.dataset) for place in (layout.prepared, layout.split))
    parts = [
        f"# prefactor-{training.dataset}",
        f"A personal reward model: VRF ({training.variant}) on {training.backbone} states. Given a user, known by id "
        "or by reference pairs, it ranks candidate responses to a prompt and says how sure it is.",
        "## Figures on evaluation pairs\n" + _figures(training),
        "## Limits\n" + _bullets(LIMITS),
        "## Data\n" + _data(prepared),
        "## Split\n" + _split(read_object(split / "manifest.json")),
        "## Choice\n" + _choice(candidate),
        "## Backbone\n" + _bullets(f"{name}: {value}" for name, value in sorted(backbone.items())),
        "## Licence\n" + LICENCE,
    ]
    return "\n\n".join(parts) + "\n"


def _data(prepared: Path) -> str:
    source = read_object(prepared / "source.json")
    rows = {name: pq.read_metadata(prepared / f"{name}.parquet").num_rows for name in ("users", "pairs", "texts")}
    sizes = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    lines = [f"source: {source.get('name', 'unnamed')}", sizes]
    lines += [f"licence: {source['licence']}"] if "licence" in source else []
    for kind in ("dropped", "noted"):
        lines += [f"{kind}: {count:,} × {reason}" for reason, count in source.get(kind, {}).items() if count]
    return _bullets(lines)


def _split(manifest: dict[str, Any]) -> str:
    users = ", ".join(f"{count:,} {role}" for role, count in manifest["users"].items())
    lines = [f"leakage rule: {manifest['rule']}", f"users: {users}"]
    for role, sizes in manifest["averages"].items():
        lines.append(f"{role}, pairs per user: " + ", ".join(f"{name} {size:.1f}" for name, size in sizes.items()))
    return _bullets(lines)


def _choice(candidate: Candidate) -> str:
    header = "Chosen by validation accuracy, mean over seeds; evaluation pairs had no say."
    rows = [[t.name, _percent(t.validation_accuracy), len(t.summary["seeds"])] for t in candidate.contenders]
    table = _table(["training", "validation accuracy", "seeds"], rows)
    kept = candidate.training.choices_kept.get(candidate.seed)
    form = "" if kept is None else f" Of the choices in its parameters held-out data chose number {kept} for that seed."
    return f"{header} Of its seeds, {candidate.seed} validated best and is the one served.{form}\n\n{table}"


def _figures(training: Training) -> str:
    """Accuracy and log loss with intervals, and the few-shot curve, means over all seeds."""
    results = training.results[training.results["seed"] == "all"]
    whole, few = results[results["shots"].isna()], results[results["shots"].notna() & (results["metric"] == "accuracy")]
    rows = [[row.split, _named(row), _value(row), row.n_users, row.n_pairs] for row in _ordered(whole).itertuples()]
    tables = [_table(["users", "metric", "mean over seeds [95 % over users]", "users", "pairs"], rows)]
    if len(few):
        shots = [[row.shots, row.split, _value(row)] for row in few.sort_values(["split", "shots"]).itertuples()]
        tables.append(_table(["reference pairs", "users", "accuracy [95 % over users]"], shots))
    return "\n\n".join(tables)


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(SPLITS)}
    return rows.assign(order=rows["split"].map(order)).sort_values(["metric", "order", "setting"], kind="stable")


def _named(row: Any) -> str:
    return f"{row.metric} ({row.setting})" if row.setting else row.metric


def _value(row: Any) -> str:
    show = _percent if row.metric == "accuracy" else "{:.3f}".format
    return f"{show(row.value)} [{show(row.ci_low)}, {show(row.ci_high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
