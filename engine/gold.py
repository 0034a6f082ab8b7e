"""People's decisions as a golden set: how well a tagger does on exactly the pairs that somebody decided.

What nobody looked at is neither right nor wrong here. Mostly tags that a tagger proposed are decided, so recall is too
good and precision is what to look at; and on SKUs that a tagger learned from, both are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from engine.decisions import Labels
from engine.runs import Run, aggregate

METRICS = ("precision", "recall", "micro_f1")
SPLIT = "decisions"  # how the split of a run that was measured on decisions begins


def gold_rows(
    predictions: pd.DataFrame, labels: Labels, categories: Mapping[str, str], parts: Mapping[str, str]
) -> pd.DataFrame:
    """One row per SKU with decisions, as the rows of a run of kind "tags", restricted to its decided tags.

    predictions: of one tagger for the catalogue; categories and parts (of the tagger's split): by item_id. Items that
    have left the catalogue are left out.
    """
    none: frozenset[str] = frozenset()
    decided = {
        item: labels.true.get(item, none) | labels.false.get(item, none)
        for item in sorted(labels.true.keys() | labels.false.keys())
        if item in categories
    }
    mine = predictions[predictions["item_id"].isin(list(decided))].sort_values("probability", ascending=False)
    by_item = {str(item): rows for item, rows in mine.groupby("item_id", sort=False)}
    vocabulary = frozenset(predictions["tag"].unique())
    rows = [
        _row(item, tags, labels.true.get(item, none), by_item.get(item, mine.head(0)), vocabulary)
        for item, tags in decided.items()
    ]
    frame = pd.DataFrame(rows, columns=["item_id", "predicted", "ranked", "scores", "true", "known", "hit_rank"])
    frame.insert(1, "category", frame["item_id"].map(categories))
    return frame.assign(part=frame["item_id"].map(parts).fillna("")).astype({"hit_rank": "Int64"})


def gold_figures(rows: pd.DataFrame) -> dict[str, float]:
    """Precision, recall and micro-F1 over the decided pairs of `rows`; NaN when there are none."""
    return aggregate("tags", rows, METRICS)


def is_gold(run: Run) -> bool:
    """Whether a run measured decided pairs and not the given tags of a test part."""
    return run.split.startswith(f"{SPLIT} ")


def _row(
    item: str, decided: frozenset[str], true: frozenset[str], found: pd.DataFrame, vocabulary: frozenset[str]
) -> dict[str, Any]:
    found = found[found["tag"].isin(list(decided))]
    ranked = found["tag"].tolist()
    return {
        "item_id": item,
        "predicted": found.loc[found["probability"] >= found["threshold"], "tag"].tolist(),
        "ranked": ranked,
        "scores": found["probability"].tolist(),
        "true": sorted(true),
        "known": sorted(true & vocabulary),
        "hit_rank": next((rank for rank, tag in enumerate(ranked, start=1) if tag in true), None),
    }
