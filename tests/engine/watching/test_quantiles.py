"""Latencies from buckets: a case by hand, the bound of the error, and the ends."""

import numpy as np
import pytest

from engine.serve.metrics import SECONDS
from engine.watching.quantiles import quantile


def counts(**buckets):
    """Counts of the buckets of SECONDS by place, and the rest."""
    found = [0] * (len(SECONDS) + 1)
    for place, n in buckets.items():
        found[int(place[1:])] = n
    return found


def test_a_case_by_hand():
    # 10 answers up to 5 ms, 10 more up to 10 ms: the 15th of 20 is half way from 5 to 10 ms
    found = quantile(0.75, counts(b2=10, b3=10))
    assert (found.seconds, found.low, found.high) == (pytest.approx(0.0075), 0.005, 0.01)


def test_the_first_bucket_begins_at_nothing_and_the_last_has_no_end():
    assert quantile(0.5, counts(b0=4)).seconds == pytest.approx(0.0005)
    last = quantile(0.99, counts(b0=1, b12=9))
    assert last.seconds == last.low == SECONDS[-1] and last.high == float("inf")


def test_without_answers_there_is_none():
    assert quantile(0.5, counts()) is None and quantile(0.5, []) is None


def test_empty_buckets_are_passed_over():
    found = quantile(0.99, counts(b1=99, b6=1))
    assert found.high == SECONDS[1] and found.seconds == pytest.approx(SECONDS[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_true_quantile_lies_in_the_bucket_that_is_told(seed):
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.lognormal(-4, 1.5, size=997))
    buckets = np.bincount(np.searchsorted(SECONDS, seconds, side="left"), minlength=len(SECONDS) + 1).tolist()
    for share in (0.01, 0.5, 0.95, 0.99):
        true = seconds[int(np.ceil(share * len(seconds))) - 1]
        found = quantile(share, buckets)
        assert found.low <= true <= found.high and found.low <= found.seconds <= found.high


def test_a_larger_share_is_never_faster():
    rng = np.random.default_rng(1)
    buckets = rng.integers(0, 5, size=len(SECONDS) + 1).tolist()
    found = [quantile(share, buckets).seconds for share in np.linspace(0, 1, 101)]
    assert found == sorted(found)
