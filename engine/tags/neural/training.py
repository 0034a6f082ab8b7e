"""Training a network of tags: AdamW, a cosine schedule after a warm-up, and an end when valid gets no better.

AdamW and the schedule: I. Loshchilov and F. Hutter, ICLR 2019 and 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from engine.metrics.classification import micro_f1
from engine.metrics.thresholds import best_threshold
from engine.models.schedule import rate_share
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix
from engine.tags.neural.checkpoints import Checkpoints, epoch_seed
from engine.tags.neural.chunks import Chunks
from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.logits import allowed_labels
from engine.tags.neural.losses import LOSSES, masked_mean
from engine.tags.neural.net import POOLINGS, item_logits, padded, precision
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

    best_f1: float
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
    report: Callable[[str], None] = lambda words: None,
) -> None:
    """Train what learns in `net` and leave it with the best weights by valid micro-F1, its first ones included.

    Goes on from the last checkpoint when there is one, exactly as if it hadn't stopped; `report` gets a line an epoch.
    """
    learning: Weights = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    head = [weight for name, weight in learning.items() if HEAD in name.split(".")]
    rest = [weight for name, weight in learning.items() if HEAD not in name.split(".")]
    groups = [{"params": rest, "peak": config.rate}, {"params": head, "peak": config.head_rate}]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=config.decay)
    progress = _restore(checkpoints, learning, optimizer) or _Progress(
        best_f1=valid_f1(net, valid, config.pooling), best=_copies(learning)
    )
    while progress.epoch < config.epochs and progress.epoch - progress.best_epoch <= config.patience:
        _epoch(net, examples, config, optimizer, progress.epoch)
        reached = valid_f1(net, valid, config.pooling)
        if reached > progress.best_f1:
            progress.best_f1, progress.best_epoch = reached, progress.epoch
            progress.best = _copies(learning)
        progress.epoch += 1
        report(f"epoch {progress.epoch}: valid micro-F1 {reached:.3f}")
        _save(checkpoints, learning, optimizer, progress)
    with torch.no_grad():
        for name, weight in progress.best.items():
            learning[name].copy_(weight)


def valid_f1(net: nn.Module, valid: Examples, pooling: str) -> float:
    """Micro-F1 of `net` on valid, as `f1_of` counts it."""
    return f1_of(item_logits(net, valid.chunks, valid.true.shape[1], pooling), valid)


def f1_of(logits: NDArray[np.float64], valid: Examples) -> float:
    """Micro-F1 at the one threshold that is best for it; items without text count as without tags."""
    likely = np.where(valid.allowed & np.isfinite(logits), expit(np.nan_to_num(logits)), 0.0)
    return float(micro_f1(valid.true, likely >= max(best_threshold(valid.true, likely), 1e-9)))


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
        torch.autograd.backward(_loss(net, examples, batch, config, rng) / together)
        if (at + 1) % config.accumulate == 0 or at + 1 == len(batches):
            torch.nn.utils.clip_grad_norm_(net.parameters(), MOST_NORM)
            optimizer.step()
            optimizer.zero_grad()


def _loss(
    net: nn.Module, examples: Examples, batch: NDArray[np.int64], config: NeuralConfig, rng: np.random.Generator
) -> Tensor:
    drawn = [_some(examples.chunks.of[item], config.train_chunks, rng) for item in batch]
    owners = np.repeat(np.arange(len(batch)), [len(places) for places in drawn])
    with precision():
        scores = net(*padded([examples.chunks.tokens[place] for place in np.concatenate(drawn)])).float()
    logits = POOLINGS[config.pooling](scores, torch.as_tensor(owners, device=scores.device), len(batch))
    true, allowed = (torch.as_tensor(mask[batch], device=scores.device) for mask in (examples.true, examples.allowed))
    return masked_mean(LOSSES[config.loss](logits, true, config.gamma), allowed)


def _some(places: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return places if len(places) <= most else rng.choice(places, most, replace=False)


def _batches(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _copies(learning: Weights) -> Weights:
    return {name: weight.detach().cpu().clone() for name, weight in learning.items()}


def _save(checkpoints: Checkpoints, learning: Weights, optimizer: torch.optim.Optimizer, progress: _Progress) -> None:
    tensors = {f"weight.{name}": weight.detach() for name, weight in learning.items()}
    tensors |= {f"best.{name}": weight for name, weight in progress.best.items()}
    for name, weight in learning.items():
        tensors |= {f"optimizer.{part}.{name}": value for part, value in optimizer.state[weight].items()}
    counts = {name: getattr(progress, name) for name in ("epoch", "best_epoch", "best_f1")}
    checkpoints.save(progress.epoch, tensors, counts)


def _restore(checkpoints: Checkpoints, learning: Weights, optimizer: torch.optim.Optimizer) -> _Progress | None:
    last = checkpoints.last()
    if last is None:
        return None
    tensors, counts = last
    with torch.no_grad():
        for name, weight in learning.items():
            weight.copy_(tensors[f"weight.{name}"])
            for part in ("step", "exp_avg", "exp_avg_sq"):
                kept = tensors.get(f"optimizer.{part}.{name}")  # a weight that no loss reaches has none
                if kept is not None:
                    optimizer.state[weight][part] = kept if part == "step" else kept.to(weight.device)
    best = {name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")}
    return _Progress(**counts, best=best)
