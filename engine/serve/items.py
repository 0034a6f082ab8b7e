"""An item as answers show it."""

from __future__ import annotations

import math
from typing import Any

from engine.serve.assortment import Assortment


def item_of(assortment: Assortment, row: int, place: int, score: float | None) -> dict[str, Any]:
    """The fields of `schemas.Item` for the item in `row` of the catalogue."""
    catalogue = assortment.catalogue
    return {
        "place": place,
        "item_id": str(catalogue.item_ids[row]),
        "title": str(catalogue.titles[row]),
        "category": str(catalogue.categories[assortment.leaves[row]]),
        "price": finite(catalogue.prices[row]),
        "score": finite(score),
    }


def finite(number: float | None) -> float | None:
    """`number` where JSON can hold it."""
    return float(number) if number is not None and math.isfinite(number) else None
