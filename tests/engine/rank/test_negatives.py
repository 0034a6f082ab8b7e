import numpy as np
import pytest
from ranked import make_lists

from engine.errors import SettingsError
from engine.rank.negatives import sample_negatives, with_wanted


def test_every_wanted_candidate_stays_and_so_many_of_the_others():
    lists = make_lists(20, 12)
    found = sample_negatives(lists, 3, seed=1)
    n_wanted = np.bincount(lists.list_of_row[lists.known], minlength=20)
    assert (found.sizes == n_wanted + 3).all()
    assert found.known.sum() == lists.known.sum()
    before = set(zip(lists.list_of_row.tolist(), lists.items.tolist(), strict=True))
    assert set(zip(found.list_of_row.tolist(), found.items.tolist(), strict=True)) < before


def test_a_seed_draws_the_same_and_another_one_others():
    lists = make_lists(20, 12)
    one, two, other = (sample_negatives(lists, 3, seed=seed).items for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_short_list_keeps_all_it_has():
    lists = make_lists(5, 4)
    assert np.array_equal(sample_negatives(lists, 99, seed=0).items, lists.items)


def test_no_negatives_at_all_is_refused():
    with pytest.raises(SettingsError, match="per_list is 0"):
        sample_negatives(make_lists(3), 0, seed=0)


def test_lists_without_a_wanted_candidate_are_left_out():
    lists = make_lists(6, 5)
    kept = ~lists.known | (lists.list_of_row != 2)
    assert with_wanted(lists.rows(kept)).list_ids.tolist() == ["l0", "l1", "l3", "l4", "l5"]
