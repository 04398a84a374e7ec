"""A training that moves the backbone under the reward: what stage train-encoder does for a variant with ``tuning``."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from prefactor import backbones, layout
from prefactor.atomic import write_json
from prefactor.backbones import Backbone, BackboneParameters, States, open_states
from prefactor.cohorts import Cohort, text_ids
from prefactor.errors import InputError
from prefactor.layout import Cell
from prefactor.methods.base import RewardModel
from prefactor.parameters import as_dict, build, load_parameters, section
from prefactor.reading import read_object
from prefactor.tracking.live import live_run
from prefactor.training import Trained, finished
from prefactor.tuning.checkpoint import Checkpoints, Course, about, backbone_tensors
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.processes import Processes
from prefactor.tuning.step import with_tuned
from prefactor.tuning.storage import load_tuned, save_backbone
from prefactor.tuning.texts import read_texts
from prefactor.tuning.tuning import TunedTraining, check_tunable
from prefactor.tuning.weights import load_trainable
from stages.trainings import MethodParameters, stage_name

SAME = ("model", "revision", "weights_sha256", "tokenizer_sha256", "layout", "pooling", "max_tokens", "hidden_size")
LAUNCHED = "WORLD_SIZE"  # set by accelerate's launcher for every process that it starts


@dataclass(frozen=True)
class Cost:
    """What a tuned training took on this machine, in minutes, and the backbone's number of weights.

    ``inference_minutes`` are those of the tuned backbone's states of all texts of the dataset.
    """

    training_minutes: float
    inference_minutes: float
    backbone_weights: int


@dataclass(frozen=True)
class TunedCell:
    """One cell whose variant moves its backbone: the frozen backbone's states, and its users with them."""

    cell: Cell
    states: States
    cohorts: Mapping[str, Cohort]

    @property
    def backbone(self) -> BackboneParameters:
        """The cell's backbone. One process encodes: others would load the frozen weights by their name."""
        key = f"backbones.{self.cell.backbone}"
        return replace(build(BackboneParameters, section(load_parameters(), key), key), processes=1)

    def train(self, parameters: MethodParameters, model: RewardModel, seed: int, number: int) -> Course:
        """Train method and backbone to their best validation, in all processes; the work folder then holds both."""
        tuning = _tuning(parameters)
        check_tunable(model)
        processes = Processes(cpu=self.backbone.device == "cpu")
        live = self._live(tuning, parameters, seed, processes)
        checkpoints = self._checkpoints(parameters, model, seed, number, processes.count)
        seen, held_out = self.cohorts["seen"], self.cohorts["validation"]
        name = stage_name("train-encoder", self.cell, seed, number)
        following = live_run(Path(), self.cell, name, checkpoints.key) if processes.is_first else nullcontext()
        with following as report:
            training = TunedTraining(
                model, live, seen, held_out, parameters.training, tuning, seed, checkpoints, report
            )
            course = training.run(name)
        tensors = backbone_tensors(live)
        if processes.is_first:
            save_backbone(layout.tuned_backbone(checkpoints.folder), live, tensors, self.backbone, tuning)
        return course

    def finish(
        self, parameters: MethodParameters, model: RewardModel, course: Course, seed: int, work: Path
    ) -> tuple[Trained, Cost]:
        """Cache the tuned backbone's states of all texts of the dataset, and complete the method on them."""
        folder = layout.tuned_states(work)
        reader = load_tuned(self.backbone, layout.tuned_backbone(work))
        seconds = self._embed(reader, folder)
        weights = sum(parameter.numel() for parameter in reader.engine.forward.model.parameters())
        cost = Cost(course.seconds / 60, seconds / 60, weights)
        seen, held_out = (with_states(self.cohorts[role], folder, self._ids) for role in ("seen", "validation"))
        assert course.best is not None
        return finished(model, seen, held_out, parameters.training, seed, course.history, course.best), cost

    def _embed(self, reader: Backbone, folder: Path) -> float:
        """Cache the states of all texts; how long that took, in seconds, without a break.

        What a stopped run has left of them is made anew: nobody knows how long it took.
        """
        took, identity = folder.with_name("inference.json"), reader.identity()
        found = read_object(took) if took.exists() else {}
        if found.get("backbone") != identity:
            shutil.rmtree(folder, ignore_errors=True)
            seconds = backbones.embed(self._texts, folder, reader, self.backbone).seconds
            found = {"backbone": identity, "seconds": seconds}
            write_json(took, found)
        return float(found["seconds"])

    def with_states(self, work: Path) -> Cohort:
        """Seen users with the tuned backbone's states."""
        return with_states(self.cohorts["seen"], layout.tuned_states(work), self._ids)

    def keep(self, work: Path, folder: Path) -> None:
        """Copy the tuned backbone and its states beside the model."""
        for place in (layout.tuned_backbone, layout.tuned_states):
            shutil.copytree(place(work), place(folder))

    @property
    def _texts(self) -> Path:
        return layout.prepared(self.cell.dataset) / "texts.parquet"

    @property
    def _ids(self) -> list[str]:
        return text_ids(layout.split(self.cell.dataset))

    def _live(
        self, tuning: BackboneTuning, parameters: MethodParameters, seed: int, processes: Processes
    ) -> LiveBackbone:
        backbone = load_trainable(self.backbone, tuning, seed)
        _check_same(backbone, self.states)
        texts = read_texts(self._texts, self._ids)
        return LiveBackbone(backbone, texts, tuning, parameters.training.weight_decay, processes)

    def _checkpoints(
        self, parameters: MethodParameters, model: RewardModel, seed: int, number: int, processes: int
    ) -> Checkpoints:
        cohorts = [self.cohorts["seen"], self.cohorts["validation"]]
        what = about(as_dict(parameters), self.states.identity, model, cohorts, seed, processes)
        return Checkpoints(layout.checkpoints(self.cell, seed, number), what)


