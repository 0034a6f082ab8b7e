from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DataError
from engine.search.pair_batches import Pairs, plan_batches


def pairs_of(items, *, negatives=None):
    queries = [f"query {n}" for n in range(len(items))]
    return Pairs(queries, [f"about {item}" for item in items], list(items), [*(negatives or [])], [*(negatives or [])])


def test_pairs_of_one_item_or_one_query_never_share_a_batch():
    pairs = pairs_of([str(n % 40) for n in range(400)])
    made = plan_batches(pairs, 16, seed=1)
    seen = np.concatenate(made)
    assert len(seen) == len(set(seen.tolist())) and len(seen) > 380
    assert all(len({pairs.items[row] for row in batch}) == len(batch) == 16 for batch in made[:-1])
    same = Pairs(["Warm!", "warm!", "dry"], ["a", "b", "c"], ["1", "2", "3"], [], [])
    assert all(not {0, 1} <= set(batch.tolist()) for batch in plan_batches(same, 2, seed=0))


def test_no_negative_is_another_ones_answer():
    rng = np.random.default_rng(0)
    items = [str(n) for n in rng.integers(60, size=300)]
    drawn = [str(n) if n < 50 else "" for n in rng.integers(60, size=300)]
    pairs = pairs_of(items, negatives=["" if one == item else one for one, item in zip(drawn, items, strict=True)])
    made = plan_batches(pairs, 8, seed=2)
    assert len(made) > 30
    for batch in made:
        answers = [pairs.items[row] for row in batch]
        assert len(set(answers)) == len(answers)
        assert not set(answers) & {pairs.negative_items[row] for row in batch}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(2, 9), st.integers(0, 3))
def test_any_pairs_end_in_batches_that_can_teach(items, size, seed):
    pairs = pairs_of([str(item) for item in items])
    made = plan_batches(pairs, size, seed=seed)
    assert all(2 <= len(batch) <= size for batch in made)
    assert bool(made) == (len(set(items)) > 1)
    assert [batch.tolist() for batch in made] == [batch.tolist() for batch in plan_batches(pairs, size, seed=seed)]


def test_pairs_that_dont_fit_each_other_are_refused():
    with pytest.raises(DataError, match="a query, a positive and an item each"):
        Pairs(["a"], ["b", "c"], ["1"], [], [])
    pairs = pairs_of("abcde")
    assert len(pairs.sample(3, seed=1)) == 3 and pairs.sample(None, seed=1) is pairs
    assert pairs.hash != pairs.sample(4, seed=1).hash
