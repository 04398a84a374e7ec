"""What a variant changes, in words."""

import json
from pathlib import Path

from prefactor.evaluation.variants import Change, Variation
from prefactor.reporting.estimates import TO
from prefactor.reporting.tables import Contender
from prefactor.reporting.variants import ARROW, in_words, variations_of
from prefactor.trainings import Training


def test_changes_are_named_with_their_values() -> None:
    changed = Change("a.b", 1, 2), Change("c", True, False)
    assert in_words(Variation("default", changed)) == f"a.b: 1 {ARROW} 2; c: true {ARROW} false"
    assert in_words(Variation("faithful", (Change("d", None, 1e-3),))) == f"d: {TO} {ARROW} 0.001"
    assert in_words(Variation("default", (Change("e", [{}, {"a": 1}], []),))) == f"e: 2 of them {ARROW} none"


def test_no_change_is_said_and_many_are_counted() -> None:
    assert in_words(Variation("default", ())) == "nothing"
    assert in_words(Variation("default", tuple(Change(key, 1, 2) for key in "abc"))) == "3 parameters"


def test_contenders_have_the_variations_of_their_trainings(tmp_path: Path) -> None:
    trainings = {}
    for variant, margin in (("default", 1.0), ("wide", 2.0)):
        training = Training("d", "b", "vrf", variant, tmp_path)
        training.folder.mkdir(parents=True)
        summary = {"seeds": {"0": {}}, "run": "r", "parameters": {"model": {"margin": margin}}}
        (training.folder / "training.json").write_text(json.dumps(summary))
        trainings[Contender("vrf", variant)] = training
    changed = Variation("default", (Change("model.margin", 1.0, 2.0),))
    assert variations_of(trainings) == {Contender("vrf", "wide"): changed}