def with_states(cohort: Cohort, cache: Path, ids: list[str]) -> Cohort:
    """The cohort with the view of a tuned backbone's cache."""
    import torch

    states = torch.from_numpy(open_states(cache).gather(ids))
    return replace(cohort, pairs=with_tuned(cohort.pairs, states))


def launched(parameters: MethodParameters) -> bool:
    """Start this stage anew in as many processes as are asked for, unless it is one of them; whether that was done.

    Raises InputError if they fail. A configuration of accelerate's that the variable ACCELERATE_CONFIG_FILE
    names, which is this project's own, decides on FSDP.
    """
    count = _tuning(parameters).processes if parameters.tunes else 1
    if count == 1 or LAUNCHED in os.environ:
        return False
    settings = os.environ.get("ACCELERATE_CONFIG_FILE")
    how = ["--config_file", settings] if settings else ["--multi_gpu", "--mixed_precision", "no"]
    how += [] if settings else ["--num_machines", "1", "--dynamo_backend", "no", "--main_process_ip", "127.0.0.1"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *how, "--num_processes", str(count)]
    done = subprocess.run([*command, "-m", "stages.train_encoder", *sys.argv[1:]], check=False)
    if done.returncode:
        raise InputError(f"one of the {count} processes failed with code {done.returncode}: see above")
    return True


def is_first_process() -> bool:
    """Whether this process is the one that writes the stage's outputs."""
    return os.environ.get("RANK", "0") == "0"


def _tuning(parameters: MethodParameters) -> BackboneTuning:
    assert parameters.tuning is not None
    return parameters.tuning


def _check_same(backbone: Backbone, states: States) -> None:
    """Refuse cached states of another backbone: the method would start from what it never sees."""
    found = backbone.identity()
    for key in SAME:
        if found.get(key) != states.identity.get(key):
            raise InputError(
                f"cache {states.folder} has {key.replace('_', ' ')} {states.identity.get(key)}, but the backbone to be "
                f"tuned {found.get(key)}: rerun stage embed"
            )
