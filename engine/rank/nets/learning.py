"""How a network learns to rank: AdamW, a cosine schedule after a warm-up, an end when valid gets no better.

AdamW and the schedule: I. Loshchilov and F. Hutter, ICLR 2019 and 2017. What was reached is kept after each epoch where
a folder is given, so a fit that was killed goes on as if it hadn't been.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import SettingsError
from engine.models.checkpoints import Checkpoints, epoch_seed, optimizer_tensors, restore_optimizer
from engine.models.device import precision
from engine.models.schedule import rate_share
from engine.rank.base import Training
from engine.rank.evaluation import list_ndcg
from engine.rank.nets.config import NetConfig
from engine.rank.nets.feed import Feed, cut, score
from engine.rank.nets.known import Ints
from engine.rank.nets.losses import LOSSES
from engine.rank.nets.memory import until_it_fits

CUTOFF = 5  # ranks of valid that count
MOST_NORM = 1.0  # longer gradients are cut to it

Weights = dict[str, Tensor]


@contextmanager
def one_thread() -> Iterator[None]:
    """The processor's part of torch on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class _Standing:
    """How far it is: epochs done, the one after which valid was best and how good it was then, and the curves."""

    epoch: int = 0
    best_epoch: int = 0
    best: float = -math.inf
    curves: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Course:
    """What learns, from what, and how."""

    net: nn.Module
    feed: Feed
    config: NetConfig
    optimizer: torch.optim.Optimizer

    def round(self, seed: int, epoch: int) -> float:
        """One round over train; the mean loss of a list."""
        config = self.config
        torch.manual_seed(epoch_seed(seed, epoch))
        batches = self.feed.batches(config.batch_lists, np.random.default_rng(epoch_seed(seed, epoch)))
        at_once, lost = config.batch_lists, 0.0
        self.net.train()
        for at, chosen in enumerate(batches):
            share = rate_share(epoch * len(batches) + at, config.epochs * len(batches), config.warmup)
            for group in self.optimizer.param_groups:
                group["lr"] = config.rate * share
            loss, at_once = until_it_fits(partial(self._gradients, chosen), at_once)
            if not math.isfinite(loss):
                raise SettingsError(
                    f"Learning broke in epoch {epoch + 1}: its loss became {loss}; lower rate, which is {config.rate}."
                )
            lost += loss * len(chosen)
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), MOST_NORM)
            self.optimizer.step()
        return lost / max(len(self.feed.lists), 1)

    def _gradients(self, chosen: Ints, at_once: int) -> float:
        """The mean loss of the lists at `chosen`, its gradients gathered from `at_once` lists at a time."""
        self.optimizer.zero_grad()
        total = 0.0
        for part in cut(chosen, at_once):
            batch = self.feed.batch(part)
            with precision():
                scores, aside = self.net(batch)
            lost = (LOSSES[self.config.loss](scores.float(), batch) + aside) / len(chosen)
            torch.autograd.backward(lost)
            total += float(lost.detach())
        return total


@one_thread()
def learn(net: nn.Module, train: Feed, valid: Feed, config: NetConfig, training: Training) -> dict[str, list[float]]:
    """Teach `net`, leave it with its best weights by NDCG on valid, and return what was measured after each epoch.

    Where valid can't be measured, nothing of it being wanted, all epochs are learned and the last weights stay. On a
    processor one thread learns: sums in another order round differently, and learning makes that large. Raises
    SettingsError when the loss is no longer a number, or memory doesn't suffice for one list.
    """
    learning: Weights = dict(net.named_parameters())
    optimizer = torch.optim.AdamW(learning.values(), weight_decay=config.decay)
    course = _Course(net, train, config, optimizer)
    checkpoints = _checkpoints(net, train, valid, config, training)
    standing, best = _restore(checkpoints, learning, optimizer)
    while standing.epoch < config.epochs and standing.epoch - standing.best_epoch < config.patience:
        lost = course.round(training.seed, standing.epoch)
        standing.epoch += 1
        reached = _measure(standing, lost, net, valid)
        if reached is None or reached > standing.best:
            standing.best, standing.best_epoch = standing.best if reached is None else reached, standing.epoch
            best = _copies(learning)
        _keep(checkpoints, learning, best, optimizer, standing)
        said = "" if reached is None else f", valid NDCG@{CUTOFF} {reached:.4f}"
        training.progress(standing.epoch / config.epochs, f"epoch {standing.epoch}: loss {lost:.4f}{said}")
    with torch.no_grad():
        for name, weight in best.items():
            learning[name].copy_(weight)
    if standing.epoch < config.epochs:
        training.progress(1.0, f"the best was epoch {standing.best_epoch}")
    if checkpoints is not None:
        checkpoints.drop()
    return standing.curves


def _measure(standing: _Standing, lost: float, net: nn.Module, valid: Feed) -> float | None:
    """The mean NDCG of the lists of valid of which something was wanted; None when there are none."""
    standing.curves.setdefault("train loss", []).append(lost)
    asked = valid.lists.sought > 0 if valid.lists.wanted is not None else np.zeros(0, dtype=bool)
    if not asked.any():
        return None
    reached = float(list_ndcg(valid.lists, score(net, valid), CUTOFF)[asked].mean())
    standing.curves.setdefault(f"valid ndcg@{CUTOFF}", []).append(reached)
    return reached


def _checkpoints(net: nn.Module, train: Feed, valid: Feed, config: NetConfig, training: Training) -> Checkpoints | None:
    """Those in the training's folder that belong to just these settings and data."""
    if training.folder is None:
        return None
    said = json.dumps([type(net).__name__, config.said(), training.seed])
    digest = hashlib.sha256(said.encode())
    for feed in (train, valid):
        for array in _arrays(feed):
            digest.update(np.ascontiguousarray(array).data)
    return Checkpoints(training.folder / digest.hexdigest()[:16])


def _arrays(feed: Feed) -> list[NDArray[Any]]:
    lists, histories = feed.lists, feed.lists.histories
    found: list[NDArray[Any]] = [lists.items, lists.sizes, lists.micros, lists.features, feed.reader.ids]
    found += [part for part in (lists.wanted, feed.weights, lists.stock.vectors) if part is not None]
    return found if histories is None else [*found, histories.sizes, histories.items, histories.kinds, histories.micros]


def _keep(
    checkpoints: Checkpoints | None,
    learning: Weights,
    best: Weights,
    optimizer: torch.optim.Optimizer,
    standing: _Standing,
) -> None:
    if checkpoints is None:
        return
    tensors = {f"weight.{name}": weight.detach() for name, weight in learning.items()}
    tensors |= {f"best.{name}": weight for name, weight in best.items()}
    state: Mapping[str, Any] = {
        **vars(standing),
        "best": None if math.isinf(standing.best) else standing.best,
    }
    checkpoints.save(standing.epoch, tensors | optimizer_tensors(optimizer, learning), state)


def _restore(
    checkpoints: Checkpoints | None, learning: Weights, optimizer: torch.optim.Optimizer
) -> tuple[_Standing, Weights]:
    last = None if checkpoints is None else checkpoints.last()
    if last is None:
        return _Standing(), _copies(learning)
    tensors, state = last
    with torch.no_grad():
        for name, weight in learning.items():
            weight.copy_(tensors[f"weight.{name}"])
    restore_optimizer(optimizer, learning, tensors)
    best = {name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")}
    return _Standing(**{**state, "best": -math.inf if state["best"] is None else state["best"]}), best


def _copies(learning: Weights) -> Weights:
    return {name: weight.detach().cpu().clone() for name, weight in learning.items()}
