"""What people should look at next: queues of (SKU, tag) pairs, made from predictions and from what is decided.

Predictions come as `engine.workflows.catalogue_predictions` returns them, decisions as `Decisions.current` does. A
queue holds the pairs that are done too, so that progress can be told and one can go back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.decisions import says_yes
from engine.errors import UnknownNameError

CLOSE = 0.05  # how near its threshold a probability is uncertain
FREQUENT, CHECKS = 10, 3  # a tag on that many SKUs is frequent; so many SKUs are looked at for it
REJECTIONS, REJECTED_SHARE = 2, 0.5
COLUMNS = ["item_id", "tag", "probability", "threshold", "why", "verdict", "done"]
PAIR = ["item_id", "tag"]


@dataclass(frozen=True)
class Candidates:
    """What follows from predictions alone, and can be kept until a tagger is trained again.

    asserted: of the tagger whose probabilities are shown; the others are the pairs of three queues, in order.
    """

    asserted: pd.DataFrame
    uncertain: pd.DataFrame
    disagree: pd.DataFrame
    frequent: pd.DataFrame


@dataclass(frozen=True)
class Queue:
    """A queue: its name on screen, what is in it, and its pairs, first ones first."""

    label: str
    about: str
    pairs: Callable[[Candidates, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Progress:
    """How many pairs of a queue are done."""

    done: int
    total: int

    @property
    def share(self) -> float:
        """The part that is done, 1 when there is nothing to do."""
        return self.done / self.total if self.total else 1.0


def candidates(tagger: str, predictions: Mapping[str, pd.DataFrame]) -> Candidates:
    """The candidates for review: `tagger`'s probabilities, and all taggers of `predictions` to be compared with it."""
    own = predictions[tagger]
    asserted = own[own["probability"] >= own["threshold"]]
    return Candidates(asserted, _uncertain(own), _disagree(tagger, predictions), _frequent(asserted))


def queue(name: str, found: Candidates, decided: pd.DataFrame) -> pd.DataFrame:
    """The pairs of a queue, in order: `COLUMNS`, with `why` in words and `verdict` "" where nobody decided.

    decided: the current decisions. Raises UnknownNameError for a queue that doesn't exist.
    """
    if name not in QUEUES:
        raise UnknownNameError("queue", name, QUEUES)
    rows = QUEUES[name].pairs(found, decided).merge(decided[[*PAIR, "verdict"]], on=PAIR, how="left")
    rows = rows.astype({"why": "str"}).assign(verdict=rows["verdict"].fillna("").astype("str"))
    rows["done"] = (rows["verdict"] != "") | rows.get("done", False)
    return rows[COLUMNS].reset_index(drop=True)


def progress(rows: pd.DataFrame) -> Progress:
    """How far a queue, or some of its pairs, is done."""
    return Progress(int(rows["done"].sum()), len(rows))


def _uncertain(own: pd.DataFrame) -> pd.DataFrame:
    margin = own["probability"] - own["threshold"]
    rows = own.assign(margin=margin, near=margin.abs())
    rows = rows[rows["near"] <= CLOSE].sort_values(["near", *PAIR])
    words = [_distance(margin) for margin in rows["margin"]]
    return rows.assign(why=words)


def _distance(margin: float) -> str:
    if abs(margin) < 0.0005:
        return "just at its threshold"
    return f"{100 * abs(margin):.1f} points {'above' if margin > 0 else 'below'} its threshold"


