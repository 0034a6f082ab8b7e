"""The rows behind the numbers of the ranking lab; each opens to the decision that it is part of."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from engine.errors import UnknownNameError
from engine.metrics.chances import probability_bins
from engine.metrics.measures import row_values
from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE
from engine.ranking.lines import BINS, KIND, METRICS, OF_ORDER
from pages.parts import links, ranking_cache
from pages.parts.ranking_export import stamped
from pages.parts.ranking_room import DECISION, Room, feature_label, label
from pages.parts.rows import ROWS_SHOWN, Behind

_KINDS = ("lists", "wanted", "lost", "ranker:…", "chances:…", "bin:…", "feature:…", "train")


def behind(room: Room, key: str) -> Behind:
    """The rows of a number. Raises UnknownNameError for a key that names none."""
    kind, _, rest = key.partition(":")
    makers: dict[str, Callable[[Room, str], tuple[str, pd.DataFrame]]] = {
        "lists": _lists,
        "wanted": _wanted,
        "lost": _lost,
        "ranker": _ranker,
        "chances": _chances,
        "bin": _bin,
        "feature": _feature,
        "train": _train,
    }
    if kind not in makers:
        raise UnknownNameError("figure", key, [name.partition(":")[0] for name in _KINDS])
    title, rows = makers[kind](room, rest)
    if "moment" in rows:
        rows = rows.assign(moment=rows["moment"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    way = _open if kind != "train" else None
    return Behind(key, title, rows.head(ROWS_SHOWN), len(rows), lambda: stamped(room, rows), way=way)


def _open(row: dict) -> str:
    """The decision that a row is part of, with its candidate open where it names one."""
    gone = {"rows": None, "ask": None, "user": None, "above": None}
    return links.link(see=DECISION, list=row["list_id"], sku=row.get("item_id"), **gone)


def _lists(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    table = room.lab.table
    named = [name for name in table if not name.endswith((" place", " ndcg@5"))]
    shown = [f"{ENSEMBLE} place", f"{BASE} place", f"{ENSEMBLE} ndcg@5", f"{BASE} ndcg@5"]
    return "Lists of test", table[[*named, *shown]]


def _wanted(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """The wanted candidates, each with where every ranker has it."""
    lists, known = room.lab.lists, room.lab.lists.known
    owner = lists.list_of_row[known]
    frame = pd.DataFrame(
        {
            "list_id": lists.list_ids[owner],
            "user_id": lists.users[owner],
            "item_id": lists.stock.item_ids[lists.items[known]],
            **{f"{name} place": room.lab.places[name][known] for name in room.lab.names},
        }
    )
    return "Wanted candidates", frame.sort_values([f"{ENSEMBLE} place", "list_id"], ignore_index=True)


def _lost(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    table = room.lab.table
    rows = table[table["found"] < table["wanted"]]
    columns = ["list_id", "user_id", "moment", "candidates", "wanted", "found"]
    return "Lists with a wanted SKU that is no candidate", rows[columns].reset_index(drop=True)


def _ranker(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """One ranker's figures, list by list."""
    name = room.lab.known(rest)
    rows = room.lab.rows[name]
    values = row_values(KIND, rows, OF_ORDER if name == BASE else METRICS)
    frame = values.assign(user_id=rows["user_id"], first_wanted=rows["hit_rank"])
    return f"{room.label(name)}, list by list", frame[["list_id", "user_id", "first_wanted", *values.columns[1:]]]


def _chances(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """All candidates with the chance that a ranker gives each, and the bin of the calibration error that it is in."""
    chances = room.lab.chances(room.lab.known(rest))
    rows = _candidates(room, chances, np.arange(len(chances)))
    return f"{room.label(rest)}: the chance of each candidate", rows.assign(bin=probability_bins(chances))


def _bin(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """The candidates of one part of like chance."""
    name, _, number = rest.rpartition(":")
    chances = room.lab.chances(room.lab.known(name))
    bins = probability_bins(chances, BINS)
    known = [str(place) for place in range(len(np.unique(bins)))]
    if number not in known:
        raise UnknownNameError("figure", f"bin:{rest}", [f"bin:{name}:{one}" for one in known])
    own = np.flatnonzero(bins == np.unique(bins)[int(number)])
    frame = _candidates(room, chances, own)
    title = f"{label(name)}: chances from {chances[own].min():.4f} to {chances[own].max():.4f}"
    return title, frame.sort_values(["wanted", "list_id"], ascending=[False, True], ignore_index=True)


def _candidates(room: Room, chances: np.ndarray, own: np.ndarray) -> pd.DataFrame:
    """The candidates at the places `own`, each with its list, its chance and whether it was wanted."""
    lists = room.lab.lists
    owner = lists.list_of_row[own]
    return pd.DataFrame(
        {
            "list_id": lists.list_ids[owner],
            "user_id": lists.users[owner],
            "item_id": lists.stock.item_ids[lists.items[own]],
            "chance": chances[own],
            "wanted": lists.known[own],
        }
    )


def _feature(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """A feature's values, and what each member makes of them."""
    rows = ranking_cache.feature_values(room.opened, rest)
    return f"{feature_label(rest).capitalize()}: its values, and what it adds in each member’s own units", rows


def _train(room: Room, rest: str) -> tuple[str, pd.DataFrame]:
    """The lists that the members learned from."""
    return "Lists of train", ranking_cache.train_lists(room.opened)
