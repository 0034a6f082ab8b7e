"""What the rows of a tag run say of each tag, and of other thresholds than those that the tagger has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.classification import Counts, label_counts, macro_over_support
from engine.metrics.lists import indicators
from engine.metrics.thresholds import ThresholdCurve, threshold_curve

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class Chances:
    """The tags that a tagger ranked, flattened: SKU by SKU, with their probabilities.

    rows: (n_pairs,) places of SKUs; tags: (n_pairs,) places in `names`; probabilities, true: (n_pairs,); support:
    (n_tags,) SKUs for which each tag is true; n_missed: true tags of SKUs that were not even ranked.
    """

    names: NDArray[np.object_]
    rows: NDArray[np.int64]
    tags: NDArray[np.int64]
    probabilities: Floats
    true: NDArray[np.bool_]
    support: NDArray[np.int64]

    @property
    def n_missed(self) -> int:
        """True pairs that were not ranked; each is a miss at every threshold."""
        return int(self.support.sum() - self.true.sum())

    @property
    def curve(self) -> ThresholdCurve:
        """Micro precision, recall and F1 at each threshold for all tags."""
        return threshold_curve(self.true[:, None], self.probabilities[:, None], n_missed=self.n_missed)

    def of_tag(self, tag: str) -> Chances:
        """The pairs of one tag."""
        place = int(np.flatnonzero(self.names == tag)[0])
        kept = self.tags == place
        support = np.where(np.arange(len(self.names)) == place, self.support, 0)
        return Chances(self.names, self.rows[kept], self.tags[kept], self.probabilities[kept], self.true[kept], support)

    def figures_at(self, threshold: float) -> dict[str, float]:
        """Micro and macro F1, precision and recall where all tags are asserted from `threshold` on."""
        asserted = self.probabilities >= threshold
        n = len(self.names)
        tp = np.bincount(self.tags[asserted & self.true], minlength=n)
        counts = Counts(tp, np.bincount(self.tags[asserted], minlength=n) - tp, self.support - tp)
        total = counts.total
        return {
            "micro_f1": float(total.f1),
            "macro_f1": float(macro_over_support(counts)),
            "precision": float(total.precision),
            "recall": float(total.recall),
        }

    def calibration(self) -> list[tuple[float, float, int]]:
        """Of each tenth of probabilities: their mean, the share that is true, and how many pairs there are."""
        bins = np.clip((self.probabilities * BINS).astype(np.int64), 0, BINS - 1)
        n = np.bincount(bins, minlength=BINS)
        mean = np.bincount(bins, weights=self.probabilities, minlength=BINS) / np.maximum(n, 1)
        share = np.bincount(bins, weights=self.true, minlength=BINS) / np.maximum(n, 1)
        return [(float(mean[b]), float(share[b]), int(n[b])) for b in range(BINS) if n[b]]


def chances_of(rows: pd.DataFrame) -> Chances:
    """The pairs in a tag run's rows (columns ranked, scores, known)."""
    names, (_, known) = indicators(rows["ranked"], rows["known"])
    ids = np.array(names, dtype=object)
    place = {name: at for at, name in enumerate(names)}
    lengths = [len(each) if each is not None else 0 for each in rows["ranked"]]
    owner = np.repeat(np.arange(len(rows)), lengths)
    flat = [place[tag] for each in rows["ranked"] if each is not None for tag in each]
    tags = np.array(flat, dtype=np.int64)
    scores = np.array([score for each in rows["scores"] if each is not None for score in each], dtype=np.float64)
    true = np.asarray(known[owner, tags]).ravel().astype(bool) if len(tags) else np.zeros(0, dtype=bool)
    support = np.asarray(known.sum(axis=0)).ravel().astype(np.int64)
    return Chances(ids, owner, tags, scores, true, support)


def per_tag(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per tag that is true or asserted somewhere, the most frequent first.

    Columns: tag, support (SKUs for which it is true), asserted, right, precision, recall, f1 (NaN where there is
    nothing to divide by), instead (the tag most often asserted wrongly where this one is missed), n_instead.
    """
    names, (known, predicted) = indicators(rows["known"], rows["predicted"])
    counts = label_counts(known, predicted)
    support, asserted = counts.tp + counts.fn, counts.tp + counts.fp
    instead = _instead(rows)
    found = pd.DataFrame(
        {
            "tag": names,
            "support": support,
            "asserted": asserted,
            "right": counts.tp,
            "precision": np.where(asserted > 0, counts.tp / np.maximum(asserted, 1), np.nan),
            "recall": np.where(support > 0, counts.tp / np.maximum(support, 1), np.nan),
            "f1": np.where(support + asserted > 0, 2 * counts.tp / np.maximum(support + asserted, 1), np.nan),
            "instead": [instead.get(name, ("", 0))[0] for name in names],
            "n_instead": [instead.get(name, ("", 0))[1] for name in names],
        }
    )
    kept = found[(found["support"] > 0) | (found["asserted"] > 0)]
    return kept.sort_values(["support", "asserted", "tag"], ascending=[False, False, True], ignore_index=True)


def examples(rows: pd.DataFrame, tag: str) -> pd.DataFrame:
    """The rows where `tag` is true or asserted, with a column `outcome`: right, missed or wrong."""
    true, asserted = (np.array([tag in _texts(each) for each in rows[name]]) for name in ("known", "predicted"))
    outcome = np.select([true & asserted, true, asserted], ["right", "missed", "wrong"], "")
    found = rows.assign(outcome=outcome)[outcome != ""]
    order = {"missed": 0, "wrong": 1, "right": 2}
    return found.sort_values("outcome", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _instead(rows: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """For each missed tag the one that was most often asserted wrongly for the same SKU, and how often."""
    together: dict[str, Counter[str]] = {}
    for known, predicted in zip(rows["known"], rows["predicted"], strict=True):
        true, asserted = set(_texts(known)), set(_texts(predicted))
        for missed in true - asserted:
            together.setdefault(missed, Counter()).update(asserted - true)
    return {
        tag: min(counts.items(), key=lambda pair: (-pair[1], pair[0])) for tag, counts in together.items() if counts
    }


def _texts(values: Sequence[str] | None) -> Sequence[str]:
    return [] if values is None else values
