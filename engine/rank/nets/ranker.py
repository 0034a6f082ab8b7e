"""What the rankers that are networks do alike: keep the contract around a network of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import ArtifactError, DataError
from engine.models.device import device
from engine.rank.base import Floats, Training, check_features
from engine.rank.left_out import lost_without
from engine.rank.lists import Feature, Lists, Stock
from engine.rank.nets.batch import Reader, histories_of
from engine.rank.nets.feed import Feed, score
from engine.rank.nets.known import Known
from engine.rank.nets.learning import learn
from engine.rank.nets.storage import read_net, write_net

MOST_ROWS = 20_000  # from which a feature's importance is measured


class NetRanker:
    """Base of the rankers that are networks; a subclass names itself and makes its network."""

    name: ClassVar[str]
    Config: ClassVar[type[Any]]
    needs_histories: ClassVar[bool] = True
    additive: ClassVar[bool] = False

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config
        self.curves: Mapping[str, Sequence[float]] = {}
        self._fitted: tuple[Known, nn.Module] | None = None
        self._importance: dict[str, float] = {}
        self._bound: tuple[Stock, Reader] | None = None

    def make(self, known: Known, source: Lists | Mapping[str, Tensor]) -> nn.Module:
        """A network for what is `known`; `source` is train, or what `kept` gave where a saved one is read."""
        raise NotImplementedError

    def kept(self) -> Mapping[str, Tensor]:
        """What is saved besides the network's weights, by name."""
        return {}

    def bind(self, stock: Stock) -> Reader:
        """A reader of lists whose items are those of `stock`."""
        return Reader(self.fitted[0], stock, self.config.max_events, device())

    def feed(self, lists: Lists, weights: NDArray[np.float32] | None = None) -> Feed:
        """`lists` as the network reads them."""
        return Feed(self.reader(lists.stock), lists, weights)

    def reader(self, stock: Stock) -> Reader:
        """The reader of `stock`, kept until lists of another stock come: its items are looked up once."""
        bound = self._bound
        if bound is None or bound[0] is not stock:
            self._bound = bound = stock, self.bind(stock)
        return bound[1]

    def fit(self, train: Lists, valid: Lists, training: Training) -> Self:
        """Learn; see the contract."""
        if train.known.all() or not train.known.any():
            said = "every one" if len(train.known) and train.known.all() else "none"
            raise DataError(f"Of {len(train.known):,} candidates {said} was wanted, so there is nothing to learn.")
        histories_of(train)
        known = Known.of(train, features=self.config.features)
        torch.manual_seed(training.seed)
        net = self.make(known, train).to(device())
        self._fitted, self._bound = (known, net), None
        feeds = self.feed(train, training.weights), self.feed(valid)
        self.curves = learn(net, *feeds, self.config, training)
        self._importance = self._measured_importance(train)
        return self

    @property
    def fitted(self) -> tuple[Known, Any]:
        """What it knows, and its network. Raises ArtifactError when it has learned nothing yet."""
        if self._fitted is None:
            raise ArtifactError(f"The ranker {self.name} has learned nothing yet; call fit or load first.")
        return self._fitted

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The features that it was fitted on, none when it reads the events only."""
        return self.fitted[0].columns

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) see the contract. Raises DataError when the lists have no histories."""
        known, net = self.fitted
        if known.columns:
            check_features(self.name, known.columns, lists.columns)
        histories_of(lists)
        return score(net, self.feed(lists))

    def explain(self, lists: Lists) -> list[dict[str, float]]:
        """For each candidate what its score loses when the events with a past item are left out, by that item's id."""
        return lost_without(self.scores, lists, self.config.max_events)

    def importance(self) -> dict[str, float]:
        """How much scores of train change when a feature is unknown, as shares; empty when it reads no features."""
        return self._importance

    def save(self, folder: Path) -> None:
        """Write config.json and net.safetensors."""
        known, net = self.fitted
        said = {"config": self.config.said(), "known": known.said(), "importance": self._importance}
        write_net(folder, self.name, {**said, "curves": dict(self.curves)}, net.state_dict(), self.kept())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing, changed or doesn't fit."""
        with read_net(folder, cls.name) as stored:
            ranker = cls(cls.Config(**stored.said["config"]))
            known = Known.heard(stored.said["known"])
            ranker.curves = {str(name): [float(one) for one in curve] for name, curve in stored.said["curves"].items()}
            ranker._importance = {str(name): float(share) for name, share in stored.said["importance"].items()}
            net = ranker.make(known, stored.kept)
            stored.fill(net)
        ranker._fitted = known, net.to(device()).eval()
        return ranker

    def _measured_importance(self, lists: Lists) -> dict[str, float]:
        known = self.fitted[0]
        if not known.columns or not len(lists.features):
            return {}
        rows = np.unique(np.linspace(0, len(lists.features) - 1, MOST_ROWS).astype(np.int64))
        features, moved = lists.features[rows], {}
        before = self._tower(features)
        for place, column in enumerate(known.columns):
            hidden = features.copy()
            hidden[:, place] = np.nan
            moved[column.name] = float(np.abs(self._tower(hidden) - before).mean())
        total = sum(moved.values())
        return {name: change / total if total else 1 / len(moved) for name, change in moved.items()}

    def _tower(self, features: Any) -> Floats:
        known, net = self.fitted
        inputs = (
            torch.as_tensor(part, device=device()) for part in (known.numbers(features), known.codes_of(features))
        )
        with torch.inference_mode():
            found: Floats = net.match.features(*inputs).double().cpu().numpy()
        return found
