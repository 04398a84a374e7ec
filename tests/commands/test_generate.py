"""``prefactor generate``: the text, what it is worth and why; or one line that names what is wrong and its fix."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prefactor import layout
from prefactor.cli import app
from tests.decoding.projects import DATASET, MODEL, PAIRS, fresh_copy, tiny_project, user_of

PROMPT = "How do I bake bread?"
ROWS = ("reward   ", "known    ", "why      ", "written  ")


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> str:
    """One of the project, which is where the command runs."""
    monkeypatch.chdir(tiny_project())
    return user_of(tiny_project())


def run(*arguments: object, user: str, prompt: str = PROMPT) -> Result:
    return CliRunner().invoke(app, ["generate", "--user", user, "--prompt", prompt, *map(str, arguments)])


def said(*arguments: object, user: str) -> dict[str, str]:
    """What is printed below the text, by the first word of its row."""
    done = run(*arguments, user=user)
    assert done.exit_code == 0, done.output
    found: dict[str, str] = {}
    name = "text"
    for line in done.stdout.splitlines():
        name = line[:9].strip() if line.startswith(ROWS) else name
        found[name] = f"{found[name]} {line.strip()}" if name in found else line[9:] if name != "text" else line
    return found


def as_json(*arguments: object, user: str) -> dict:
    done = run(*arguments, "--json", user=user)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_drift_by_default(user: str) -> None:
    found = said(user=user)
    assert list(found) == ["text", "reward", "known", "why", "written"]
    assert " ± " in found["reward"] and "logits against the base model's answer, by vrf;" in found["reward"]
    assert "prefers it with probability" in found["reward"] and "its largest bases for the user: " in found["reward"]
    assert found["known"] == f"{PAIRS} pairs of this user; no reward model was trained on them"
    assert found["why"].startswith("steered by ") and "entropy of the next token: " in found["why"]
    assert found["written"].startswith(f"by {MODEL}, drift: ")


def test_the_same_as_json(user: str) -> None:
    found = as_json("--method", "best_of_n-vrf", "--samples", 4, "--seed", 3, user=user)
    assert found["known"] == {"pairs": PAIRS, "role": "unseen"}
    assert (found["method"], found["model"], found["dataset"], found["seed"]) == ("best_of_n-vrf", MODEL, DATASET, 3)
    assert found["reward"].keys() == {"model", "mean", "std", "probability", "bases", "wished"}
    (best,) = [one for one in found["candidates"] if one["chosen"]]
    assert best["text"] == found["text"] and best["reward"] == max(one["reward"] for one in found["candidates"])
    assert found["base"]["text"] == as_json("--method", "base", "--seed", 3, user=user)["text"]
    assert user not in json.dumps(found)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("base", "what the model writes for everyone"),
        ("history", "no pair of the user's stands before the prompt"),  # none fits so small a context
        ("exact", "recalled from the user's nearest prompt, similarity 0."),
        ("exact_global", ": for all prompts"),
        ("dpo", f"a model of the user's own, trained on {PAIRS} pairs"),
        ("best_of_n-bt", "the best of "),
        ("args-vrf", "at every token: log-probability + 1 x reward, of the 3 likeliest"),
        ("exact+best_of_n-vrf", "rewards against their mean:"),
    ],
)
def test_every_method_says_why(user: str, method: str, why: str) -> None:
    assert why in said("--method", method, user=user)["why"]


def test_candidates_are_listed_by_their_rewards(user: str) -> None:
    lines = run("--method", "best_of_n-vrf", "--samples", 5, user=user).stdout.splitlines()
    listed = [line.strip() for line in lines if line.startswith(("           +", "           -", "         * "))]
    rewards = [float(line.lstrip("* ").split()[0]) for line in listed]
    assert rewards == sorted(rewards, reverse=True) and len(rewards) > 2
    assert [line.startswith("* ") for line in listed] == [True] + [False] * (len(listed) - 1)
    assert ", which chose it;" in said("--method", "best_of_n-vrf", user=user)["reward"]


def test_a_stranger_gets_the_prior_by_every_method(user: str) -> None:
    for method in ("drift", "exact", "history", "dpo", "best_of_n-vrf", "args-vrf"):
        found = said("--method", method, user="nobody")
        assert found["known"] == "nothing is known of this user: the prior answers", method
    found = said(user="nobody")
    assert found["why"] == "no attribute steers: the base model's own text"
    assert found["reward"].startswith("no more and no less than the base model's answer: it is the same text")


def test_weights_of_ones_own(user: str) -> None:
    assert "steered by formal -0.80, technical +0.60" in said("--weights", "technical=3,formal=-4", user=user)["why"]
    lined = said("--weights", "technical=3,direct=1,formal=-4", "--method", "exact", user=user)["why"]
    assert lined.startswith("told the attributes direct, technical: as you asked")
    weighed = said("--weights", "basis:0=3,basis:2=1", "--method", "args-vrf", user=user)["reward"]
    assert "bases as you set them: 0 (formal) 0.75, 2 0.25" in weighed and ", which steered it" in weighed


def test_seen_users_and_another_judge(user: str) -> None:
    seen = said("--reward", "lore", user=user_of(tiny_project(), "seen"))
    assert seen["known"].endswith("; reward models were trained with them")
    assert " ± " not in seen["reward"] and ", by lore;" in seen["reward"]


def test_it_runs_anywhere_with_the_project_named(user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = run(user=user).stdout
    monkeypatch.chdir(tmp_path)
    assert run("--params", tiny_project() / "params.yaml", user=user).stdout == here
    assert not list(tmp_path.iterdir())


def test_nothing_that_stages_made_is_touched(user: str) -> None:
    def contents() -> dict[Path, bytes]:
        asked = tiny_project() / layout.asked_likelihoods(MODEL)
        files = [path for path in tiny_project().rglob("*") if path.is_file() and asked not in path.parents]
        return {path: path.read_bytes() for path in files}

    before = contents()
    run("--method", "exact", user=user)
    run("--method", "dpo", user=user)
    assert contents() == before


def test_without_a_trained_reward_a_line_says_so(user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = fresh_copy(tmp_path / "project")
    shutil.rmtree(project / "models" / DATASET / MODEL / "vrf")
    monkeypatch.chdir(project)
    found = said("--method", "base", user=user)
    assert found["reward"].startswith("none: ") and "has no trained model: add 'vrf' to run.methods" in found["reward"]
    assert as_json("--method", "base", user=user)["reward"] is None


def test_control_characters_are_printed_harmlessly(user: str) -> None:
    """The tiny model writes whatever its tokens spell."""
    for seed in range(3):
        printed = run("--method", "best_of_n-vrf", "--seed", seed, user=user, prompt="How \x1b[31mdo\x07 I?").stdout
        assert all(sign == "\n" or sign.isprintable() for sign in printed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "drfit"), "unknown method 'drfit'; did you mean 'drift'"),
        (("--method", "best_of_n-pal"), "has no trained model: add 'pal' to run.methods and run `dvc repro`"),
        (("--reward", "vfr"), "unknown reward model 'vfr'; did you mean 'vrf'"),
        (("--model", "tinny"), "unknown backbone 'tinny'; did you mean 'tiny'"),
        (("--model", "minilm"), "backbones.minilm: embedded gives no log-probabilities: name a causal language model"),
        (("--model", "other"), "other is not there: with 'other' in run.backbones, run `dvc repro language-model`"),
        (("--dataset", "stylebnch"), "unknown dataset 'stylebnch'; did you mean 'stylebench'"),
        (("--params", "nowhere.yaml"), "nowhere.yaml does not exist: run from the project's root"),
        (("--samples", "4"), "--samples is for Best-of-N, and drift writes one text"),
        (("--weights", "concise=1,basis:0=1"), "--weights: attributes and bases are mixed"),
        (("--weights", "basis:0=1"), "--weights: drift has no reward whose bases could be weighed"),
        (("--weights", "concise=1", "--method", "history"), "--weights: history is told no attributes"),
        (("--weights", "basis:0=1", "--method", "best_of_n-bt"), "bt has no bases to weigh: use one of lore, pal, vrf"),
        (("--prompt", " "), "the prompt is empty, and stylebench has no empty prompts"),
        (("--prompt", "bread " * 300), "tokens with what is around it, and 10 may follow, but the model reads 256"),
        (("--prompt", "caf\udce9"), "--prompt is not valid UTF-8"),
    ],
)
def test_an_input_at_fault_is_one_line(user: str, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments, user=user)
    assert done.exit_code == 1 and not done.stdout
    assert done.stderr.startswith("prefactor: ") and message in done.stderr and done.stderr.count("\n") == 1
    assert user not in done.stderr


def test_no_samples_are_refused(user: str) -> None:
    done = run("--method", "best_of_n-vrf", "--samples", "0", user=user)
    assert done.exit_code == 2 and "--samples" in done.stderr
