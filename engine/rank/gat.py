"""Graph attention: users are what they dealt with, items what they are and who dealt with them.

S. Brody, U. Alon, E. Yahav, How attentive are graph attention networks?, ICLR 2022 (GATv2), over neighbours that are
drawn (W. Hamilton, R. Ying, J. Leskovec, Inductive representation learning on large graphs, NeurIPS 2017). A user has
no id in the network, only events: someone who came a second ago is scored like anyone else. Items look two steps far:
at those who had events with them, and at what else these had events with, before the moment of the list.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.device import device
from engine.rank.lists import Lists, Stock
from engine.rank.nets.batch import Batch, Reader, histories_of, hours, newest
from engine.rank.nets.config import NetConfig
from engine.rank.nets.feed import Feed
from engine.rank.nets.graph import Graph
from engine.rank.nets.known import Ints, Known
from engine.rank.nets.layers import SMALL, ItemTower, Match
from engine.rank.nets.ranker import NetRanker
from engine.typed import setting

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it still compiles with torch.jit, which torch gives up
    from torch_geometric.nn import GATv2Conv

EDGE = 8  # numbers that stand for an edge


@dataclass(frozen=True)
class GatConfig(NetConfig):
    """Settings of graph attention, besides those of every network.

    heads: of attention, which share `width` out; users: events of an item that are drawn, each with its user; items:
    events of each such user that are drawn.
    """

    heads: int = setting(2, least=1)
    users: int = setting(8, least=1)
    items: int = setting(8, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_heads(self.heads)


@dataclass(frozen=True)
class GraphBatch(Batch):
    """A batch with the neighbours of its items.

    asked: (n_asked,) places among `items` of those that have candidates or events here; n_users: users drawn;
    used: (2, n_used) the item, by its place among `items`, and the user of each event drawn for users; used_by:
    (2, n_used_by) the user, and the item by its place in `asked`, of each event drawn for items; …_kinds, …_ages: of
    those events.
    """

    asked: Tensor
    n_users: int
    used: Tensor
    used_kinds: Tensor
    used_ages: Tensor
    used_by: Tensor
    used_by_kinds: Tensor
    used_by_ages: Tensor


class Gat(NetRanker):
    """The graph is that of train; what the user of a list did since is read, what others did since isn't."""

    name: ClassVar[str] = "gat"
    Config: ClassVar[type[GatConfig]] = GatConfig
    _graph: Graph

    def make(self, known: Known, source: Lists | Mapping[str, Tensor]) -> nn.Module:
        """The network; its graph is made of train's histories, or read."""
        if isinstance(source, Lists):
            self._graph = Graph.of(source, known, self.config.batch_lists)
        else:
            self._graph = Graph.read(source)
        return GatNet(known, self.config)

    def kept(self) -> Mapping[str, Tensor]:
        """The graph."""
        return self._graph.tensors()

    def bind(self, stock: Stock) -> GraphReader:
        """A reader that finds the graph's items too."""
        return GraphReader(self.fitted[0], self._graph, stock, self.config.max_events)

    def feed(self, lists: Lists, weights: NDArray[np.float32] | None = None) -> Feed:
        """`lists` with the neighbours of their items."""
        reader = self.reader(lists.stock)
        assert isinstance(reader, GraphReader)
        return GraphFeed(reader, lists, weights, self.config)


class GraphReader(Reader):
    """Reads lists of a stock and what `graph` holds besides; at: where each known item stands."""

    def __init__(self, known: Known, graph: Graph, stock: Stock, max_events: int) -> None:
        wider, self.at = graph.beside(stock, known)
        super().__init__(known, wider, max_events, device())
        self.graph = graph


