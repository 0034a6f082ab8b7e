"""The lists of test as a table, each with how every ranker did on it, and lists worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import UnknownNameError
from engine.rank.agreement import mean_agreement
from engine.rank.base import Floats
from engine.rank.ensemble import Scores
from engine.rank.lists import Lists
from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE, places

LEAST = 0.1  # share of lists on which members are said to disagree
FIRST = 5  # places that a wanted item should be among
PLACE, VALUE = " place", " ndcg@5"  # after a ranker's name in the table


@dataclass(frozen=True)
class Preset:
    """Lists worth a look: a question, what it means, and how well each row of the table fits it (NaN: not at all)."""

    name: str
    label: str
    about: str
    score: Callable[[pd.DataFrame], pd.Series]


def list_table(lists: Lists, scores: Scores, values: Mapping[str, Floats], members: Scores) -> pd.DataFrame:
    """One row per list: list_id, user_id, moment (UTC), candidates, wanted (items, candidates or not), found (of those
    the candidates), agreement (of the members on the order), and for each ranker the place of its first wanted
    candidate (NA: there is none) and its NDCG@5.

    scores: by ranker, (n_rows,); values: by ranker, (n_lists,) NDCG@5; members: the scores whose agreement is told.
    """
    frame = listed(lists).assign(agreement=mean_agreement(lists, members))
    for name, own in scores.items():
        frame[name + PLACE] = _first_wanted(lists, own)
        frame[name + VALUE] = values[name]
    return frame


def listed(lists: Lists) -> pd.DataFrame:
    """One row per list: list_id, user_id, moment (UTC), candidates, wanted and found, as in `list_table`."""
    return pd.DataFrame(
        {
            "list_id": lists.list_ids,
            "user_id": lists.users,
            "moment": pd.to_datetime(lists.micros, unit="us", utc=True),
            "candidates": lists.sizes,
            "wanted": lists.sought,
            "found": np.bincount(lists.list_of_row[lists.known], minlength=len(lists)),
        }
    )


def find_lists(table: pd.DataFrame, preset: str) -> pd.DataFrame:
    """The rows of the table that answer a preset question, best fit first.

    Raises UnknownNameError with the nearest preset.
    """
    if preset not in PRESETS:
        raise UnknownNameError("question", preset, PRESETS)
    fit = PRESETS[preset].score(table)
    kept = table.assign(fit=fit)[fit.notna()]
    return kept.sort_values(["fit", "list_id"], ascending=[False, True], kind="stable").drop(columns="fit")


def _first_wanted(lists: Lists, scores: Floats) -> pd.Series:
    """(n_lists,) the best place of a wanted candidate, NA where no candidate is wanted."""
    place = np.where(lists.known, places(lists, scores), np.iinfo(np.int64).max)
    best = np.full(len(lists), np.iinfo(np.int64).max)
    np.minimum.at(best, lists.list_of_row, place)
    return pd.Series(best).astype("Int64").mask(best == np.iinfo(np.int64).max)


def _gain(table: pd.DataFrame) -> pd.Series:
    return table[ENSEMBLE + VALUE] - table[BASE + VALUE]


def _missed(table: pd.DataFrame) -> pd.Series:
    place = table[ENSEMBLE + PLACE].astype("Float64").astype(float)
    return place.where(place > FIRST)


def _disagreement(table: pd.DataFrame) -> pd.Series:
    agreement = table["agreement"]
    return -agreement.where(agreement <= agreement.quantile(LEAST))


def _one_knew(table: pd.DataFrame) -> pd.Series:
    """How many places the best member has the wanted candidate above the ensemble, where it has it first."""
    singles = [name for name in table if name.endswith(PLACE) and name not in (ENSEMBLE + PLACE, BASE + PLACE)]
    best = table[singles].min(axis=1).astype("Float64").astype(float)
    place = table[ENSEMBLE + PLACE].astype("Float64").astype(float)
    return (place - best).where((best == 1) & (place > 1))


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "better",
            "Better than the baseline",
            "NDCG@5 is higher than that of the baseline",
            lambda table: _gain(table).where(_gain(table) > 0),
        ),
        Preset(
            "worse",
            "Worse than the baseline",
            "NDCG@5 is lower than that of the baseline",
            lambda table: -_gain(table).where(_gain(table) < 0),
        ),
        Preset(
            "missed",
            f"Missed in the first {FIRST}",
            f"a wanted SKU is a candidate, but none is in the first {FIRST}",
            _missed,
        ),
        Preset(
            "lost",
            "Lost before ranking",
            "no wanted SKU is a candidate: no ranker can help",
            lambda table: table["wanted"].where(table["found"] == 0).astype(float),
        ),
        Preset("disagree", "Members disagree", "the tenth on which members agree least about the order", _disagreement),
        Preset("one knew", "One member knew", "one member has a wanted SKU first, the ensemble hasn’t", _one_knew),
    )
}
