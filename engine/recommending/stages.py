"""One user's way through the pipeline in numbers: what each stage kept, and what the rules left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.ranked import NONE
from engine.recommend.pipeline import Gathered, Pipeline

COLUMNS = ("item_id", "title", "reason", "source", "rank")


@dataclass(frozen=True)
class Stages:
    """How many items one user has at each stage.

    named: by each source; candidates: distinct ones among those; left_out: what the sources would have named besides,
    and why the rules leave it out (the columns of COLUMNS, best rank first); k: places in the list; filled: those of
    them that popularity filled.
    """

    named: dict[str, int]
    candidates: int
    left_out: pd.DataFrame
    k: int
    filled: int


def stages(pipeline: Pipeline, gathered: Gathered, k: int, *, user: int = 0) -> Stages:
    """What each stage kept for one user, a row of the gathered histories."""
    mine = gathered.users == user
    raw = gathered.raw[mine]
    named = {name: int((~np.isnan(raw[:, column])).sum()) for column, name in enumerate(gathered.sources)}
    found = pipeline.rank(gathered, k)
    places = int((found.ranked.rows[user] != NONE).sum())
    return Stages(named, int(mine.sum()), _left_out(pipeline, gathered, user), places, int(found.filled[user].sum()))


def _left_out(pipeline: Pipeline, gathered: Gathered, user: int) -> pd.DataFrame:
    """What sources name when nothing is excluded, and the rules leave out."""
    history, catalogue = gathered.histories.rows(np.array([user])), pipeline.catalogue
    rows = []
    for name in gathered.sources:
        found = pipeline.models[name].recommend(history, pipeline.config.candidates).rows[0]
        for rank, item in enumerate(found[found != NONE], start=1):
            if reason := gathered.rules.reason(user, int(item)):
                rows.append((catalogue.item_ids[item], catalogue.titles[item], reason, name, rank))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    best = frame.sort_values(["rank", "item_id"], kind="stable").drop_duplicates("item_id")
    return best.reset_index(drop=True)
