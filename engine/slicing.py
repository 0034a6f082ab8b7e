"""Slices: by which properties the rows of a run are parted, so that a figure can be seen for each part."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.metrics.lists import arrow_lists
from engine.metrics.measures import find_kind

_CYRILLIC, _LATIN = re.compile(r"[\u0400-\u04ff]"), re.compile(r"[a-z]", re.IGNORECASE)
WORDS = ("1 word", "2 words", "3 words", "4-6 words", "more than 6 words")
WANTED = ("nothing", "1", "2-5", "more than 5")
SCRIPTS = ("Latin", "Cyrillic", "both", "neither")
_ITEMS = ("no history", "1 item", "2-5 items", "6-20 items", "more than 20 items")
HISTORIES = (*_ITEMS, "1 event", "2-5 events", "6-20 events", "more than 20 events")  # lists to rank count events
PRICES = ("lowest third", "middle third", "highest third", "no price")


@dataclass(frozen=True)
class Slice:
    """A property that parts rows: what it is called, and its values in their own order (none: the largest first)."""

    label: str
    order: tuple[str, ...] = ()


SLICES = {
    "category": Slice("Category"),
    "history": Slice("Length of the history", HISTORIES),
    "item_age": Slice("Age of the wanted item", ("not seen before", "new, up to 30 days", "31-90 days", "older")),
    "answerable": Slice("Whether it can be found at all", ("yes", "no")),
    "words": Slice("Length of the query", WORDS),
    "script": Slice("Script of the query", SCRIPTS),
    "n_wanted": Slice("How much is wanted", WANTED),
    "price": Slice("Price of the first wanted item", PRICES),
}


def slices_of(kind: str, rows: pd.DataFrame, prices: pd.Series | None = None) -> dict[str, NDArray[np.object_]]:
    """For each slice that `rows` have: (n_rows,) the part of each row, None where it has none.

    prices: of the catalogue by item id, for parting by price; None: there is no such slice.
    """
    wanted = arrow_lists(rows["known" if find_kind(kind).name == "tags" else "relevant"])
    found: dict[str, Any] = {name: rows[name].tolist() for name in ("category", "history", "item_age") if name in rows}
    if "answerable" in rows:
        found["answerable"] = ["yes" if value else "no" for value in rows["answerable"].tolist()]
    if "query" in rows:
        texts = [str(text) for text in rows["query"].tolist()]
        found["words"] = _banded([len(text.split()) for text in texts], (1, 2, 3, 6), WORDS)
        found["script"] = [_script(text) for text in texts]
    found["n_wanted"] = _banded(pc.fill_null(pc.list_value_length(wanted), 0).to_numpy(), (0, 1, 5), WANTED)
    if prices is not None and kind != "tags" and prices.notna().any():
        found["price"] = _price_bands(wanted.to_pylist(), prices)
    return {name: np.array(values, dtype=object) for name, values in found.items()}


def _banded(
    counts: Sequence[int] | NDArray[np.integer], ends: Sequence[int], names: Sequence[str]
) -> NDArray[np.object_]:
    return np.array(names, dtype=object)[np.searchsorted(ends, counts)]


def _script(text: str) -> str:
    cyrillic, latin = bool(_CYRILLIC.search(text)), bool(_LATIN.search(text))
    return {(True, True): "both", (True, False): "Cyrillic", (False, True): "Latin"}.get((cyrillic, latin), "neither")


def _price_bands(wanted: Sequence[Any], prices: pd.Series) -> list[str]:
    low, high = np.nanquantile(prices.to_numpy(dtype=np.float64, na_value=np.nan), [1 / 3, 2 / 3])
    of: Callable[[str], Any] = prices.to_dict().get
    firsts = [of(items[0]) if items else None for items in wanted]
    return [
        PRICES[3] if price is None or price != price else PRICES[int(price > low) + int(price > high)]
        for price in firsts
    ]
