"""Looking for a person in a workspace: in its tables, and then in every file by what the tables tell."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.errors import InputError
from prefactor.forgetting.dvc_cache import Cached, cached
from prefactor.forgetting.exposure import UNKNOWN
from prefactor.forgetting.journal import Finding
from prefactor.forgetting.mentions import mentions
from prefactor.forgetting.posteriors import knows
from prefactor.forgetting.prepared import Share
from prefactor.forgetting.sought import Sought
from prefactor.forgetting.traces import Traces
from prefactor.forgetting.workspace import Workspace, dataset_of, dataset_of_file, walk
from prefactor.methods.storage import USER_IDS
from prefactor.progress import progress

SEEN = "seen"
Hits = Mapping[str | None, Sequence[Path]]


@dataclass(frozen=True)
class Look:
    """A workspace's files, the datasets that are asked for, and the ids that a person is known by."""

    workspace: Workspace
    user_ids: Sequence[str]
    files: Sequence[Path]
    wanted: frozenset[str]
    cache: Cached | None

    @classmethod
    def at(cls, workspace: Workspace, user_ids: Sequence[str], dataset: str | None) -> Self:
        """Everything as it stands now; all datasets for None."""
        files, cache = list(workspace.files()), cached(workspace.root)
        outputs = set().union(*cache.outputs.values()) if cache else set()
        names = {dataset_of_file(workspace.relative(path)) for path in files}
        names |= {dataset_of(PurePosixPath(path)) for path in outputs}
        wanted = {name for name in names if name is not None and dataset in (None, name)}
        return cls(workspace, user_ids, files, frozenset(wanted), cache)

    @property
    def plain(self) -> Traces:
        """The ids alone."""
        return Traces(users=frozenset(self.user_ids))

    def strays(self, place: Path) -> bool:
        """Does a file or folder lie outside the project, or anything below it; but for DVC's cache, which is its own.

        Links lead there: what they lead to is not the pipeline's to change.
        """
        cache = self.cache.folder.resolve() if self.cache else None
        if cache is not None and place.resolve().is_relative_to(cache):
            return False
        below = (path for path in walk(place) if cache is None or not path.resolve().is_relative_to(cache))
        return not all(map(self.workspace.holds, (place, *below)))

    def sought(self, findings: Mapping[str, Finding]) -> Sought:
        """What is looked for once that is found."""
        return Sought(self.plain, {name: finding.traces for name, finding in findings.items()}, self.wanted)

    def search(self, sought: Sought) -> Hits:
        """Files that mention the person, by dataset."""
        hits: dict[str | None, list[Path]] = defaultdict(list)
        with progress("forget", len(self.files), "files") as shown:
            for path in self.files:
                name = dataset_of_file(self.workspace.relative(path))
                traces = sought.about([name])
                if traces is not None and mentions(path, traces):
                    hits[name].append(path)
                shown.advance()
        return hits


def in_tables(look: Look, shares: Mapping[str, Share]) -> dict[str, Finding]:
    """What prepared tables tell, those that are and those that were, and splits."""
    former = look.cache.former_shares(look.user_ids) if look.cache else {}
    found = {}
    for name in sorted(look.wanted):
        share, traces = shares[name], shares[name].own
        if name in former:
            traces = traces | (former[name] - share.others())
        role = _role(look.workspace, name, look.user_ids, known=share.removal is not None)
        if traces.names or role:
            found[name] = Finding(look.plain | traces, role)
    return found


def _role(workspace: Workspace, dataset: str, user_ids: Sequence[str], known: bool) -> str | None:
    """The user's role in the split; where there is none, what trained models tell of a user whom the tables know."""
    split = workspace.root / layout.split(dataset) / "users.parquet"
    models = [file.parent for file in walk(workspace.root / "models" / dataset) if file.name == USER_IDS]
    if split.exists() and (role := _role_in(split, user_ids)) is not None:
        return role
    if any(knows(folder, user_ids) for folder in models):
        return SEEN
    return UNKNOWN if known and models and not split.exists() else None


def _role_in(split: Path, user_ids: Sequence[str]) -> str | None:
    """Raises InputError for a table that is broken."""
    try:
        users = pq.read_table(split, columns=["user_id", "role"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{split} cannot be read ({error}): run stage split again") from error
    roles = users.filter(pc.field("user_id").isin(list(user_ids)))["role"].to_pylist()
    return roles[0] if roles else None
