"""Lists as tensors: the distinct items that they speak of once, and candidates and events as places among those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import DataError
from engine.rank.lists import Histories, Lists, Stock, spans
from engine.rank.nets.known import Floats, Ints, Known

HOUR = 3_600_000_000


@dataclass(frozen=True)
class Items:
    """Distinct items: ids and categories (n,), places in `Known`; vectors (n, width) and present (n, 1), 0 or 1."""

    ids: Tensor
    categories: Tensor
    vectors: Tensor
    present: Tensor


@dataclass(frozen=True)
class Batch:
    """Some lists. Rows are candidates, events are those of the histories, oldest first; both list by list.

    n: lists; owners, candidates: (n_rows,) the list of each candidate and its place among `items`; numbers, codes: its
    features; wanted, weights: (n_rows,), what to learn; sizes: (n,) events of each list; events, kinds: (n_events,)
    places of the item among `items`, and of the kind; gaps: (n_events, 2) logarithms of the hours since the event
    before, and until the moment of the list.
    """

    n: int
    items: Items
    owners: Tensor
    candidates: Tensor
    numbers: Tensor
    codes: Tensor
    wanted: Tensor
    weights: Tensor
    sizes: Tensor
    events: Tensor
    kinds: Tensor
    gaps: Tensor


class Reader:
    """Reads lists whose items are those of one stock."""

    def __init__(self, known: Known, stock: Stock, max_events: int, where: torch.device) -> None:
        self.known, self.stock, self.where = known, stock, where
        self._max_events = max_events
        self.ids, self._categories = known.items_of(stock), known.categories_of(stock)

    def items(self, chosen: Ints) -> Items:
        """The items at the places `chosen` of the stock."""
        vectors, present = _vectors(self.stock, chosen)
        parts = (self.ids[chosen], self._categories[chosen], vectors, present)
        return Items(*(torch.as_tensor(part, device=self.where) for part in parts))

    def batch(self, lists: Lists, weights: NDArray[np.float32] | None = None, more: Ints | None = None) -> Batch:
        """`lists` as tensors; `more` places of the stock are among the items too."""
        histories = newest(histories_of(lists), self._max_events)
        chosen = np.unique(
            np.concatenate([lists.items, histories.items, [] if more is None else more]).astype(np.int64)
        )
        wanted = lists.wanted if lists.wanted is not None else np.zeros(len(lists.items), dtype=bool)
        counted = np.ones(len(wanted)) if weights is None else weights
        known = self.known
        features = lists.features if known.columns else lists.features[:, :0]

        def on(array: NDArray[np.generic], kind: torch.dtype | None = None) -> Tensor:
            return torch.as_tensor(array, dtype=kind, device=self.where)

        return Batch(
            n=len(lists),
            items=self.items(chosen),
            owners=on(lists.list_of_row),
            candidates=on(np.searchsorted(chosen, lists.items)),
            numbers=on(known.numbers(features)),
            codes=on(known.codes_of(features)),
            wanted=on(wanted, torch.float32),
            weights=on(counted, torch.float32),
            sizes=on(histories.sizes),
            events=on(np.searchsorted(chosen, histories.items)),
            kinds=on(known.kinds_of(histories.kind_names)[histories.kinds]),
            gaps=on(_gaps(histories, lists.micros)),
        )


def histories_of(lists: Lists) -> Histories:
    """The histories of `lists`. Raises DataError when they have none."""
    if lists.histories is None:
        raise DataError("These lists have no histories of their users; only rankers that read features can use them.")
    return lists.histories


def newest(histories: Histories, most: int) -> Histories:
    """The same with at most the `most` newest events of each list."""
    sizes = np.minimum(histories.sizes, most)
    if (sizes == histories.sizes).all():
        return histories
    kept = spans(histories.starts[1:] - sizes, sizes)
    return Histories(sizes, histories.items[kept], histories.kinds[kept], histories.micros[kept], histories.kind_names)


def hours(micros: Ints) -> Floats:
    """log(1 + hours) of spans of time in microseconds; spans below 0 count as 0."""
    return np.log1p(np.maximum(micros, 0) / HOUR).astype(np.float32)


def _gaps(histories: Histories, moments: Ints) -> Floats:
    before = np.diff(histories.micros, prepend=histories.micros[:1])
    before[histories.starts[:-1][histories.sizes > 0]] = 0  # the oldest event follows nothing
    until = np.repeat(moments, histories.sizes) - histories.micros
    return np.column_stack([hours(before), hours(until)])


def _vectors(stock: Stock, chosen: Ints) -> tuple[Floats, Floats]:
    """Vectors of length 1 (0 where all numbers are), and whether they are the item's own."""
    if stock.vectors is None:
        return np.zeros((len(chosen), 0), dtype=np.float32), np.zeros((len(chosen), 1), dtype=np.float32)
    vectors = np.asarray(stock.vectors[chosen], dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    own = np.ones(len(chosen)) if stock.without is None else ~stock.without[chosen]
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32), own.astype(np.float32)[:, None]