def _disagree(tagger: str, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Pairs that some taggers assert and others don't, though they know the tag; the widest apart first."""
    sure = [frame.loc[frame["probability"] >= frame["threshold"], PAIR] for frame in predictions.values()]
    pairs = pd.concat(sure, ignore_index=True).drop_duplicates(ignore_index=True)
    margins, words = pd.DataFrame(index=pairs.index), pd.Series("", index=pairs.index)
    for name, frame in predictions.items():
        found = pairs[PAIR].merge(frame, on=PAIR, how="left")
        probability = found["probability"].fillna(0.0)  # what isn't listed is less than 1 %
        thresholds = pairs["tag"].map(frame.drop_duplicates("tag").set_index("tag")["threshold"]).astype(float)
        margins[name] = probability - thresholds
        verb = np.where(margins[name] >= 0, "asserts it", "doesn’t")
        said = [f"{name} {v} ({p:.0%}), ".replace("%", " %") for v, p in zip(verb, probability, strict=True)]
        words += pd.Series(said, index=pairs.index).where(margins[name].notna(), "")
        if name == tagger:
            pairs = pairs.assign(probability=probability, threshold=thresholds)
    split = (margins >= 0).any(axis=1) & (margins < 0).any(axis=1)
    apart = margins.max(axis=1) - margins.min(axis=1)
    rows = pairs.assign(why=words.str.removesuffix(", "), apart=apart)[split]
    return rows.sort_values(["apart", *PAIR], ascending=[False, True, True])


def _frequent(asserted: pd.DataFrame) -> pd.DataFrame:
    """For each frequent tag its surest, its middle and its least sure SKU, and how many it is asserted on."""
    rows = asserted.sort_values(["tag", "probability", "item_id"], ascending=[True, False, True])
    size = rows.groupby("tag")["item_id"].transform("size")
    rows = rows.assign(size=size)[size >= FREQUENT]
    place, last = rows.groupby("tag").cumcount(), rows["size"] - 1
    rows = rows[np.logical_or.reduce([place == last * check // (CHECKS - 1) for check in range(CHECKS)])]
    return rows.sort_values(["size", "tag", "probability"], ascending=[False, True, False])


def _unconfirmed(found: Candidates, decided: pd.DataFrame) -> pd.DataFrame:
    """The looks at frequent tags; a tag that was confirmed once, or decided often enough, is done on whatever SKU."""
    looked = found.frequent["tag"].map(decided["tag"].value_counts()).fillna(0)
    yes = decided.loc[decided["verdict"].map(says_yes).astype(bool), "tag"].value_counts()
    confirmed = found.frequent["tag"].map(yes).fillna(0).astype("int64")
    words = [
        f"asserted on {size:,} SKUs, confirmed on {count or 'none'}"
        for size, count in zip(found.frequent["size"], confirmed, strict=True)
    ]
    return found.frequent.assign(why=words, done=(confirmed > 0) | (looked >= CHECKS))


def _rejected(found: Candidates, decided: pd.DataFrame) -> pd.DataFrame:
    """Where tags are asserted that people mostly rejected, the least sure first."""
    no = ~decided["verdict"].map(says_yes).astype(bool)
    counts = pd.DataFrame({"no": no.astype(int), "all": 1}).groupby(decided["tag"]).sum()
    often = counts[(counts["no"] >= REJECTIONS) & (counts["no"] >= REJECTED_SHARE * counts["all"])]
    rows = found.asserted[found.asserted["tag"].isin(often.index)]
    rows = rows.assign(**{name: rows["tag"].map(often[name]).astype("int64") for name in often})
    words = [f"rejected on {n} of the {a} SKUs decided" for n, a in zip(rows["no"], rows["all"], strict=True)]
    return rows.assign(why=words).sort_values(["no", "tag", "probability"], ascending=[False, True, True])


QUEUES: dict[str, Queue] = {
    "uncertain": Queue(
        "Uncertain",
        f"within {100 * CLOSE:.0f} points of the threshold, the nearest first",
        lambda found, _: found.uncertain,
    ),
    "disagree": Queue(
        "Taggers disagree",
        "asserted by one tagger and not by another, the widest apart first",
        lambda found, _: found.disagree,
    ),
    "frequent": Queue(
        "Frequent, unconfirmed",
        f"tags on {FREQUENT} SKUs or more that nobody confirmed: up to {CHECKS} SKUs of each, the surest first",
        _unconfirmed,
    ),
    "rejected": Queue(
        "Rejected often",
        f"where tags are asserted that were rejected {REJECTIONS} times or more, and mostly",
        _rejected,
    ),
}
