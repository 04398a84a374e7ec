"""Malformed calls are refused with the place, the fault and the fix."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.serving.checking import parse_requests
from prefactor.serving.requests import MAX_REFERENCE, MAX_REQUESTS, MAX_RESPONSES, MAX_TEXTS, Request

GOOD = {"prompt": "why", "responses": ["a", "b"]}
PAIR = {"prompt": "p", "chosen": "c", "rejected": "r"}


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("inputs", "place", "fix"),
    [
        (None, "inputs must be a list of requests, got null", '"responses"'),
        ("why", "inputs must be a list", "send"),
        ([], "inputs holds 0 requests", "send 1 to"),
        ([GOOD] * (MAX_REQUESTS + 1), f"inputs holds {MAX_REQUESTS + 1} requests", "send 1 to"),
        ([None], "inputs[0] must be an object", "prompt, responses"),
        ([GOOD, without("prompt")], "inputs[1].prompt is missing", "give the prompt"),
        (without("responses"), "responses is missing", "list of strings"),
        ([{**GOOD, "responses": []}], "inputs[0].responses holds 0 candidates", f"give 1 to {MAX_RESPONSES}"),
        ([{**GOOD, "responses": ["x"] * 65}], "inputs[0].responses holds 65", f"give 1 to {MAX_RESPONSES}"),
        ([{**GOOD, "responses": ["x", 3]}], "inputs[0].responses[1] must be a string, got 3", "a string"),
        ([{**GOOD, "responses": ["x", None]}], "inputs[0].responses[1] must be a string, got null", "a string"),
        ([{**GOOD, "responses": "x"}], "inputs[0].responses must be", "list of strings"),
        ([{**GOOD, "responses": ["x", " "]}], "inputs[0].responses[1] is empty", "give its text"),
        ([{**GOOD, "prompt": None}], "inputs[0].prompt must be", "as a string"),
        ([{"prompt": "", "responses": []}], "inputs[0].prompt is empty", "give its text"),
        ([{**GOOD, "prompt": "x" * 50_001}], "inputs[0].prompt has 50001 characters", "shorten"),
        ([{**GOOD, "prompt": "half \ud83d"}], "inputs[0].prompt is not valid Unicode", "whole characters"),
        ([{**GOOD, "usr_id": "u"}], "inputs[0].usr_id is not a known field", "did you mean 'user_id'?"),
        ([{**GOOD, "zzz": 1}], "inputs[0].zzz is not a known field", "known are prompt"),
        ([{**GOOD, "user_id": 7}], "inputs[0].user_id must be", "as a string"),
        ([{**GOOD, "user_id": "", "reference": []}], "inputs[0].user_id is empty", "leave it out"),
        ([{**GOOD, "reference": [3]}], "inputs[0].reference[0] must be an object", "chosen, rejected"),
        (
            [{**GOOD, "reference": [{"prompt": "p", "chosen": "c"}]}],
            "inputs[0].reference[0].rejected is missing",
            "give",
        ),
        ([{**GOOD, "reference": [{**PAIR, "choosen": "c"}]}], "reference[0].choosen", "did you mean 'chosen'?"),
        (
            [{**GOOD, "reference": [{**PAIR, "rejected": "c"}]}],
            "inputs[0].reference[0] prefers a text to itself",
            "leave",
        ),
        ([{**GOOD, "reference": [PAIR] * (MAX_REFERENCE + 1)}], f"holds {MAX_REFERENCE + 1} pairs", "at most"),
        ([{**GOOD, "reference": [PAIR] * 200}] * 30, "texts", f"at most {MAX_TEXTS}"),
    ],
)
def test_a_malformed_call_is_refused(inputs, place, fix):
    with pytest.raises(InputError) as refusal:
        parse_requests(inputs)
    assert place in str(refusal.value)
    assert fix in str(refusal.value)


def test_good_calls_pass_in_every_form():
    full = {**GOOD, "user_id": "u", "reference": [PAIR]}
    nulls = {**GOOD, "user_id": None, "reference": None}
    requests = parse_requests([GOOD, full, nulls])
    assert requests[0] == requests[2] == Request(**GOOD)
    assert requests[1].reference[0].chosen == "c"
    assert parse_requests(GOOD) == parse_requests([Request(**GOOD)]) == parse_requests(Request(**GOOD)) == requests[:1]


def test_an_empty_prompt_is_legal_only_where_the_dataset_has_them():
    empty = {"prompt": "", "responses": ["a"], "reference": [{**PAIR, "prompt": ""}]}
    assert parse_requests([empty], empty_prompts=True)[0].prompt == ""
    with pytest.raises(InputError, match=r"inputs\[0\].prompt is empty"):
        parse_requests([empty])


def test_many_faults_are_counted_rather_than_listed():
    with pytest.raises(InputError, match=r"and 15 more$"):
        parse_requests([{**GOOD, "responses": [1] * 20}])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["prompt", "responses", "user_id", "reference", "chosen", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_any_json_is_parsed_or_refused_in_words(value):
    try:
        assert all(isinstance(request, Request) for request in parse_requests(value))
    except InputError as refusal:
        assert len(str(refusal)) > 20
        json.dumps(str(refusal))
