"""Negatives: which of the candidates that nobody wanted a ranker learns from."""

from __future__ import annotations

import numpy as np

from engine.errors import SettingsError
from engine.rank.lists import Lists


def sample_negatives(lists: Lists, per_list: int, seed: int) -> Lists:
    """The lists with every wanted candidate and at most `per_list` of the others, drawn at random.

    For train only: a measure over sampled candidates says nothing of a real list. Raises SettingsError for a number
    below 1.
    """
    if per_list < 1:
        raise SettingsError(f"per_list is {per_list}; it must be 1 or more.")
    wanted = lists.known
    drawn = np.where(wanted, -1.0, np.random.default_rng(seed).random(len(wanted)))
    order = np.lexsort((drawn, lists.list_of_row))  # the wanted ones of each list first, then the others as drawn
    n_wanted = np.bincount(lists.list_of_row[wanted], minlength=len(lists))
    place = np.arange(len(order)) - (lists.starts[:-1] + n_wanted)[lists.list_of_row[order]]
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = place < per_list
    return lists.rows(kept)


def with_wanted(lists: Lists) -> Lists:
    """Only the lists that have a wanted candidate: the others say nothing of how to order theirs."""
    n_wanted = np.bincount(lists.list_of_row[lists.known], minlength=len(lists))
    return lists.take(np.flatnonzero(n_wanted > 0))
