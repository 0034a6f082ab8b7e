"""Measures of chances: for lists of candidates with a probability each, how well those tell the wanted ones.

All of them are sums over lists, so that any set of lists, resampled or sliced, is measured by the same arithmetic.
Sources: AUC as the share of pairs in the right order (Hanley and McNeil, Radiology 1982); expected calibration error
over bins with as many candidates each (Naeini et al., AAAI 2015; equal masses as in Nixon et al., CVPR workshops 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError
from engine.metrics.classification import Floats
from engine.metrics.lists import arrow_lists, encode
from engine.metrics.significance import Measure

BINS = 15
LEVELS = 2000  # distinct probabilities that the pooled AUC tells apart
SMALLEST = float(np.finfo(np.float64).eps)  # probabilities are kept this far from 0 and 1, as scikit-learn does

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Chances:
    """Candidates of n lists, one behind the other.

    n: lists; owner: (n_rows,) the place of each candidate's list; probabilities: (n_rows,); wanted: (n_rows,) bool.
    """

    n: int
    owner: Ints
    probabilities: Floats
    wanted: NDArray[np.bool_]

    def per_list(self, values: NDArray[Any]) -> Floats:
        """(n,) the sum of `values` (n_rows,) over each list."""
        return np.bincount(self.owner, weights=values, minlength=self.n).astype(np.float64)


def read_chances(rows: pd.DataFrame) -> Chances:
    """Candidates of the columns hits, scores and relevant.

    Raises DataError when a list hasn't one probability from 0 to 1 for each hit.
    """
    strings, (hits, relevant) = encode(rows["hits"], rows["relevant"])
    scores = arrow_lists(rows["scores"], pa.float64())
    lengths = pc.fill_null(pc.list_value_length(scores), 0).to_numpy(zero_copy_only=False)
    probabilities: Floats = scores.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if not np.array_equal(lengths, np.bincount(hits.rows, minlength=hits.n)):
        raise DataError("needs one probability for each hit of a list.", column="scores")
    bad = ~((probabilities >= 0) & (probabilities <= 1))
    if bad.any():
        raise DataError(
            "isn't a probability, 0 to 1; calibrate the scores.", column="scores", value=probabilities[bad][0]
        )
    keys = hits.rows * len(strings) + hits.codes
    wanted = np.isin(keys, relevant.rows * len(strings) + relevant.codes)
    return Chances(hits.n, hits.rows, probabilities, wanted)


def log_loss(chances: Chances) -> Measure:
    """The mean over all candidates of -log of the probability of what was so; a list's value is its own mean."""
    kept = np.clip(chances.probabilities, SMALLEST, 1 - SMALLEST)
    losses = chances.per_list(-np.log(np.where(chances.wanted, kept, 1 - kept)))
    counts = chances.per_list(np.ones(len(kept)))
    parts = np.column_stack([losses, counts])
    return Measure(parts, lambda sums, _: _ratio(sums[..., 0], sums[..., 1]), _ratio(losses, counts))


def list_auc(chances: Chances) -> Measure:
    """The mean over lists that hold wanted candidates and others of the share of such pairs in the right order.

    A pair of equal probabilities counts half. Lists of one class have no value (NaN) and take no part.
    """
    places = places_within(chances.owner, chances.probabilities)
    n_wanted = chances.per_list(chances.wanted)
    n_others = chances.per_list(~chances.wanted)
    ranks = chances.per_list(np.where(chances.wanted, places, 0.0))
    area = _ratio(ranks - n_wanted * (n_wanted + 1) / 2, n_wanted * n_others)
    both = np.isfinite(area)
    parts = np.column_stack([np.where(both, area, 0.0), both.astype(np.float64)])
    return Measure(parts, lambda sums, _: _ratio(sums[..., 0], sums[..., 1]), area)


def pooled_auc(chances: Chances) -> Measure:
    """The share of pairs of a wanted candidate and another one, of all lists together, that are in the right order.

    Probabilities are told apart at up to 2,000 levels with as many candidates each; within one a pair counts half.
    """
    values = pd.Series(chances.probabilities)
    found = values.rank(method="dense").to_numpy().astype(np.int64) - 1
    if len(found) and found.max() >= LEVELS:
        found = (values.rank(method="average").to_numpy() * LEVELS / (len(found) + 1)).astype(np.int64)
    n_levels = int(found.max(initial=0)) + 1
    column = found + n_levels * chances.wanted
    ones = np.ones(len(column))
    parts = sparse.csr_array((ones, (chances.owner, column)), shape=(chances.n, 2 * n_levels))
    return Measure(parts, lambda sums, _: _area(sums), list_auc(chances).values)


def calibration_error(chances: Chances) -> Measure:
    """The mean distance, weighed by candidates, of the mean probability of a bin from its share of wanted ones.

    Candidates are put into 15 bins of as many each by their probability; equal ones share a bin. A list's value is the
    distance of its own mean probability from its own share, over the same bins.
    """
    bins = probability_bins(chances.probabilities)
    n_bins = int(bins.max(initial=0)) + 1
    cells, n = chances.owner * n_bins + bins, chances.n * n_bins
    gaps = np.bincount(cells, weights=chances.probabilities - chances.wanted, minlength=n).reshape(-1, n_bins)
    counts = chances.per_list(np.ones(len(bins)))
    parts = np.column_stack([gaps, counts])
    values = _ratio(np.abs(gaps).sum(axis=1), counts)
    return Measure(
        parts, lambda sums, _: _ratio(np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1]), values, recentre=True
    )


def probability_bins(probabilities: Floats, n_bins: int = BINS) -> Ints:
    """(n_rows,) the bin of each probability; the bins have as many each, as far as equal ones allow."""
    if not len(probabilities):
        return np.empty(0, dtype=np.int64)
    edges = np.quantile(probabilities, np.linspace(0, 1, n_bins + 1))
    bins: Ints = np.searchsorted(edges[1:-1], probabilities).astype(np.int64)
    return bins


def places_within(owner: Ints, values: NDArray[np.floating]) -> Floats:
    """(n_rows,) the place of each value among those of its owner, ascending from 1; equal ones share their mean place.

    owner: (n_rows,) places of lists, any order.
    """
    order = np.lexsort((values, owner))
    owner, values = owner[order], values[order]
    changes = owner[1:] != owner[:-1]
    start = np.flatnonzero(np.concatenate([[True], changes | (values[1:] != values[:-1])])[: len(order)])
    size = np.diff(np.append(start, len(order)))
    first = np.flatnonzero(np.concatenate([[True], changes])[: len(order)])
    begin = np.repeat(first, np.diff(np.append(first, len(order))))
    places = np.empty(len(order))
    places[order] = np.repeat(start + (size + 1) / 2, size) - begin
    return places


def _area(sums: Floats) -> Floats:
    """(…,) AUC from (…, 2 levels) counts of others and of wanted ones at ascending levels."""
    others, wanted = np.split(sums, 2, axis=-1)
    below = np.cumsum(others, axis=-1) - others / 2
    return _ratio((wanted * below).sum(axis=-1), wanted.sum(axis=-1) * others.sum(axis=-1))


def _ratio(above: Any, below: Any) -> Floats:
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    found: Floats = np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)
    return found
