"""Training a network of tags: AdamW, a cosine schedule after a warm-up, and an end when valid gets no better.

AdamW and the schedule: I. Loshchilov and F. Hutter, ICLR 2019 and 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.checkpoints import optimizer_tensors, restore_optimizer
from engine.models.device import precision
from engine.models.schedule import rate_share
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix
from engine.tags.neural.checkpoints import Checkpoints, epoch_seed
from engine.tags.neural.chunks import Chunks
from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.logits import allowed_labels
from engine.tags.neural.losses import LOSSES, masked_mean
from engine.tags.neural.net import POOLINGS, item_logits, padded
from engine.tags.prior import CategoryPrior

Mask = NDArray[np.bool_]
Weights = dict[str, Tensor]
HEAD = "head"  # the part of a network that learns at its own rate
MOST_NORM = 1.0  # longer gradients are cut to it


@dataclass(frozen=True)
class Examples:
    """Items to learn from or to choose by: their chunks, and (n_items, n_labels) what is true and what is allowed."""

    chunks: Chunks
    true: Mask
    allowed: Mask

    @classmethod
    def of(cls, chunks: Chunks, data: TaggedItems, labels: list[str], prior: CategoryPrior) -> Examples:
        """The `chunks` of `data` with its `labels`; `prior` says which of them a category may have."""
        return cls(chunks, label_matrix(data.tags, labels), allowed_labels(prior, data.items))

    @property
    def spoken(self) -> NDArray[np.int64]:
        """The places of the items that have text."""
        return np.flatnonzero([len(places) > 0 for places in self.chunks.of])


@dataclass
class _Progress:
    """How far it is: epochs done, and the best of them; -1 is what it was before the first."""

    best_precision: float
    best: Weights
    epoch: int = 0
    best_epoch: int = -1


def train(
    net: nn.Module,
    examples: Examples,
    valid: Examples,
    config: NeuralConfig,
    checkpoints: Checkpoints,
    *,
    epochs: int | None = None,
    report: Callable[[str], None] = lambda words: None,
) -> None:
    """Train what learns in `net` and leave it with the best weights by `average_precision`, its first ones included.

    `epochs` at most (default: the config's). Goes on from the last checkpoint when there is one, exactly as if it
    hadn't stopped; `report` gets a line an epoch.
    """
    config = config if epochs is None else replace(config, epochs=epochs)
    learning: Weights = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    head = [weight for name, weight in learning.items() if HEAD in name.split(".")]
    rest = [weight for name, weight in learning.items() if HEAD not in name.split(".")]
    groups = [{"params": rest, "peak": config.rate}, {"params": head, "peak": config.head_rate}]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=config.decay)
    progress = _restore(checkpoints, learning, optimizer) or _Progress(
        best_precision=_reached(net, valid, config), best=_copies(learning)
    )
    while progress.epoch < config.epochs and progress.epoch - progress.best_epoch <= config.patience:
        _epoch(net, examples, config, optimizer, progress.epoch)
        reached = _reached(net, valid, config)
        if reached > progress.best_precision:
            progress.best_precision, progress.best_epoch = reached, progress.epoch
            progress.best = _copies(learning)
        progress.epoch += 1
        report(f"epoch {progress.epoch}: valid average precision {reached:.3f}")
        _save(checkpoints, learning, optimizer, progress)
    with torch.no_grad():
        for name, weight in progress.best.items():
            learning[name].copy_(weight)


def average_precision(logits: NDArray[np.float64], valid: Examples) -> float:
    """Precision averaged over all thresholds, of all allowed tags together; 0 when none of them is true.

    Steadier on few items than F1 at the best threshold. An item without text, whose logits are NaN, comes last.
    """
    from sklearn.metrics import average_precision_score  # only training needs it, and it takes a second to load

    true = valid.true[valid.allowed]
    if not true.any():
        return 0.0
    heard = np.where(np.isfinite(logits), logits, np.finfo(np.float64).min)
    return float(average_precision_score(true, heard[valid.allowed]))


def _reached(net: nn.Module, valid: Examples, config: NeuralConfig) -> float:
    return average_precision(item_logits(net, valid.chunks, valid.true.shape[1], config.pooling), valid)


def _epoch(
    net: nn.Module, examples: Examples, config: NeuralConfig, optimizer: torch.optim.Optimizer, epoch: int
) -> None:
    torch.manual_seed(epoch_seed(config.seed, epoch))
    rng = np.random.default_rng(epoch_seed(config.seed, epoch))
    batches = list(_batches(rng.permutation(examples.spoken), config.batch_items))
    steps = math.ceil(len(batches) / config.accumulate)
    net.train()
    for at, batch in enumerate(batches):
        share = rate_share(epoch * steps + at // config.accumulate, config.epochs * steps, config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        together = min(config.accumulate, len(batches) - at // config.accumulate * config.accumulate)
        torch.autograd.backward(_loss(net, examples, batch, config) / together)
        if (at + 1) % config.accumulate == 0 or at + 1 == len(batches):
            torch.nn.utils.clip_grad_norm_(net.parameters(), MOST_NORM)
            optimizer.step()
            optimizer.zero_grad()


def _loss(net: nn.Module, examples: Examples, batch: NDArray[np.int64], config: NeuralConfig) -> Tensor:
    read = [examples.chunks.of[item] for item in batch]
    owners = np.repeat(np.arange(len(batch)), [len(places) for places in read])
    with precision():
        scores = net(*padded([examples.chunks.tokens[place] for place in np.concatenate(read)])).float()
    logits = POOLINGS[config.pooling](scores, torch.as_tensor(owners, device=scores.device), len(batch))
    true, allowed = (torch.as_tensor(mask[batch], device=scores.device) for mask in (examples.true, examples.allowed))
    return masked_mean(LOSSES[config.loss](logits, true, config.gamma), allowed)


def _batches(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _copies(learning: Weights) -> Weights:
    return {name: weight.detach().cpu().clone() for name, weight in learning.items()}


def _save(checkpoints: Checkpoints, learning: Weights, optimizer: torch.optim.Optimizer, progress: _Progress) -> None:
    tensors = {f"weight.{name}": weight.detach() for name, weight in learning.items()}
    tensors |= {f"best.{name}": weight for name, weight in progress.best.items()}
    tensors |= optimizer_tensors(optimizer, learning)
    counts = {name: getattr(progress, name) for name in ("epoch", "best_epoch", "best_precision")}
    checkpoints.save(progress.epoch, tensors, counts)


def _restore(checkpoints: Checkpoints, learning: Weights, optimizer: torch.optim.Optimizer) -> _Progress | None:
    last = checkpoints.last()
    if last is None:
        return None
    tensors, counts = last
    with torch.no_grad():
        for name, weight in learning.items():
            weight.copy_(tensors[f"weight.{name}"])
    restore_optimizer(optimizer, learning, tensors)
    best = {name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")}
    return _Progress(**counts, best=best)
