"""An item as answers show it."""

from __future__ import annotations

from typing import Any

from engine.serve.assortment import Assortment, finite


def item_of(assortment: Assortment, row: int, place: int, score: float | None) -> dict[str, Any]:
    """The fields of `schemas.Item` for the item in `row` of the catalogue."""
    return {"place": place, **assortment.item(row), "score": finite(score)}
