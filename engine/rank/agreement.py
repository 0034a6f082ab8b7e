"""How far rankers agree: on what matters, and on the order of the candidates of a list."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.rank.base import Floats
from engine.rank.lists import Lists


def importances(found: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Shares of importance: a row per feature, the one with the largest mean first, a column per ranker; 0 for unused.

    found: by ranker, as `Ranker.importance` gives them; those that read no features are left out.
    """
    frame = pd.DataFrame({name: dict(shares) for name, shares in found.items() if shares}).fillna(0.0)
    if frame.empty:
        return frame
    return frame.iloc[np.lexsort((frame.index.astype(str), -frame.mean(axis=1).to_numpy()))]


def importance_agreement(shares: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation between the columns of `importances`, NaN where one gives all features the same."""
    return _correlations({str(name): shares[name].rank().to_numpy() for name in shares})


def order_agreement(lists: Lists, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """The mean over lists of Spearman's rank correlation between the rankers' orders of a list's candidates.

    Lists in which one of the two scores all candidates alike, or that have one candidate only, don't count.
    """
    names = list(scores)
    places = {name: _centred(lists, scores[name]) for name in names}
    table = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            found = list_agreement(lists, places[one], places[other])
            value = float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")
            table.loc[one, other] = table.loc[other, one] = value
    return table


def mean_agreement(lists: Lists, scores: Mapping[str, Floats]) -> Floats:
    """(n_lists,) the mean over pairs of rankers of how far they agree on the order of each list; NaN: can't be told."""
    places = [_centred(lists, own) for own in scores.values()]
    pairs = [list_agreement(lists, a, b) for n, a in enumerate(places) for b in places[n + 1 :]]
    if not pairs:
        return np.full(len(lists), np.nan)
    known = np.isfinite(pairs)
    total = np.where(known, pairs, 0).sum(axis=0)
    counts = known.sum(axis=0)
    found: Floats = np.divide(total, counts, out=np.full(len(lists), np.nan), where=counts > 0)
    return found


def list_agreement(lists: Lists, one: Floats, other: Floats) -> Floats:
    """(n_lists,) the correlation of two sets of centred places (n_rows,), list by list; NaN where one is constant."""
    n = len(lists)
    joint, first, second = (
        np.bincount(lists.list_of_row, weights=values, minlength=n) for values in (one * other, one**2, other**2)
    )
    below = np.sqrt(first * second)
    found: Floats = np.divide(joint, below, out=np.full(n, np.nan), where=below > 0)
    return found


def _centred(lists: Lists, scores: Floats) -> Floats:
    """(n_rows,) each candidate's place in its list, equal scores sharing theirs, less the list's mean."""
    order = np.lexsort((scores, lists.list_of_row))
    ordered, owner = scores[order], lists.list_of_row[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])
    group = np.cumsum(new) - 1
    ranks = np.arange(len(order)) - lists.starts[owner]
    means = np.bincount(group, weights=ranks) / np.maximum(np.bincount(group), 1)
    found = np.empty(len(order))
    found[order] = means[group] - (lists.sizes[owner] - 1) / 2
    return found


def _correlations(columns: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
    names = list(columns)
    centred = {name: values - values.mean() for name, values in columns.items()}
    table = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            below = float(np.sqrt((centred[one] ** 2).sum() * (centred[other] ** 2).sum()))
            value = float(centred[one] @ centred[other]) / below if below > 0 else float("nan")
            table.loc[one, other] = table.loc[other, one] = value
    return table
