"""The network: an encoder reads a chunk, a linear head scores every tag, and an item's chunks are pooled per tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from engine.models.device import precision
from engine.schema import ItemText
from engine.tags.neural.chunks import Chunks, ChunkSize, chunk
from engine.tags.neural.config import NeuralConfig

BATCH_TOKENS = 2048  # of chunks scored at once, padding counted; what then lies between layers fits a core's cache
NAME_SCALE = 5.0  # length of a tag's weights when it is known by name only
Floats = NDArray[np.float64]


class TagNet(nn.Module):
    """Scores of tags for chunks: the mean of a chunk's token vectors, made one long, times the head's weights."""

    def __init__(self, encoder: Any, n_labels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, n_labels)

    def vectors(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n_chunks, width) from token ids and their mask, (n_chunks, n_tokens)."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        counted = mask.unsqueeze(-1).to(hidden.dtype)
        return normalize((hidden * counted).sum(1) / counted.sum(1), dim=-1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n_chunks, n_labels) logits."""
        scores: Tensor = self.head(self.dropout(self.vectors(ids, mask)))
        return scores

    def know_names(self, names: Chunks, rates: Floats) -> None:
        """Start the head from what the encoder makes of the tags' names, and from how frequent each tag is (0 to 1).

        The part that all names share is taken away; it says nothing about which tag is meant.
        """
        vectors = over_chunks(self.vectors, names.tokens)[torch.as_tensor(names.places)]
        with torch.no_grad():
            centred = normalize(vectors - vectors.mean(0), dim=-1) if len(vectors) > 1 else vectors
            self.head.weight.copy_(NAME_SCALE * centred)
            self.head.bias.copy_(torch.logit(torch.as_tensor(rates, dtype=torch.float32), eps=1e-3))


def over_chunks(net: Callable[[Tensor, Tensor], Tensor], tokens: Sequence[tuple[int, ...]]) -> Tensor:
    """(n_chunks, width) float32 on the processor: what `net` makes of chunks, those of like length together."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    with torch.inference_mode(), precision():
        found = [net(*padded([tokens[place] for place in batch])).float().cpu() for batch in _batches(order, tokens)]
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.as_tensor(order)] = torch.arange(len(order))
        result = torch.cat(found)[back]
    return result.clone()  # outside inference mode, so that training may use it


def _batches(order: Sequence[int], tokens: Sequence[tuple[int, ...]]) -> Iterator[list[int]]:
    """`order` goes from short to long; a batch holds BATCH_TOKENS at most, padding counted, or one chunk."""
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) + 1) * len(tokens[place]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    yield batch


def padded(tokens: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Token ids and mask, (n_chunks, longest), on the device."""
    ids = torch.zeros(len(tokens), max(map(len, tokens)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, chunk_ in enumerate(tokens):
        ids[row, : len(chunk_)] = torch.as_tensor(chunk_)
        mask[row, : len(chunk_)] = 1
    where = "cuda" if torch.cuda.is_available() else "cpu"
    return ids.to(where), mask.to(where)


def _max(scores: Tensor, owners: Tensor, n_items: int) -> Tensor:
    low = torch.full((n_items, scores.shape[1]), -torch.inf, device=scores.device)
    return low.scatter_reduce(0, owners[:, None].expand_as(scores), scores, "amax")


def _mean(scores: Tensor, owners: Tensor, n_items: int) -> Tensor:
    total = torch.zeros(n_items, scores.shape[1], device=scores.device).index_add(0, owners, scores)
    return total / torch.bincount(owners, minlength=n_items)[:, None]


def _soft(scores: Tensor, owners: Tensor, n_items: int) -> Tensor:
    weights = torch.exp(scores - _max(scores, owners, n_items).detach()[owners])
    zero = torch.zeros(n_items, scores.shape[1], device=scores.device)
    return zero.index_add(0, owners, weights * scores) / zero.index_add(0, owners, weights)


POOLINGS: Mapping[str, Callable[[Tensor, Tensor, int], Tensor]] = {"max": _max, "mean": _mean, "soft": _soft}


def read_chunks(tokenizer: Any, items: Sequence[ItemText], config: NeuralConfig, longest: int) -> Chunks:
    """The chunks of `items`; `longest` is what the encoder can read at once."""
    length = min(config.chunk_tokens, longest)
    overlap = min(config.chunk_overlap, length // 4)
    return chunk(tokenizer, items, ChunkSize(config.unit, length, overlap, config.most_chunks))


def item_logits(net: nn.Module, chunks: Chunks, n_labels: int, pooling: str) -> Floats:
    """(n_items, n_labels) logits, NaN for an item without text. `net` is left in evaluation mode."""
    net.eval()
    logits = np.full((len(chunks.of), n_labels), np.nan)
    if chunks.tokens:
        scores = over_chunks(net, chunks.tokens)[torch.as_tensor(chunks.places)]
        pooled = POOLINGS[pooling](scores, torch.as_tensor(chunks.owners), len(chunks.of)).numpy()
        spoken = [len(places) > 0 for places in chunks.of]
        logits[spoken] = pooled[spoken]
    return logits


def longest_chunk(encoder: Any) -> int:
    """How many tokens the encoder reads at once; two positions are left to models that count from the padding on."""
    return int(getattr(encoder.config, "max_position_embeddings", 514)) - 2


def tag_names(tokenizer: Any, labels: Sequence[str]) -> Chunks:
    """Each label's name as one chunk."""
    named = [ItemText(label, "", (label,)) for label in labels]
    return chunk(tokenizer, named, ChunkSize("review", 32, 0, 1))
