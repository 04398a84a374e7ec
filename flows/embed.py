"""The flow `embed`: the states of a dataset's texts, piece by piece on as many machines as there are."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.devices import device
from flows.dvc_output import planned_stages
from flows.outage import Page
from flows.parts import PartBoard, run_parts
from flows.rebuild import graph_of, reproduce
from flows.slots import count_slots, kind_of_slot, slot
from flows.workspace import exclusive
from prefactor import backbones, layout
from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.backbones.pieces import Missing, Piece
from prefactor.backbones.states import FEWEST
from prefactor.parameters import build, load_parameters, section
from prefactor.progress import Progress

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PROGRESS_KEY = "embed-progress"
RESULT_KEY = "embed-result"
PIECES_PER_WORKER = 4  # at least, as far as they have texts enough: so that nobody waits long for the last one


@flow(name="embed", retries=0, persist_result=False)
def embed(
    dataset: str = "stylebench",
    backbone: str = "minilm",
    build_first: bool = True,
    where: str = "",
    workers: Annotated[int, Field(ge=1)] = 2,
    root: Path = PROJECT_ROOT,
) -> dict[str, Any]:
    """Bring the states of a dataset's texts up to date, encoding only what its cache lacks.

    Killed, the next run goes on after the last whole pieces. `dvc repro` then finds nothing left to encode.

    Args:
        dataset: Whose texts: a dataset of params.yaml.
        backbone: Who reads them: a backbone of params.yaml.
        build_first: Bring what is read up to date with `dvc repro` before, where the pipeline has this cache.
        where: Empty for this process, `processes` for processes of this machine, or the address of a Dask scheduler,
            tcp://host:8786, whose workers share the disk and run in the project's folder.
        workers: Processes, each of which loads the backbone. A scheduler at an address has its own.
        root: The folder that holds dvc.yaml.
    """
    count_slots(kind_of_slot())
    with exclusive(root) as lock:
        if build_first:
            _build(dataset, backbone, root, lock)
        parameters = _parameters(backbone, root)
        texts, cache = root / layout.prepared(dataset) / "texts.parquet", root / layout.states(dataset, backbone)
        others = [path for path in sorted(root.glob(str(layout.states("*", backbone)))) if path != cache]
        reader = load_backbone(replace(parameters, device="cpu"))  # says what it is, no more

        def encode(missing: Missing) -> Mapping[str, int]:
            return _share_out(missing, where, workers)

        report = backbones.embed(texts, cache, reader, parameters, others, encode)
    told = {name: round(value, 1) for name, value in asdict(report).items()}
    said = f"{report.texts:,} texts in `{cache}`"
    Page(f"embedding {dataset}").show(lambda: create_table_artifact([told], key=RESULT_KEY, description=said))
    get_run_logger().info("%s texts encoded, %s reused", report.encoded, report.reused)
    return told


@task(name="encode-piece", cache_policy=NO_CACHE, retries=0, persist_result=False)
def encode_piece(piece: Piece) -> int:
    """Encode some texts into a shard of the cache; how many tokens were computed."""
    kind = kind_of_slot()
    with slot(kind), device(kind):
        return piece.encode(Progress("embed", len(piece), "texts"))


def _share_out(missing: Missing, where: str, workers: int) -> Mapping[str, int]:
    """Have everything that is missing encoded: new shards' names, and the tokens that each took."""
    number = len(missing.rows)
    at_once = workers if where else 1  # one process reads one piece at a time, with all its threads
    size = min(missing.parameters.shard_texts, max(math.ceil(number / (PIECES_PER_WORKER * at_once)), FEWEST))
    pieces = missing.pieces(size)
    board = PartBoard(PROGRESS_KEY, "texts", number)
    computed = run_parts("encode-pieces", encode_piece, pieces, where, at_once, lambda piece: board.advance(len(piece)))
    return dict(zip((piece.name for piece in pieces), computed, strict=True))


def _build(dataset: str, backbone: str, root: Path, lock: int) -> None:
    """What stage embed of this cache reads, if there is such a stage."""
    stage = f"embed@{dataset}-{backbone}"
    graph = graph_of(root)
    if f'"{stage}"' not in graph:
        get_run_logger().info("the pipeline has no stage %s: taking what is there", stage)
        return
    before = [name for name in planned_stages(graph, [stage]) if name != stage]
    if before:
        reproduce(before, False, root, lock)


def _parameters(backbone: str, root: Path) -> BackboneParameters:
    """As in params.yaml; a folder below the root is named from the top, because other processes stand elsewhere."""
    key = f"backbones.{backbone}"
    parameters = build(BackboneParameters, section(load_parameters(root / "params.yaml"), key), key)
    folder = root / parameters.model
    return replace(parameters, model=str(folder)) if folder.is_dir() else parameters
