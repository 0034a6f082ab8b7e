"""What is for sale, looked up by what requests name: items, categories, and what is popular among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import UnknownNameError
from engine.ranked import NONE
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import eligibility
from engine.recommending.people import history_of
from engine.recommending.shop import Shop

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Assortment:
    """A catalogue and its items by popularity.

    allowed: (n_items,) bool, what anybody may be shown; popular: rows of it, most popular first.
    """

    catalogue: Catalogue
    allowed: NDArray[np.bool_]
    popular: Rows

    @cached_property
    def rows(self) -> dict[str, int]:
        """Where each item stands in the catalogue."""
        return {item_id: row for row, item_id in enumerate(self.catalogue.item_ids.tolist())}

    @cached_property
    def leaves(self) -> NDArray[np.int32]:
        """(n_items,) the deepest category of each item."""
        return self.catalogue.leaves

    def item(self, row: int) -> dict[str, Any]:
        """What answers say of the item in `row`, wherever it stands: fields of `schemas.Item`."""
        catalogue = self.catalogue
        return {
            "item_id": str(catalogue.item_ids[row]),
            "title": str(catalogue.titles[row]),
            "category": str(catalogue.categories[self.leaves[row]]),
            "price": finite(catalogue.prices[row]),
        }

    @cached_property
    def _categories(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.catalogue.categories.tolist())}

    def fragment(self, row: int) -> bytes:
        """What answers say of the item in `row` wherever it stands, as fields of a JSON object; made when first asked
        for."""
        made = self._fragments.get(row)
        if made is None:
            made = self._fragments[row] = orjson.dumps(self.item(row))[1:-1]
        return made

    @cached_property
    def _fragments(self) -> dict[int, bytes]:
        return {}

    def mask(self, category: str | None) -> NDArray[np.bool_] | None:
        """(n_items,) what is in a category ("Shoes / Boots") or below it; None for all.

        Raises UnknownNameError with the nearest category.
        """
        if category is None:
            return None
        if category not in self._categories:
            raise UnknownNameError("category", category, self._categories)
        found = np.zeros(len(self.catalogue), dtype=bool)
        place = self._categories[category]
        found[self._members.indices[self._members.indptr[place] : self._members.indptr[place + 1]]] = True
        return found

    @cached_property
    def _members(self) -> sparse.csc_array:
        return self.catalogue.membership.tocsc()

    def best(self, k: int, category: NDArray[np.bool_] | None = None) -> Rows:
        """The `k` most popular items (of the category), fewer when there are not as many."""
        return (self.popular if category is None else self.popular[category[self.popular]])[:k]


def assortment(shop: Shop, popularity: Recommender, hidden: NDArray[np.bool_] | None) -> Assortment:
    """The catalogue of `shop` with what `popularity` recommends to somebody of whom nothing is known."""
    nobody = history_of(shop.log.take(np.zeros(len(shop.log), dtype=bool)), shop.config.events, "")
    allowed = eligibility(nobody, shop.catalogue, shop.config.rules, hidden=hidden)
    found = popularity.recommend(nobody, len(shop.catalogue), eligible=allowed.eligible).rows[0]
    return Assortment(shop.catalogue, allowed.eligible, found[found != NONE].astype(np.int64))


def finite(number: float | None) -> float | None:
    """`number` where JSON can hold it."""
    return float(number) if number is not None and math.isfinite(number) else None
