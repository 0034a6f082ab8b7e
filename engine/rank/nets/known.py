"""What a network knows of its inputs: which items, categories, kinds of events and features it met while learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.rank.lists import CODE, Feature, Lists, Stock

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
FARTHEST = 6.0  # a number is cut at so many standard deviations
MOST_CODES = 100_000  # of one feature; those above it are unknown


@dataclass(frozen=True)
class Known:
    """Names by place; place 0 of every kind stands for what was never met, so the first name has place 1.

    item_ids: (n,) those of train's candidates and histories, sorted; categories and kinds: names; width: of the stock's
    vectors, 0 where there are none; columns: the features, none where the network reads none; means, scales:
    (n_numbers,) of the features that are amounts, after `_flat`; codes: one more than the highest code of each of the
    others.
    """

    item_ids: NDArray[np.object_]
    categories: tuple[str, ...]
    kinds: tuple[str, ...]
    width: int
    columns: tuple[Feature, ...]
    means: Floats
    scales: Floats
    codes: tuple[int, ...]

    @classmethod
    def of(cls, train: Lists, *, features: bool) -> Self:
        """What `train` holds; its features count only where `features`."""
        stock, histories = train.stock, train.histories
        met = np.unique(np.concatenate([train.items, histories.items if histories is not None else []]).astype(int))
        columns = train.columns if features else ()
        numbers = _flat(train.features[:, _places(columns, CODE, inside=False)])
        counts = np.maximum((~np.isnan(numbers)).sum(axis=0), 1)
        means = np.nansum(numbers, axis=0, dtype=np.float64) / counts
        spread = np.sqrt(np.nansum((numbers - means) ** 2, axis=0) / counts)
        return cls(
            item_ids=np.sort(stock.item_ids[met].astype(str)).astype(object),
            categories=tuple(str(name) for name in stock.category_names),
            kinds=histories.kind_names if histories is not None else (),
            width=0 if stock.vectors is None else stock.vectors.shape[1],
            columns=columns,
            means=means.astype(np.float32),
            scales=np.where(spread > 1e-6, spread, 1.0).astype(np.float32),
            codes=tuple(_highest(train.features[:, place]) + 1 for place in _places(columns, CODE)),
        )

    def numbers(self, features: Floats) -> Floats:
        """(n_rows, 2 n_numbers): each amount in standard deviations from its mean, 0 where unknown, and whether it is.

        `features` are (n_rows, n_features) in the order of `columns`.
        """
        given = _flat(features[:, _places(self.columns, CODE, inside=False)])
        unknown = np.isnan(given)
        usual = np.clip((given - self.means) / self.scales, -FARTHEST, FARTHEST)
        return np.concatenate([np.where(unknown, 0, usual), unknown], axis=1).astype(np.float32)

    def codes_of(self, features: Floats) -> Ints:
        """(n_rows, n_codes) places of the codes; 0 for those that are unknown."""
        found = [
            _code_places(features[:, at], n) for at, n in zip(_places(self.columns, CODE), self.codes, strict=True)
        ]
        return np.column_stack(found) if found else np.zeros((len(features), 0), dtype=np.int64)

    def items_of(self, stock: Stock) -> Ints:
        """(n_items,) the place of each item of `stock`.

        Raises ArtifactError when its vectors aren't as wide as those that were learned from.
        """
        width = 0 if stock.vectors is None else stock.vectors.shape[1]
        if width != self.width:
            now, before = (f"vectors of {n} numbers" if n else "no vectors" for n in (width, self.width))
            raise ArtifactError(f"The items have {now}, and the ranker learned from {before}; train it again.")
        return places_in(self.item_ids, stock.item_ids.astype(str).astype(object))

    def categories_of(self, stock: Stock) -> Ints:
        """(n_items,) the place of each item's category."""
        names = np.array([str(name) for name in stock.category_names], dtype=object)
        return places_in(np.array(self.categories, dtype=object), names)[stock.categories]

    def kinds_of(self, names: Sequence[str]) -> Ints:
        """(n_names,) the place of each kind of event."""
        return places_in(np.array(self.kinds, dtype=object), np.array(names, dtype=object))

    def said(self) -> dict[str, Any]:
        """By name, as JSON keeps it."""
        return {
            "item_ids": self.item_ids.tolist(),
            "categories": self.categories,
            "kinds": self.kinds,
            "width": self.width,
            "columns": [asdict(column) for column in self.columns],
            "means": self.means.astype(float).tolist(),
            "scales": self.scales.astype(float).tolist(),
            "codes": self.codes,
        }

    @classmethod
    def heard(cls, said: Mapping[str, Any]) -> Self:
        """What `said` gave. Raises KeyError, TypeError or ValueError when it isn't whole."""
        return cls(
            np.array([str(one) for one in said["item_ids"]], dtype=object),
            tuple(said["categories"]),
            tuple(said["kinds"]),
            int(said["width"]),
            tuple(Feature(**column) for column in said["columns"]),
            np.array(said["means"], dtype=np.float32),
            np.array(said["scales"], dtype=np.float32),
            tuple(int(n) for n in said["codes"]),
        )


def places_in(known: NDArray[np.object_], ids: NDArray[np.object_]) -> Ints:
    """(n,) one more than where each of `ids` stands in `known` (distinct), 0 for those that aren't there."""
    place = {name: at for at, name in enumerate(known.tolist(), 1)}
    return np.array([place.get(name, 0) for name in ids.tolist()], dtype=np.int64)


def _places(columns: Sequence[Feature], kind: str, *, inside: bool = True) -> list[int]:
    return [place for place, column in enumerate(columns) if (column.kind == kind) == inside]


def _flat(numbers: Floats) -> Floats:
    """Counts and prices spread over orders of magnitude; their logarithm doesn't, and small shares stay as they are."""
    found: Floats = np.sign(numbers) * np.log1p(np.abs(numbers))
    return found


def _highest(codes: Floats) -> int:
    known = codes[~np.isnan(codes)]
    return int(min(known.max(initial=0), MOST_CODES - 1))


def _code_places(codes: Floats, n: int) -> Ints:
    fits = ~np.isnan(codes) & (codes >= 0) & (codes < n)
    return np.where(fits, np.where(fits, codes, 0).astype(np.int64) + 1, 0)
