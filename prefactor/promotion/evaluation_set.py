"""The frozen evaluation set: the evaluation pairs of a split's unseen users, named by what they hash to."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from prefactor import layout
from prefactor.cohorts import Cohort, StateView, load_cohort
from prefactor.errors import InputError
from prefactor.evaluation.items import Kind, read_kind
from prefactor.reading import read_object
from prefactor.serving.seal import digest
from prefactor.tracking.lineage import LOCK, recorded_hashes

FILES = ("pairs.parquet", "users.parquet")
ROLE = "unseen"


@dataclass(frozen=True)
class EvaluationSet:
    """A dataset's unseen users below ``root``, ``without`` some; ``digest`` (16 hex digits) names the whole split."""

    root: Path
    dataset: str
    digest: str
    without: frozenset[str] = frozenset()

    @property
    def split(self) -> Path:
        """The folder of the split."""
        return self.root / layout.split(self.dataset)

    @property
    def prepared(self) -> Path:
        """The folder of the dataset's tables."""
        return self.root / layout.prepared(self.dataset)

    @property
    def dvc_md5(self) -> str | None:
        """The hash that dvc.lock records for the split."""
        return recorded_hashes(self.root / LOCK).get(layout.split(self.dataset).as_posix())

    @cached_property
    def users(self) -> frozenset[str]:
        """Ids of the users to be evaluated."""
        table = pq.read_table(self.split / "pairs.parquet", columns=["user_id"], filters=[("role", "==", ROLE)])
        return frozenset(table["user_id"].unique().to_pylist()) - self.without

    @cached_property
    def kind(self) -> Kind:
        """What users share: prompts, or items."""
        return read_kind(self.prepared)

    def leaving_out(self, users: Collection[str]) -> "EvaluationSet":
        """The same without these users too."""
        return replace(self, without=self.without | frozenset(users))

    def cohort(self, view: str, states: StateView) -> Cohort:
        """Its users and pairs with states; the same users and pairs in the same order, whatever the states."""
        return load_cohort(self.split, ROLE, {view: states}, self.without)


def frozen_set(root: Path, dataset: str, frozen: Mapping[str, str]) -> EvaluationSet:
    """The set of a dataset as it lies there.

    InputError if it is missing, is not what stage split wrote, or not what ``frozen`` says it must hash to.
    """
    split = root / layout.split(dataset)
    written = read_object(split / "manifest.json").get("checksums", {}).get("written", {})
    found = {name: digest(split / name) for name in FILES if (split / name).is_file()}
    for name in FILES:
        if name not in found:
            raise InputError(f"{split / name} does not exist: run `dvc repro`, or `dvc checkout` if it ran elsewhere")
        if written.get(name, found[name]) != found[name]:
            raise InputError(f"{split / name} was changed after it was split: run `dvc checkout`, or `dvc repro`")
    whole = hashlib.sha256("".join(f"{name} {found[name]}\n" for name in FILES).encode()).hexdigest()[:16]
    if not whole.startswith(wanted := frozen.get(dataset, "")):
        raise InputError(
            f"promotion.frozen.{dataset} is {wanted}, but the evaluation set hashes to {whole}: bring that split back, "
            "or freeze this one"
        )
    return EvaluationSet(root, dataset, whole)
