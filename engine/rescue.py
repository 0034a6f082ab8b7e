"""The rescue queue: what a merchandiser can mend today, ranked by how many people it touches.

Each task says what is wrong, why, and how its gain is counted; people are users, over the last 30 days of the events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.recommend.pipeline import Pipeline
from engine.recommending.lists import OUTRANKED, UNLEARNED, Lists, exposure, unseen
from engine.review import Candidates
from engine.sql import Queries

DAYS = 30
FEWEST_REVIEWS, LIKED = 4, 4.3  # reviews and mean rating from which a SKU is well liked
SELDOM = 0.1  # of the lists that a shown SKU of its category is in, up to which a SKU is hardly shown
PRIOR_REVIEWS = 4.0  # reviews of the catalogue's mean that a SKU's own are mixed with
MOST = 200  # tasks of a kind
COLUMNS = ("key", "kind", "item_id", "tag", "query", "title", "why", "gain")

_RECENT = f"""
SELECT item_id, count(DISTINCT user_id) AS people FROM events
WHERE timestamp > (SELECT max(timestamp) FROM events) - INTERVAL {DAYS} DAY GROUP BY 1
"""
_FACTS = f"""
SELECT f.item_id, f.title, f.category, f.available, f.reviews, f.rating, coalesce(p.people, 0) AS people
FROM facts f LEFT JOIN ({_RECENT}) p USING (item_id)
"""


@dataclass(frozen=True)
class Task:
    """A kind of task: what it is called, what it is about, how its gain is counted, and what mends it."""

    name: str
    label: str
    about: str
    counted: str
    fix: str


TASKS = {
    task.name: task
    for task in (
        Task(
            "hidden gem",
            "Well liked, hardly shown",
            f"{FEWEST_REVIEWS} reviews or more that are good, and in no list, or in {SELDOM:.0%} of what is usual",
            "lists that a shown SKU of its category is in and it isn't, times its chance to please",
            "See why",
        ),
        Task(
            "sold out",
            "Wanted and sold out",
            "can't be bought, and people still look at it or are shown it",
            f"people who dealt with it in the last {DAYS} days, and lists that it is in",
            "Open the SKU",
        ),
        Task(
            "no answer",
            "Queries that find nothing",
            "searched, and found nothing or poor hits only",
            "how often it was asked in vain",
            "Ask it",
        ),
        Task(
            "disputed",
            "Disputed tags",
            "one tagger asserts it, another doesn't",
            f"people who dealt with the SKU in the last {DAYS} days",
            "Decide",
        ),
        Task(
            "unconfirmed",
            "Tags nobody confirmed",
            "asserted on many SKUs, and no person has said yes to any",
            f"people who dealt with those SKUs in the last {DAYS} days",
            "Review",
        ),
    )
}


def rescue_queue(
    queries: Queries,
    *,
    lists: Lists | None = None,
    pipeline: Pipeline | None = None,
    tags: Candidates | None = None,
    decided: pd.DataFrame | None = None,
    troubled: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """All tasks, those that touch most people first: `COLUMNS`; `key` names a task for good.

    lists, pipeline: what users are shown, None where no recommender is trained; tags: candidates for review, None
    where no tagger is; decided: people's decisions on tags; troubled: searches in vain.
    """
    facts = queries.frame(_FACTS).set_index("item_id")
    frames = [_sold_out(facts, lists, pipeline)]
    if lists is not None and pipeline is not None:
        frames.append(_gems(facts, lists, pipeline))
    if tags is not None:
        looked = set() if decided is None else set(zip(decided["item_id"], decided["tag"], strict=True))
        frames += [_disputed(facts, tags, looked), _unconfirmed(facts, tags, {tag for _, tag in looked})]
    if troubled is not None and len(troubled):
        frames.append(_no_answer(troubled))
    found = pd.concat([frame.head(MOST) for frame in frames if len(frame)] or [_rows("sold out", [])])
    return found.sort_values(["gain", "key"], ascending=[False, True], ignore_index=True)


def _gems(facts: pd.DataFrame, lists: Lists, pipeline: Pipeline) -> pd.DataFrame:
    shown = exposure(lists, pipeline.catalogue).set_index("item_id")
    reach = shown[shown["lists"] > 0].groupby("category")["lists"].median()
    usual = shown["category"].map(reach).fillna(float(reach.median()) if len(reach) else 0.0)
    why = unseen(lists, pipeline).set_index("item_id")["why"]
    seldom = shown.index[(shown["lists"] > 0) & shown["available"] & (shown["lists"] <= SELDOM * usual)]
    hardly = [*why.index[why.isin((OUTRANKED, UNLEARNED))], *seldom]  # sold out or hidden on purpose is no oversight
    near = facts.loc[facts.index.intersection(hardly)]
    near = near[(near["reviews"] >= FEWEST_REVIEWS) & (near["rating"] >= LIKED)]
    mean = float(facts["rating"].mean()) if facts["rating"].notna().any() else 0.0
    liked = (near["rating"] * near["reviews"] + mean * PRIOR_REVIEWS) / (near["reviews"] + PRIOR_REVIEWS)
    lines = [
        {
            "item_id": item,
            "title": row["title"],
            "why": f"{row['reviews']:,} reviews, {row['rating']:.1f} stars; "
            + str(why.get(item, f"in {shown.at[item, 'lists']:,} of {len(lists.users):,} lists")),
            "gain": float(usual[item] - shown.at[item, "lists"]) * liked[item] / 5,
        }
        for item, row in near.iterrows()
    ]
    return _rows("hidden gem", lines)


def _sold_out(facts: pd.DataFrame, lists: Lists | None, pipeline: Pipeline | None) -> pd.DataFrame:
    gone = facts[facts["available"].eq(False).fillna(False).astype(bool)]
    shown: Mapping[str, int] = {}
    if lists is not None and pipeline is not None:
        shown = exposure(lists, pipeline.catalogue).set_index("item_id")["lists"].to_dict()
    lines = [
        {
            "item_id": item,
            "title": row["title"],
            "why": f"{row['people']:,} people in {DAYS} days"
            + (f", in {shown[item]:,} lists" if shown.get(item) else ""),
            "gain": float(row["people"] + shown.get(item, 0)),
        }
        for item, row in gone.iterrows()
        if row["people"] + shown.get(item, 0) > 0
    ]
    return _rows("sold out", lines)


def _disputed(facts: pd.DataFrame, tags: Candidates, looked: set[tuple[str, str]]) -> pd.DataFrame:
    pairs = tags.disagree.head(2 * MOST)
    lines = [
        {
            "item_id": item,
            "tag": tag,
            "title": facts["title"].get(item, item),
            "why": why,
            "gain": float(facts["people"].get(item, 0)),
        }
        for item, tag, why in zip(pairs["item_id"], pairs["tag"], pairs["why"], strict=True)
        if (item, tag) not in looked
    ]
    return _rows("disputed", lines)


def _unconfirmed(facts: pd.DataFrame, tags: Candidates, looked: set[str]) -> pd.DataFrame:
    frequent = [tag for tag in dict.fromkeys(tags.frequent["tag"]) if tag not in looked]
    asserted = tags.asserted[tags.asserted["tag"].isin(frequent)]
    people = asserted["item_id"].map(facts["people"]).fillna(0).groupby(asserted["tag"]).sum()
    skus = asserted.groupby("tag")["item_id"].nunique()
    lines = [
        {"tag": tag, "title": tag, "why": f"asserted on {skus[tag]:,} SKUs", "gain": float(people[tag])}
        for tag in frequent
    ]
    return _rows("unconfirmed", lines)


def _no_answer(troubled: pd.DataFrame) -> pd.DataFrame:
    lines = [
        {
            "query": row["query"],
            "title": row["query"],
            "why": f"asked {row['times']:,} times; {row['empty']:,} found nothing, {row['weak']:,} poor hits only",
            "gain": float(row["empty"] + row["weak"]),
        }
        for row in troubled.to_dict("records")
    ]
    return _rows("no answer", lines)


def _rows(kind: str, lines: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(lines, columns=[name for name in COLUMNS if name not in ("key", "kind")])
    frame = frame.assign(gain=frame["gain"].astype(np.float64))
    for name in ("item_id", "tag", "query"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), "").astype(str)
    keys = [
        f"{kind}: {' · '.join(part for part in parts if part)}"
        for parts in zip(frame["item_id"], frame["tag"], frame["query"], strict=True)
    ]
    frame = frame.assign(key=pd.Series(keys, index=frame.index, dtype=str), kind=kind)
    return frame[list(COLUMNS)].sort_values(["gain", "key"], ascending=[False, True], ignore_index=True)
