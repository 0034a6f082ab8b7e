"""One decision taken apart: the candidates of a list, what each ranker says of them, and what the user had done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import UnknownNameError
from engine.rank.base import Floats
from engine.rank.ensemble import Scores
from engine.rank.lists import Lists
from engine.rank.panel import Panel, Weights

BASE = "baseline"  # the name of what all others are compared with


@dataclass(frozen=True)
class Decision:
    """One list: `one` holds it alone; scores: of the members; base: what its candidates came ordered by.

    candidates: best first by the ensemble: row (of `one`), place, item_id, wanted (None: nobody knows yet), score, and
    for each member and BASE "<name> score" and "<name> place"; for members "<name> part" too, what it adds to the score
    """

    one: Lists
    scores: Scores
    base: Floats
    candidates: pd.DataFrame

    def row(self, item_id: str, *, kind: str = "candidate") -> int:
        """The row of a candidate. Raises UnknownNameError (of that kind) with the nearest one when it is none."""
        ids = self.candidates["item_id"].tolist()
        if item_id not in ids:
            raise UnknownNameError(kind, item_id, ids)
        return int(self.candidates["row"].iloc[ids.index(item_id)])


def take_apart(panel: Panel, one: Lists, scores: Scores, base: Floats, *, weights: Weights | None = None) -> Decision:
    """The candidates of the list `one` by the ensemble, with its own weights or with others.

    scores: of the members for the list's rows; base: (n_rows,) what the candidates came ordered by, higher first.
    """
    total = panel.combine(one, scores, weights)
    order = one.ordered(total)
    frame = pd.DataFrame(
        {
            "row": order,
            "place": np.arange(1, len(order) + 1),
            "item_id": one.stock.item_ids[one.items[order]],
            "wanted": None if one.wanted is None else one.wanted[order],
            "score": total[order],
        }
    )
    parts = panel.parts(one, scores, weights)
    for name, own in {**scores, BASE: base}.items():
        frame[f"{name} score"], frame[f"{name} place"] = own[order], places(one, own)[order]
        if name in parts:
            frame[f"{name} part"] = parts[name][order]
    return Decision(one, scores, base, frame)


def places(lists: Lists, scores: Floats) -> NDArray[np.int64]:
    """(n_rows,) the place of each candidate in its list, 1 for the best."""
    order = lists.ordered(scores)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.arange(len(order)) - lists.starts[lists.list_of_row[order]] + 1
    return found


def history(one: Lists) -> pd.DataFrame:
    """What the user had done before the decision, newest first: item_id, event, timestamp (UTC); empty if unknown."""
    past = one.histories
    if past is None:
        return pd.DataFrame({"item_id": [], "event": [], "timestamp": pd.to_datetime([], utc=True)})
    return pd.DataFrame(
        {
            "item_id": one.stock.item_ids[past.items[::-1]],
            "event": [past.kind_names[kind] for kind in past.kinds[::-1]],
            "timestamp": pd.to_datetime(past.micros[::-1], unit="us", utc=True),
        }
    )
