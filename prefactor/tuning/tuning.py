"""The training loop of a method and the backbone under its reward: as ``training.train``, but that states move."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch

from prefactor.cohorts import Cohort
from prefactor.episodes import episodes
from prefactor.errors import InputError
from prefactor.methods.base import ClosedForm, RewardModel
from prefactor.methods.standardised import StandardisedReward
from prefactor.preferences import PairBatch
from prefactor.progress import progress
from prefactor.seeds import generator
from prefactor.training import Plan, Row, TrainingParameters, accuracy_of, history_row, validate
from prefactor.tuning.checkpoint import Checkpoints, Course, Parts
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.step import add_gradients, with_tuned
from prefactor.tuning.weights import moving

Report = Callable[[int, Row], None]  # is told of every step: its number, and figures by name


@dataclass(frozen=True)
class TunedTraining:
    """A method, the backbone under its reward, whom they are trained on, and how.

    The cohorts have the frozen backbone's states alone. ``parameters`` are those of any training, ``tuning`` says what
    is particular to the backbone. ``report`` is told of every step by the first process.
    """

    model: RewardModel
    live: LiveBackbone
    seen: Cohort
    held_out: Cohort
    parameters: TrainingParameters
    tuning: BackboneTuning
    seed: int
    checkpoints: Checkpoints
    report: Report | None = None

    def run(self, stage: str) -> Course:
        """Train both in place and leave them at their best validation; ``training.finished`` completes the method.

        Steps, learning rates, validations and the choice between them are those of ``training.train``. Method and
        backbone are clipped apart: how far one moves does not depend on the other. Goes on from the last of its
        checkpoints, exactly.
        """
        check_tunable(self.model)
        parts, plan = self._started(), Plan.of(len(self.seen), self.parameters, self.tuning.accumulation)
        peaks = [group["lr"] for group in parts.optimiser.param_groups]
        course = self.checkpoints.load(parts)
        batches = islice(self._batches(), course.step * self.tuning.accumulation, plan.batches)
        first = self.live.processes.is_first
        with progress(stage, plan.steps if first else 0, "steps") as shown:
            shown.done = course.step
            while course.step < plan.steps:
                started = time.monotonic()
                _set_rates(parts, peaks, plan.rate(course.step))
                some = list(islice(batches, self.tuning.accumulation))
                course.losses.append(loss := take_step(parts, some, self.parameters.gradient_norm))
                course.step += 1
                if first:
                    shown.advance(note=f"loss {loss:.3f}")
                course.seconds += time.monotonic() - started
                self._record(parts, course, plan, loss)
        assert course.best is not None  # the last step is always a check
        self.checkpoints.load_best(parts, int(course.best["step"]))
        return course

    def _started(self) -> Parts:
        """The method at the start that its training pairs suggest, with its optimiser and its noise."""
        known = self.seen.known()
        at_first = with_tuned(known, known.responses.views["states"])  # the backbone has not moved yet
        self.model.eval().prepare(at_first, generator(self.seed, self.model.stream(), "start"))
        groups = self.model.learnable(self.parameters.learning_rate)
        optimiser = torch.optim.AdamW(groups, weight_decay=self.parameters.weight_decay, fused=True)
        # The first process draws what a frozen backbone's training would; the others draw their own.
        rank = self.live.processes.rank
        noise = generator(self.seed, self.model.stream(), "noise", *([rank] if rank else []))
        return Parts(self.model, optimiser, self.live, noise)

    def _batches(self) -> Iterator[PairBatch]:
        drawn = generator(self.seed, self.model.stream(), "episodes")
        return episodes(self.seen.known(), self.parameters.episodes, drawn)

    def _record(self, parts: Parts, course: Course, plan: Plan, loss: float) -> None:
        """What is due after a step: a row of the history, a validation, a checkpoint, a report."""
        row, started = None, time.monotonic()
        if plan.is_told(course.step):
            row = history_row(self.seed, course.step, course.losses)
            course.losses.clear()
            course.history.append(row)
        if checked := course.step in plan.checks:
            assert row is not None
            self._validate(parts, course, row)
        course.seconds += time.monotonic() - started
        if self.report is not None and self.live.processes.is_first:
            self.report(course.step, {**(row or {}), "loss": loss})  # this step's, not the mean since the last row
        if checked or course.step % self.tuning.checkpoint_every == 0:
            self.checkpoints.save(parts, course)

    def _validate(self, parts: Parts, course: Course, row: Row) -> None:
        few = self.seen.first(self.parameters.validation_users)
        row |= validate(self.model, *with_live_states(self.model, self.live, few, self.held_out))
        if course.best is None or accuracy_of(row) > accuracy_of(course.best):
            course.best = row
            self.checkpoints.save_best(parts, course.step)


def _set_rates(parts: Parts, peaks: list[float], share: float) -> None:
    """Learning rates as a share of their peaks."""
    parts.live.rate(share)
    for group, peak in zip(parts.optimiser.param_groups, peaks, strict=True):
        group["lr"] = share * peak


def check_tunable(model: RewardModel) -> None:
    """Refuse a method through which no gradient reaches a backbone."""
    if isinstance(model, ClosedForm) or not isinstance(model, StandardisedReward) or model.view != "states":
        raise InputError(f"{model.name} does not learn its reward of states by gradient: set its tuning to null")
    if not model.shape.tuned:
        raise InputError(f"this {model.name} reads the frozen backbone alone: give its shape tuned")


def take_step(parts: Parts, batches: list[PairBatch], gradient_norm: float) -> float:
    """One optimiser step on some batches, each process on its own users; the mean loss in nats.

    Where the memory is too small it is taken once more, with the same noise and chunks of half the size. Raises
    InputError for a loss that is none, or where half a chunk is too large.
    """
    live, losses = parts.live, list[float]()
    noise, buffers = parts.noise.get_state(), [buffer.clone() for buffer in parts.model.buffers()]
    if not live.fits(lambda: losses.append(_gradients(parts, batches))):
        parts.noise.set_state(noise)
        for buffer, before in zip(parts.model.buffers(), buffers, strict=True):  # such as VPL's count of steps
            buffer.copy_(before)
        if not live.fits(lambda: losses.append(_gradients(parts, batches))):
            raise live.too_large()
    if not math.isfinite(losses[0]):
        raise InputError("the loss is not finite: lower the learning rates, or set tuning.compute_dtype to float32")
    torch.nn.utils.clip_grad_norm_(parts.model.parameters(), gradient_norm)
    live.processes.clip(live.model, gradient_norm)
    with live.in_memory():
        parts.optimiser.step()
        live.optimiser.step()
    return losses[0]


def _gradients(parts: Parts, batches: list[PairBatch]) -> float:
    """Set the gradients of some batches' loss; that loss, over all processes."""
    live, processes = parts.live, parts.live.processes
    parts.model.train()
    parts.optimiser.zero_grad(set_to_none=True)
    live.optimiser.zero_grad(set_to_none=True)
    pairs = sum(map(len, batches))
    loss = 0.0
    for number, batch in enumerate(batches):
        share, counts = processes.share(batch)
        # Gradients of the backbone are averaged over processes, hence their number.
        weight = processes.count * len(share) / pairs if counts else 0.0
        loss += add_gradients(parts.model, live, share, weight, parts.noise, number == len(batches) - 1)
    mean = float(processes.total(torch.tensor(loss, dtype=torch.float64))) / processes.count
    if math.isfinite(mean):
        _average_gradients(parts)
    return mean


def _average_gradients(parts: Parts) -> None:
    if (count := parts.live.processes.count) == 1:
        return
    learnt = list(moving(parts.model).values())
    parts.live.processes.sum_gradients(learnt)
    for parameter in learnt:
        assert parameter.grad is not None
        parameter.grad /= count


def with_live_states(model: RewardModel, live: LiveBackbone, *cohorts: Cohort) -> Iterator[Cohort]:
    """The cohorts with the backbone's present states of the texts that a validation rewards; NaN of all others."""
    asked = [cohort.to_predict("validation") for cohort in cohorts]
    known = [cohort.known() for cohort in cohorts]
    asked += [pairs for pairs in known if model.adapts_by_reward(seen=bool((pairs.users >= 0).all()))]
    rows = torch.unique(torch.cat([side for pairs in asked for side in (pairs.chosen, pairs.rejected)]))
    responses = cohorts[0].pairs.responses
    states = torch.full((len(responses), live.backbone.hidden), torch.nan)
    states[rows] = live.encode(responses.text[rows].numpy())
    for cohort in cohorts:
        yield replace(cohort, pairs=with_tuned(cohort.pairs, states))
