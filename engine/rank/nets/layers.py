"""Layers that the networks share: what an item is, what an event is, and what a candidate's features add."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.rank.nets.batch import Batch, Items
from engine.rank.nets.known import Known

CODE_WIDTH = 8
HIDDEN = 64  # units of the tower that reads features
SMALL = 0.05  # standard deviation of what embeddings start from


class ItemTower(nn.Module):
    """An item as the sum of what was learned of its id, of its category, and of its vector where it has one.

    While learning, a share of the ids is hidden, so that place 0 stands for an item of which nothing but that is known.
    """

    def __init__(self, known: Known, width: int, forget: float) -> None:
        super().__init__()
        self._forget = forget
        self.ids = _embedding(len(known.item_ids) + 1, width)
        self.categories = _embedding(len(known.categories) + 1, width)
        self.vectors = nn.Linear(known.width + 1, width) if known.width else None
        self.biases = _embedding(len(known.item_ids) + 1, 1, spread=0.0)

    def forward(self, items: Items) -> tuple[Tensor, Tensor]:
        """(n, width) what items are, and (n,) how much each is liked by all."""
        ids = items.ids
        if self.training and self._forget:
            ids = torch.where(torch.rand(ids.shape, device=ids.device) < self._forget, 0, ids)
        found = self.ids(ids) + self.categories(items.categories)
        if self.vectors is not None:
            found = found + self.vectors(torch.cat([items.vectors, items.present], dim=1))
        return found, self.biases(ids).squeeze(-1)


class EventLayer(nn.Module):
    """An event: its item, its kind, and how long ago it was."""

    def __init__(self, known: Known, width: int) -> None:
        super().__init__()
        self.kinds = _embedding(len(known.kinds) + 1, width)
        self.gaps = nn.Linear(2, width)

    def forward(self, batch: Batch, items: Tensor) -> Tensor:
        """(n_events, width) from `items` (n_items, width)."""
        found: Tensor = items[batch.events] + self.kinds(batch.kinds) + self.gaps(batch.gaps)
        return found


class Match(nn.Module):
    """The score of a candidate: how it fits the user, how liked it is by all, and what its features add.

    Only chances have an offset that all share: the order within a list says nothing of it, and what a loss is silent
    about drifts with its rounding errors.
    """

    def __init__(self, known: Known, width: int, dropout: float, *, chances: bool) -> None:
        super().__init__()
        self.user = nn.Linear(width, width)
        self.offset = nn.Parameter(torch.zeros(1)) if chances else None
        self.features = FeatureTower(known, dropout) if known.columns else None

    def forward(self, batch: Batch, users: Tensor, items: Tensor, biases: Tensor) -> Tensor:
        """(n_rows,) from users (n, width), items (n_items, width) and biases (n_items,)."""
        asked = self.user(users)[batch.owners]
        found: Tensor = (asked * items[batch.candidates]).sum(-1) + biases[batch.candidates]
        if self.features is not None:
            found = found + self.features(batch.numbers, batch.codes)
        return found if self.offset is None else found + self.offset


class FeatureTower(nn.Module):
    """What a candidate's features add to its score."""

    def __init__(self, known: Known, dropout: float) -> None:
        super().__init__()
        self.codes = nn.ModuleList([_embedding(n + 1, CODE_WIDTH) for n in known.codes])
        inputs = 2 * len(known.means) + CODE_WIDTH * len(known.codes)
        last = nn.Linear(HIDDEN, 1, bias=False)
        self.layers = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.GELU(), nn.Dropout(dropout), last)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """(n_rows,) from numbers (n_rows, 2 n_numbers) and codes (n_rows, n_codes)."""
        read = [layer(codes[:, place]) for place, layer in enumerate(self.codes)]
        found: Tensor = self.layers(torch.cat([numbers, *read], dim=1)).squeeze(-1)
        return found


def _embedding(n: int, width: int, *, spread: float = SMALL) -> nn.Embedding:
    layer = nn.Embedding(n, width)
    nn.init.normal_(layer.weight, std=spread)
    return layer
