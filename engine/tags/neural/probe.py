"""The head alone, over what the encoder makes of the chunks as it is: seconds, as each chunk is read once.

First the head, then the encoder with it: A. Kumar et al., Fine-tuning can distort pretrained features and underperform
out-of-distribution, ICLR 2022.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.losses import LOSSES, masked_mean
from engine.tags.neural.net import POOLINGS, TagNet, over_chunks
from engine.tags.neural.training import Examples, average_precision

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
EVERY = 10  # steps between looks at valid


def probe(net: TagNet, examples: Examples, valid: Examples, config: NeuralConfig) -> Tensor:
    """Train `net`'s head on all items at once for `config.probe_steps` steps; leave it as it was best on valid.

    Returns (n_pairs, width), what the encoder makes of the examples' chunks, one item after the other.
    """
    net.eval()
    learned, judged = _read(net, examples), _read(net, valid)
    true, allowed = (torch.as_tensor(mask, device=learned.device) for mask in (examples.true, examples.allowed))
    optimizer = torch.optim.AdamW(net.head.parameters(), lr=config.probe_rate, weight_decay=config.decay)
    best, kept = -1.0, dict[str, Tensor]()
    for step in range(config.probe_steps + 1):
        if step % EVERY == 0 and (reached := average_precision(_judge(net, judged, valid, config), valid)) > best:
            best, kept = reached, {name: weight.clone() for name, weight in net.head.state_dict().items()}
        scores = _pool(net, learned, examples, config)
        heard = torch.as_tensor(examples.spoken, device=scores.device)
        loss = masked_mean(LOSSES[config.loss](scores, true, config.gamma)[heard], allowed[heard])
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    net.head.load_state_dict(kept)
    return learned


def keep_telling(net: TagNet, vectors: Tensor, examples: Examples, most: int) -> Examples:
    """`examples` with at most `most` chunks each: the best one of every tag, those of an item's true tags first.

    An item says a tag in one sentence of many. Learning from the likely ones, as `net`'s head finds them in `vectors`,
    costs a part of learning from all, and a draw would often miss it (M. Carbonneau et al., Multiple instance
    learning: a survey, 2018).
    """
    ends = np.cumsum([len(places) for places in examples.chunks.of])[:-1]
    with torch.no_grad():
        scores = np.split(net.head(vectors).double().cpu().numpy(), ends)
    kept = [
        places[_telling(said, true, allowed, most)]
        for places, said, true, allowed in zip(examples.chunks.of, scores, examples.true, examples.allowed, strict=True)
    ]
    return replace(examples, chunks=replace(examples.chunks, of=kept))


def _telling(scores: Floats, true: Mask, allowed: Mask, most: int) -> NDArray[np.int64]:
    """The rows of `scores`, (n_chunks, n_labels), to keep, in order."""
    if len(scores) <= most:
        return np.arange(len(scores))
    tags = np.lexsort((-scores.max(axis=0), ~true))
    best = dict.fromkeys(scores[:, tag].argmax() for tag in tags if allowed[tag])
    return np.sort(np.array(list(best)[:most], dtype=np.int64))


def _read(net: TagNet, examples: Examples) -> Tensor:
    """(n_pairs, width): the vectors of all items' chunks, one item after the other."""
    vectors = over_chunks(net.vectors, examples.chunks.tokens)
    return vectors[torch.as_tensor(examples.chunks.places)].to(net.head.weight.device)


def _pool(net: TagNet, vectors: Tensor, examples: Examples, config: NeuralConfig) -> Tensor:
    owners = torch.as_tensor(examples.chunks.owners, device=vectors.device)
    return POOLINGS[config.pooling](net.head(vectors).float(), owners, len(examples.chunks.of))


def _judge(net: TagNet, vectors: Tensor, valid: Examples, config: NeuralConfig) -> Floats:
    with torch.no_grad():
        logits = _pool(net, vectors, valid, config).double().cpu().numpy()
    silent = np.setdiff1d(np.arange(len(logits)), valid.spoken)
    logits[silent] = np.nan
    return logits
