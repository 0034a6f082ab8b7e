"""Lists as a network is fed with them, batch by batch, and the scores that it gives them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.models.device import precision
from engine.rank.base import Floats
from engine.rank.lists import Lists, spans
from engine.rank.nets.batch import Batch, Reader
from engine.rank.nets.known import Ints
from engine.rank.nets.memory import until_it_fits

SORTED = 32  # batches whose lists are sorted together, so that those of one batch have histories of like length
SCORED = 256  # lists scored at once
DECIMALS = 6  # scores are rounded to: candidates that are alike tie, whatever they are scored together with


class Feed:
    """Lists, batch by batch."""

    def __init__(self, reader: Reader, lists: Lists, weights: NDArray[np.float32] | None = None) -> None:
        self.reader, self.lists, self.weights = reader, lists, weights

    def batches(self, size: int, rng: np.random.Generator | None = None) -> list[Ints]:
        """Places of the lists that are read together, of like length of history; in random order where `rng` is."""
        lengths = np.zeros(len(self.lists)) if self.lists.histories is None else self.lists.histories.sizes
        if rng is None:
            return cut(np.argsort(lengths, kind="stable"), size)
        blocks = cut(rng.permutation(len(self.lists)), size * SORTED)
        found = [batch for block in blocks for batch in cut(block[np.argsort(lengths[block], kind="stable")], size)]
        return [found[place] for place in rng.permutation(len(found))]

    def batch(self, chosen: Ints) -> Batch:
        """The lists at `chosen` as tensors."""
        return self.reader.batch(self.lists.take(chosen), self.weights_of(chosen))

    def weights_of(self, chosen: Ints) -> NDArray[np.float32] | None:
        """The weights of the candidates of the lists at `chosen`."""
        return None if self.weights is None else self.weights[self.rows_of(chosen)]

    def rows_of(self, chosen: Ints) -> Ints:
        """The rows of the lists at `chosen`."""
        return spans(self.lists.starts[chosen], self.lists.sizes[chosen])


def score(net: nn.Module, feed: Feed) -> Floats:
    """(n_rows,) the scores of the candidates, rounded. `net` is left in evaluation mode."""
    net.eval()
    found, _ = until_it_fits(lambda at_once: _scores(net, feed, at_once), SCORED)
    return found


def _scores(net: nn.Module, feed: Feed, at_once: int) -> Floats:
    found = np.zeros(len(feed.lists.items))
    with torch.inference_mode(), precision():
        for chosen in feed.batches(at_once):
            found[feed.rows_of(chosen)] = net(feed.batch(chosen))[0].double().cpu().numpy()
    return np.round(found, DECIMALS)


def cut(order: Ints, size: int) -> list[Ints]:
    """`order` in parts of `size`, the last one shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]
