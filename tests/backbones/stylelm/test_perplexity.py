"""The report says how likely held-out responses are by condition, with intervals over prompts."""

import json
import math

import numpy as np
import pytest
import torch

from prefactor.backbones import stylelm
from prefactor.backbones.stylelm.resampling import Resampling
from prefactor.errors import InputError

from .conftest import tiny_parameters

CONDITIONS = {"plain", "neutral", "system_right", "system_wrong", "line_right", "line_wrong"}


@pytest.fixture(scope="module")
def report(model, tokenizer, corpus):
    return stylelm.measure(model, tokenizer, corpus.held_out, corpus.attributes, tiny_parameters())


def test_every_condition_has_a_perplexity_with_its_interval(report):
    assert set(report["perplexity"]) == CONDITIONS
    for figure in (*report["perplexity"].values(), *report["ratio"].values(), *report["ordered"].values()):
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert figure["n"] > 0 and figure["prompts"] == 3
    json.dumps(report, allow_nan=False)


def test_responses_without_a_right_or_a_wrong_attribute_do_not_count(report):
    assert report["responses"] == 6 and report["prompts"] == 3  # two of four answers have one and lack the other


def test_ratios_are_those_of_perplexities(report):
    for name, ratio in report["ratio"].items():
        one, other = (report["perplexity"][key]["value"] for key in name.split("/"))
        assert ratio["value"] == pytest.approx(one / other, abs=2e-4)
        nats = report["nats_per_response"][name]["value"]
        mean_tokens = report["tokens"] / report["responses"]
        assert nats == pytest.approx(-math.log(ratio["value"]) * mean_tokens, abs=2e-4 * mean_tokens)


def test_every_attribute_orders_pairs(report):
    assert set(report["ordered"]) == {"all", "concise", "formal"}
    assert report["ordered"]["all"]["n"] == sum(report["ordered"][name]["n"] for name in ("concise", "formal"))
    assert all(0 <= figure["value"] <= 1 for figure in report["ordered"].values())


def test_perplexity_of_a_model_that_knows_nothing_is_its_vocabulary(train, tokenizer, corpus):
    model = train(epochs=1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    found = stylelm.measure(model, tokenizer, corpus.held_out, corpus.attributes, tiny_parameters())
    assert all(figure["value"] == pytest.approx(len(tokenizer)) for figure in found["perplexity"].values())
    assert all(figure["value"] == pytest.approx(1) for figure in found["ratio"].values())


def test_the_report_reads_the_prompts_that_are_asked_for(corpus, tokenizer, model):
    found = stylelm.measure(model, tokenizer, corpus.held_out, corpus.attributes, tiny_parameters(report_prompts=2))
    assert found["prompts"] == 2 and found["responses"] == 4


def test_too_few_prompts_are_refused(model, tokenizer, corpus):
    with pytest.raises(InputError, match="fewer than two validation prompts"):
        stylelm.measure(model, tokenizer, corpus.held_out, corpus.attributes, tiny_parameters(has=5.0))


def test_a_mean_over_prompts_is_resampled_by_prompt():
    groups = np.repeat(np.arange(50), 4)
    values = np.repeat(np.random.default_rng(0).normal(size=50), 4)  # a prompt's four rows are all the same
    figure = Resampling(groups, 0).mean(values, np.ones(200))
    width = figure["high"] - figure["low"]
    assert figure["value"] == pytest.approx(values.mean(), abs=1e-3)
    assert width == pytest.approx(2 * 1.96 * values.std() / math.sqrt(50), rel=0.15)


def test_draws_without_what_is_counted_are_left_out():
    prompts = Resampling(np.arange(3), 0)
    always = prompts.mean(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert (always["value"], always["low"], always["high"], always["prompts"]) == (1.0, 1.0, 1.0, 1)


def test_nothing_to_count_has_no_value():
    none = Resampling(np.empty(0, dtype=np.int64), 0).mean(np.empty(0), np.empty(0))
    assert none["value"] is None and none["n"] == 0
