"""The transformer: attention over the user's events in order, read once for each list, against its candidates.

W.-C. Kang and J. McAuley, Self-attentive sequential recommendation, ICDM 2018, with blocks that norm first (R. Xiong et
al., On layer normalization in the transformer architecture, ICML 2020). Events say which item, what was done, and how
long before; a state sees only what came earlier, so that each also learns to tell the next event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from engine.rank.lists import Lists
from engine.rank.nets.batch import Batch
from engine.rank.nets.config import NetConfig
from engine.rank.nets.known import Known
from engine.rank.nets.layers import SMALL, EventLayer, ItemTower, Match
from engine.rank.nets.ranker import NetRanker
from engine.typed import setting


@dataclass(frozen=True)
class TransformerConfig(NetConfig):
    """Settings of the transformer, besides those of every network.

    layers: of attention; heads: of each, which share `width` out; next_event: how much telling the next event of the
    history counts beside telling what was wanted, 0 for not at all.
    """

    layers: int = setting(2, least=1)
    heads: int = setting(2, least=1)
    next_event: float = setting(0.1, least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_heads(self.heads)


class Transformer(NetRanker):
    """Someone without events is what everyone is before the first one; unknown items are their category and vector."""

    name: ClassVar[str] = "transformer"
    Config: ClassVar[type[TransformerConfig]] = TransformerConfig

    def make(self, known: Known, source: Lists | Mapping[str, Tensor]) -> nn.Module:
        """The network for what is `known`."""
        return TransformerNet(known, self.config)


class TransformerNet(nn.Module):
    """Batches in, scores out, and while learning the loss of telling next events."""

    def __init__(self, known: Known, config: TransformerConfig) -> None:
        super().__init__()
        self._next_event = config.next_event
        self.items = ItemTower(known, config.width, config.forget)
        self.events = EventLayer(known, config.width)
        self.start = nn.Parameter(torch.randn(config.width) * SMALL)
        self.places = nn.Embedding(config.max_events, config.width)
        self.blocks = nn.ModuleList([Block(config.width, config.heads, config.dropout) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.match = Match(known, config.width, config.dropout, chances=config.loss == "bce")
        nn.init.normal_(self.places.weight, std=SMALL)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(n_rows,) scores, and the other loss, summed over lists."""
        items, biases = self.items(batch.items)
        owners, steps = _places(batch.sizes)
        states = self._states(batch, items, owners, steps)
        users = states[torch.arange(batch.n, device=states.device), batch.sizes]
        scores = self.match(batch, users, items, biases)
        if not self.training or not self._next_event or not len(batch.events):
            return scores, scores.new_zeros(())
        asked, bias = self.match.user(states[owners, steps - 1]), biases
        distinct, right = torch.unique(batch.events, return_inverse=True)
        told = cross_entropy((asked @ items[distinct].T + bias[distinct]).float(), right)
        return scores, self._next_event * batch.n * told

    def _states(self, batch: Batch, items: Tensor, owners: Tensor, steps: Tensor) -> Tensor:
        """(n, 1 + longest, width): after the start, and after each event; beyond a list's last one, anything."""
        longest = int(batch.sizes.max()) if batch.n else 0
        newest_first = batch.sizes[owners] - steps
        events = self.events(batch, items) + self.places(newest_first)
        hidden = events.new_zeros((batch.n, longest + 1, events.shape[-1]))
        hidden[:, 0] = self.start.to(hidden.dtype)
        hidden[owners, steps] = events
        for block in self.blocks:
            hidden = block(hidden)
        found: Tensor = self.norm(hidden)
        return found


class Block(nn.Module):
    """Attention to what came before, then a layer for each place alone."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads, self._dropout = heads, dropout
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, n_places, width) from the same."""
        n, places, width = hidden.shape
        asked, keys, values = (
            part.view(n, places, self._heads, -1).transpose(1, 2)
            for part in self.inward(self.norms[0](hidden)).chunk(3, dim=-1)
        )
        dropout = self._dropout if self.training else 0.0
        seen = scaled_dot_product_attention(asked, keys, values, is_causal=True, dropout_p=dropout)
        hidden = hidden + self.dropout(self.outward(seen.transpose(1, 2).reshape(n, places, width)))
        found: Tensor = hidden + self.dropout(self.layers(self.norms[1](hidden)))
        return found


def _places(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """(n_events,) twice: the list of each event, and its place in the sequence, counted from 1."""
    owners = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)
    first = torch.cumsum(sizes, 0) - sizes
    return owners, torch.arange(len(owners), device=sizes.device) - first[owners] + 1
