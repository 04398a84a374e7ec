"""``prefactor generate``: a text for one user, what it is worth to them, and why it is what it is."""

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefactor.commands.arguments import Params
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.decoding.personal_answer import PersonalAnswer
    from prefactor.decoding.question import Question
    from prefactor.decoding.verdict import Verdict
    from prefactor.decoding.workshop import Workshop

METHODS = "drift, exact, exact_global, history, base, dpo, best_of_n-vrf, args-vrf, exact+best_of_n-vrf"
WIDTH, INDENT = 100, 9
SHOWN = 70  # characters of a candidate
SILENT = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


def generate(
    user: Annotated[str, typer.Option(help="The user's id; for one who is nowhere the prior answers.")],
    prompt: Annotated[str, typer.Option(help="What is asked.")],
    method: Annotated[str, typer.Option(help=f"Who writes: {METHODS}; or another reward model for vrf.")] = "drift",
    weights: Annotated[
        str | None,
        typer.Option(help="Instead of inferred ones: concise=1,formal=-0.5, or a reward's basis:0=0.7,basis:3=0.3."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A language model among the backbones.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Whose users are meant.")] = None,
    reward: Annotated[str | None, typer.Option(help="The reward model that judges: vrf, or bt, lore, ...")] = None,
    samples: Annotated[int | None, typer.Option(help="Texts that Best-of-N chooses from.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Of all draws.")] = None,
    params: Params = Path("params.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Write an answer for one user of a project: the text, its reward with uncertainty, and why.

    Run it where params.yaml is: in the project's root or a study's folder.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in SILENT.items()})
    from prefactor.decoding.one_user import workshop_of
    from prefactor.decoding.personal_answer import personal_answer
    from prefactor.decoding.question import Question

    for name, text in (("--user", user), ("--prompt", prompt)):
        _check_text(name, text)
    workshop = workshop_of(params, user, dataset, model)
    _use_threads(workshop.values)
    question = Question(prompt, method, weights, samples, seed, reward)
    found = personal_answer(workshop, question)
    if as_json:
        typer.echo(_json(found, question, workshop))
    else:
        typer.echo("\n".join(lines(found, question, workshop.name)))


def lines(found: "PersonalAnswer", question: "Question", model: str) -> Iterator[str]:
    """What a person reads of an answer."""
    from prefactor.inspection.console import visible

    yield visible(found.written.text) if found.written.text.strip() else "(an empty text)"
    yield ""
    yield from _row("reward", _worth(found, question))
    if found.verdict is not None and found.verdict.bases:
        yield from _row("", _bases(found.verdict, found.wished))
    yield from _row("known", _known(found))
    for row, text in enumerate(_why(found, question)):
        yield from _row("" if row else "why", text)
    for one in sorted(found.candidates, key=lambda candidate: -candidate.reward):
        mark = "*" if one.chosen else " "
        yield f"{'':{INDENT}}{mark} {_figure(one.reward, one.std)}  {_short(visible(one.text))}"
    end = "" if found.written.finished else ", cut off there"
    yield from _row("written", f"by {model}, {question.method}: {_count(found.written.tokens, 'token')}{end}")


def _worth(found: "PersonalAnswer", question: "Question") -> str:
    verdict = found.verdict
    if verdict is None:
        return f"none: {found.unjudged}"
    if found.written.text == found.base.text:
        return "no more and no less than the base model's answer: it is the same text"
    had = f", which {'chose' if question.chooses else 'steered'} it" if _is_own(verdict, question) else ""
    figure = f"{_figure(verdict.mean, verdict.std)} logits against the base model's answer, by {verdict.model}{had}"
    return f"{figure}; the user prefers it with probability {_share(verdict.probability)}"


def _is_own(verdict: "Verdict", question: "Question") -> bool:
    """Whether the method went by what judges now."""
    return question.method.endswith(f"-{verdict.model}")


def _bases(verdict: "Verdict", wished: bool) -> str:
    told = ", ".join(
        f"{base.number}{f' ({base.name})' if base.name else ''} {base.share:.2f}" for base in verdict.bases
    )
    return f"{'bases as you set them' if wished else 'its largest bases for the user'}: {told}"


def _known(found: "PersonalAnswer") -> str:
    if not found.pairs:
        return "nothing is known of this user: the prior answers"
    trained = "reward models were trained with them" if found.role == "seen" else "no reward model was trained on them"
    return f"{_count(found.pairs, 'pair')} of this user; {trained}"


def _why(found: "PersonalAnswer", question: "Question") -> Iterator[str]:
    """What is behind the text, by who wrote it."""
    about, method = found.about, question.method
    if method == "drift":
        yield _steered(about["attributes"])
    elif method.startswith("exact"):
        yield _lined(about["attributes"], about.get("similarity"), question.weights is not None)
    elif method == "history":
        yield _read(about["pairs"])
    elif method == "dpo":
        yield _trained(about["pairs"])
    elif method.startswith("args"):
        yield f"at every token: log-probability + {about['weight']:g} x reward, of the {about['tokens']} likeliest"
    elif method == "base":
        yield "what the model writes for everyone"
    if about.get("attributes") and "entropy_before" in about:
        before, after = about["entropy_before"], about["entropy_after"]
        yield f"entropy of the next token: {before:.2f} bits before, {after:.2f} after"
    if found.candidates:
        left = f", {found.empty} empty left out" if found.empty else ""
        yield f"the best of {_count(len(found.candidates), 'text')}{left}; rewards against their mean:"


def _read(pairs: int) -> str:
    if not pairs:
        return "no pair of the user's stands before the prompt: the base model's own text"
    return f"the model read {_count(pairs, 'pair')} of the user's before the prompt, as many as fit"


def _trained(pairs: int) -> str:
    return f"a model of the user's own, trained on {_count(pairs, 'pair')}" if pairs else "the base model's own text"


def _steered(attributes: Mapping[str, float]) -> str:
    if not attributes:
        return "no attribute steers: the base model's own text"
    return f"steered by {', '.join(f'{name} {weight:+.2f}' for name, weight in attributes.items())}"


def _lined(attributes: Sequence[str], similarity: float | None, wished: bool) -> str:
    if not attributes:
        return "no attributes: the base model's own text"
    how = "as you asked" if wished else "for all prompts"
    if similarity is not None:
        how = f"recalled from the user's nearest prompt, similarity {similarity:.2f}"
    return f"told the attributes {', '.join(attributes)}: {how}"


def _figure(mean: float, std: float) -> str:
    """Without a deviation where the model has no doubts."""
    return f"{mean:+.2f} ± {std:.2f}" if std else f"{mean:+.2f}"


def _share(probability: float) -> str:
    if probability < 0.01:
        return "below 0.01"
    return "above 0.99" if probability > 0.99 else f"{probability:.2f}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _row(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{name:<{INDENT}}", subsequent_indent=" " * INDENT)


def _json(found: "PersonalAnswer", question: "Question", workshop: "Workshop") -> str:
    import json
    from dataclasses import asdict

    named = {"method": question.method, "model": workshop.name, "dataset": workshop.dataset}
    seed = workshop.parameters.seed if question.seed is None else question.seed
    values = {**asdict(found.written), **named, "seed": seed, "weights": question.weights}
    values["known"] = {"pairs": found.pairs, "role": found.role}
    values["reward"] = None if found.verdict is None else {**asdict(found.verdict), "wished": found.wished}
    values |= {"unjudged": found.unjudged, "why": found.about, "empty": found.empty}
    values |= {"candidates": [asdict(one) for one in found.candidates], "base": asdict(found.base)}
    return json.dumps(values, indent=2, allow_nan=False)


def _use_threads(values: Any) -> None:
    """As many as the stages use: the last digits of every sum depend on it."""
    import torch

    torch.set_num_threads((values.get("run") or {}).get("threads", 2))


def _check_text(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is not valid UTF-8: check the terminal's encoding") from error
