"""Requests: noise is drawn by seed, prompt and sample, and by nothing else."""

import numpy as np

from tests.decoding.speakers import PROMPTS
from tests.decoding.writers.asking import USERS, asked


def test_noise_is_the_same_for_all_users_and_differs_else():
    requests = asked()
    seeds = np.array([requests.seed_of(row) for row in range(len(requests))]).reshape(USERS, len(PROMPTS))
    assert (seeds == seeds[0]).all() and len(set(seeds[0].tolist())) == len(PROMPTS)
    assert asked(seed=1).seed_of(0) != requests.seed_of(0)


def test_several_answers_stand_side_by_side_the_first_with_the_noise_of_the_only_one():
    requests, repeated = asked(), asked().repeated(4)
    assert len(repeated) == 4 * len(requests)
    assert repeated.users[4:8].tolist() == [requests.users[1]] * 4
    assert repeated.prompts[4:8] == [requests.prompts[1]] * 4
    assert repeated.samples[4:8].tolist() == [0, 1, 2, 3]
    assert len({repeated.seed_of(row) for row in range(4)}) == 4
    assert repeated.seed_of(4) == requests.seed_of(1)


def test_some_rows_are_asked_as_they_were():
    requests = asked().repeated(2)
    some = requests.rows(np.array([5, 2]))
    assert [some.seed_of(row) for row in range(2)] == [requests.seed_of(5), requests.seed_of(2)]
    assert some.prompts == [requests.prompts[5], requests.prompts[2]] and some.users.tolist() == [0, 0]
