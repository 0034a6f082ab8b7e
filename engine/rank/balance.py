"""Balance of wanted and other candidates of train: left as it is, by weights, or by SMOTE.

SMOTE (N. V. Chawla et al., SMOTE: Synthetic minority over-sampling technique, JAIR 2002; imbalanced-learn) makes wanted
candidates between near wanted ones until there are as many as others; SMOTE-NC where a feature is a category's code. A
candidate that is made up was in nobody's list, so each is a list of its own: rankers that learn candidates one by one
see it, lambdarank finds no pair in it, and rankers of histories have no use for it. Chances learned from balanced
candidates are too high, until they are calibrated on valid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError, SettingsError, UnknownNameError, counted
from engine.rank.lists import Histories, Lists
from engine.rank.synthetic import synthetic

How = Literal["none", "weights", "smote"]
LIST_ID = "synthetic {}"  # the id of a list that holds one candidate that was made up


class Counts(NamedTuple):
    """How many candidates were wanted and how many weren't, or what they weigh."""

    wanted: float
    others: float


@dataclass(frozen=True)
class Balanced:
    """Lists of train, balanced.

    lists: what to learn from, those with candidates that were made up at the end; weights: (n_rows of lists,) or None:
    all alike; before, after: how many were wanted and how many not, after weights what they weigh; how: what was done
    in the end; note: the same in words, with the reason when it isn't what was asked for
    """

    lists: Lists
    weights: NDArray[np.float32] | None
    before: Counts
    after: Counts
    how: How
    note: str


def balance(lists: Lists, how: How = "none", *, neighbours: int = 5, seed: int = 0) -> Balanced:
    """Balance `lists`, of train only: what is measured must stay as it is.

    neighbours: how many of the nearest wanted candidates one that is made up may lie towards; with fewer wanted ones
    than that, weights take its place. Raises DataError when every candidate is wanted or none is.
    """
    if how not in get_args(How):
        raise UnknownNameError("way of balancing", how, get_args(How))
    if neighbours < 1:
        raise SettingsError(f"neighbours is {neighbours}; it must be 1 or more.")
    n_wanted = int(lists.known.sum())
    before = Counts(n_wanted, len(lists.known) - n_wanted)
    if not all(before):
        said = "none" if not n_wanted else "every one"
        raise DataError(
            f"Of {counted(len(lists.known), 'candidate')} {said} is wanted, so there is nothing to balance."
        )
    if how == "none":
        return Balanced(lists, None, before, before, "none", "left as they are")
    if how == "weights":
        return _weighed(lists, before, "")
    reason = _no_smote(lists, before, neighbours)
    return _weighed(lists, before, f"{reason}; ") if reason else _with_synthetic(lists, before, neighbours, seed)


def _no_smote(lists: Lists, before: Counts, neighbours: int) -> str:
    """Why SMOTE can't be used, empty when it can."""
    if before.wanted <= neighbours:
        few = counted(int(before.wanted), "wanted candidate")
        return f"SMOTE with {neighbours} neighbours needs more than {few}"
    if not any(column.kind == "number" for column in lists.columns):
        return "SMOTE needs a feature that is an amount, and all are categories' codes"
    if before.wanted >= before.others:
        return "SMOTE has nothing to add where as many are wanted as not"
    return ""


def _weighed(lists: Lists, before: Counts, reason: str) -> Balanced:
    """Both classes weigh the same, and all together as much as before."""
    half = len(lists.known) / 2
    weights = np.where(lists.known, half / before.wanted, half / before.others).astype(np.float32)
    note = f"{reason}each wanted candidate counts as much as {before.others / before.wanted:.3g} others"
    return Balanced(lists, weights, before, Counts(half, half), "weights", note)


def _with_synthetic(lists: Lists, before: Counts, neighbours: int, seed: int) -> Balanced:
    rng = np.random.default_rng(seed)
    n_new = int(before.others - before.wanted)
    features = synthetic(lists.features[lists.known], lists.columns, n_new, neighbours=neighbours, rng=rng)
    items = rng.choice(lists.items[lists.known], n_new)  # read by no ranker that takes features only
    note = (
        f"{n_new:,} wanted candidates made up between {int(before.wanted):,}, each towards one of {neighbours} near it"
    )
    after = Counts(before.others, before.others)
    return Balanced(_appended(lists, features, items), None, before, after, "smote", note)


def _appended(lists: Lists, features: NDArray[np.float32], items: NDArray[np.int64]) -> Lists:
    """`lists`, and behind them one list for each row of `features`, of nobody and of no time."""
    n = len(features)
    ids = np.array([LIST_ID.format(place) for place in range(1, n + 1)], dtype=object)
    joined = np.concatenate
    return replace(
        lists,
        list_ids=joined([lists.list_ids, ids]),
        users=joined([lists.users, np.full(n, "", dtype=object)]),
        micros=joined([lists.micros, np.zeros(n, dtype=np.int64)]),
        sizes=joined([lists.sizes, np.ones(n, dtype=np.int64)]),
        items=joined([lists.items, items]),
        features=joined([lists.features, features]),
        wanted=joined([lists.known, np.ones(n, dtype=bool)]),
        histories=None if lists.histories is None else _without_events(lists.histories, n),
        n_wanted=None if lists.n_wanted is None else joined([lists.n_wanted, np.ones(n, dtype=np.int64)]),
    )


def _without_events(histories: Histories, n: int) -> Histories:
    return replace(histories, sizes=np.concatenate([histories.sizes, np.zeros(n, dtype=np.int64)]))