class GraphFeed(Feed):
    """Lists, batch by batch, those of one batch at a moment when the same of the graph may be seen."""

    def __init__(
        self, reader: GraphReader, lists: Lists, weights: NDArray[np.float32] | None, config: GatConfig
    ) -> None:
        super().__init__(reader, lists, weights)
        self._graph, self._at, self._config = reader.graph, reader.at, config
        self._cuts = reader.graph.cut(lists.micros)
        self._rng: np.random.Generator | None = None

    def batches(self, size: int, rng: np.random.Generator | None = None) -> list[Ints]:
        """Places of the lists that are read together; neighbours are drawn by `rng` too."""
        self._rng = rng
        found = []
        for cut in np.unique(self._cuts):
            own = np.flatnonzero(self._cuts == cut)
            own = own if rng is None else rng.permutation(own)
            found += [own[start : start + size] for start in range(0, len(own), size)]
        return found if rng is None else [found[place] for place in rng.permutation(len(found))]

    def batch(self, chosen: Ints) -> GraphBatch:
        """The lists at `chosen` as tensors, with the neighbours of their items."""
        lists, graph, cut = self.lists.take(chosen), self._graph, int(self._cuts[chosen].max(initial=0))
        events = newest(histories_of(lists), self._config.max_events).items
        asked = np.unique(np.concatenate([lists.items, events]).astype(np.int64))
        by = graph.of_items(self.reader.ids[asked], cut, self._config.users, self._rng)
        users, user = np.unique(graph.users[by.events], return_inverse=True)
        of = graph.of_users(users, cut, self._config.items, self._rng)
        used = self._at[graph.items[of.events]]
        items = np.union1d(asked, used)
        batch = self.reader.batch(lists, self.weights_of(chosen), items)
        now = int(graph.micros[cut - 1]) if cut else 0

        def on(array: NDArray[Any]) -> Tensor:
            return torch.as_tensor(array, device=self.reader.where)

        return GraphBatch(
            **vars(batch),
            asked=on(np.searchsorted(items, asked)),
            n_users=len(users),
            used=on(np.stack([np.searchsorted(items, used), of.nodes])),
            used_kinds=on(graph.kinds[of.events]),
            used_ages=on(hours(now - graph.micros[of.events])),
            used_by=on(np.stack([user, by.nodes])),
            used_by_kinds=on(graph.kinds[by.events]),
            used_by_ages=on(hours(now - graph.micros[by.events])),
        )


class GatNet(nn.Module):
    """Batches in, scores out: from items to users that had them, back to items, and to the users of the lists."""

    def __init__(self, known: Known, config: GatConfig) -> None:
        super().__init__()
        self.items = ItemTower(known, config.width, config.forget)
        self.someone = nn.Parameter(torch.randn(config.width) * SMALL)
        self.to_users = Attention(known, config, ages=1)
        self.to_items = Attention(known, config, ages=1)
        self.to_lists = Attention(known, config, ages=2)
        self.norm = nn.LayerNorm(config.width)
        self.match = Match(known, config.width, config.dropout, chances=config.loss == "bce")

    def forward(self, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        """(n_rows,) scores, and no other loss."""
        items, biases = self.items(batch.items)
        users = self.someone.expand(batch.n_users, -1)
        users = users + self.to_users((items, users), batch.used, batch.used_kinds, batch.used_ages[:, None])
        known = items[batch.asked]
        edges = batch.used_by, batch.used_by_kinds, batch.used_by_ages[:, None]
        items = items.index_add(0, batch.asked, self.to_items((users, known), *edges).to(items.dtype))
        lists = self._last(batch, items)
        owners = torch.repeat_interleave(torch.arange(batch.n, device=items.device), batch.sizes)
        edges = torch.stack([batch.events, owners]), batch.kinds, batch.gaps
        users = self.norm(lists + self.to_lists((items, lists), *edges))
        scores = self.match(batch, users, items, biases)
        return scores, scores.new_zeros(())

    def _last(self, batch: Batch, items: Tensor) -> Tensor:
        """(n, width) anyone, and the item of the newest event where there is one."""
        lists = self.someone.expand(batch.n, -1)
        acted = torch.nonzero(batch.sizes).squeeze(-1)
        last = batch.events[torch.cumsum(batch.sizes, 0)[acted] - 1]
        return lists.index_add(0, acted, items[last])


class Attention(nn.Module):
    """What nodes take from their neighbours, by the kind of the event between them and how long ago it was."""

    def __init__(self, known: Known, config: GatConfig, *, ages: int) -> None:
        super().__init__()
        self.kinds = nn.Embedding(len(known.kinds) + 1, EDGE)
        self.ages = nn.Linear(ages, EDGE)
        width, heads = config.width, config.heads
        self.conv = GATv2Conv(
            (width, width), width // heads, heads, dropout=config.dropout, add_self_loops=False, edge_dim=EDGE
        )

    def forward(self, nodes: tuple[Tensor, Tensor], edges: Tensor, kinds: Tensor, ages: Tensor) -> Tensor:
        """(n_to, width) from nodes (n_from, width) and (n_to, width); edges (2, n), kinds (n,) and ages (n, …)."""
        found: Tensor = self.conv(nodes, edges, self.kinds(kinds) + self.ages(ages))
        return found
