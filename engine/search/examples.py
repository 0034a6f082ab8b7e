"""What the second stage learns from: candidates of judged queries with their signals and what people said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.search.features import NAMES, Features
from engine.search.hybrid import Candidates

LEVELS = 4  # of relevance, above "not relevant"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Queries to learn from: for each query its candidates and judged items, with their signals and grades.

    signals: (n_pairs, n_features); levels: (n_pairs,) 0 (not relevant, or not judged) to LEVELS; grades: (n_pairs,)
    NaN where nobody judged; listed: (n_pairs,) whether it is a candidate; sizes: (n_queries,) pairs of each, in order
    """

    signals: Floats
    levels: NDArray[np.int64]
    grades: Floats
    listed: NDArray[np.bool_]
    sizes: NDArray[np.int64]


def examples(
    found: Sequence[Candidates],
    relevant: Sequence[Mapping[int, float]],
    judged: Sequence[Mapping[int, float]],
    features: Features,
    depth: int,
) -> Examples:
    """What to learn from: of each query the first `depth` candidates and its judged items.

    relevant: the gains of each query's relevant items by row; judged: the grades of all that were judged. Candidates of
    queries without a relevant one are left out: every order of them is as good.
    """
    gains = [gain for of in relevant for gain in of.values()]
    least, most = min(gains, default=0.0), max(gains, default=1.0)
    made: dict[str, list[Any]] = {name: [] for name in ("signals", "levels", "grades", "listed")}
    for candidates, good, known in zip(found, relevant, judged, strict=True):
        listed = candidates.listed & (np.cumsum(candidates.listed) <= depth)
        listed &= bool(good.keys() & set(candidates.rows[listed].tolist()))
        kept = listed | np.isin(candidates.rows, list(known))
        chosen = candidates.take(kept)
        made["signals"].append(features.of(chosen))
        made["levels"].append([_level(good.get(int(row)), least, most) for row in chosen.rows])
        made["grades"].append([known.get(int(row), np.nan) for row in chosen.rows])
        made["listed"].append(listed[kept])
    sizes = np.array([len(levels) for levels in made["levels"]], dtype=np.int64)
    return Examples(
        np.concatenate([np.empty((0, len(NAMES)), dtype=np.float32), *made["signals"]]),
        np.array([level for levels in made["levels"] for level in levels], dtype=np.int64),
        np.array([grade for grades in made["grades"] for grade in grades], dtype=np.float32),
        np.concatenate([np.empty(0, dtype=bool), *made["listed"]]),
        sizes,
    )


def _level(grade: float | None, least: float, most: float) -> int:
    if grade is None:
        return 0
    return LEVELS if most == least else 1 + round((LEVELS - 1) * (grade - least) / (most - least))
