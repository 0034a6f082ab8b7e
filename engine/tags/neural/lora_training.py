"""Training of adapters: what all good types have in common first, then each good type's own, which goes on from there.

A good type alone has too few items to move an encoder; together they have enough for what they share, such as how a
review says "small". R. Caruana, Multitask learning, 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig as PeftConfig
from torch import nn

from engine.models.base_models import device
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix
from engine.tags.neural.checkpoints import Checkpoints
from engine.tags.neural.chunks import Chunks
from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.lora_folders import adapter_of
from engine.tags.neural.lora_nets import AdapterNet, sharing, with_adapter
from engine.tags.neural.net import TagNet, longest_chunk, read_chunks, tag_names
from engine.tags.neural.probe import keep_telling, probe
from engine.tags.neural.training import HEAD, Examples, train
from engine.tags.prior import CategoryPrior

COMMON = "common"  # names the checkpoints of what is learned together


@dataclass(frozen=True)
class LoraConfig(NeuralConfig):
    """Settings of the LoRA tagger, besides those of reading and learning.

    base: a model's name or folder; all-MiniLM-L6-v2 is embedded (English) and needs no download
    adapters: a folder of adapters to use as they are (such as lora_model); empty: train them
    common_epochs: passes at most over the items of all good types together, before each adapter goes its own way for
        at most `epochs`
    rank, alpha: the adapter's width, and how much it counts (alpha / rank)
    targets: the linear layers that get an adapter, by the end of their names, with commas
    upper_layers: how many of the base's layers get one, from the top; 0: all
    """

    base: str = "deepvk/user-bge-m3"
    adapters: str = ""
    common_epochs: int = 4
    rank: int = 8
    alpha: int = 16
    targets: str = "query,key,value,dense"
    upper_layers: int = 0
    rate: float = 2e-3
    head_rate: float = 1e-3
    train_chunks: int = 12
    epochs: int = 2


@dataclass(frozen=True)
class Data:
    """Items to learn from and to end by, and the labels to learn."""

    train: TaggedItems
    valid: TaggedItems
    labels: tuple[str, ...]

    def of_adapter(self, name: str) -> Data:
        """The items that the adapter `name` reads, with those of the labels that one of them has."""
        own, judged = (_of_adapter(part, name) for part in (self.train, self.valid))
        known = set().union(*own.tags).intersection(self.labels)
        return Data(own, judged, tuple(sorted(known)))

    @property
    def prior(self) -> CategoryPrior:
        """What is usual in the categories of train."""
        return CategoryPrior.learn(
            [item.category for item in self.train.items], label_matrix(self.train.tags, self.labels)
        )


@dataclass(frozen=True)
class AdapterTraining:
    """Trains adapters over `encoder`, whose own weights stay as they are."""

    encoder: Any
    tokenizer: Any
    config: LoraConfig

    def adapters(self, train: TaggedItems, valid: TaggedItems, labels: Sequence[str]) -> dict[str, AdapterNet]:
        """A trained adapter for each good type of `train`, by its name. A killed training goes on where it was."""
        everything = Data(train, valid, tuple(labels))
        names = sorted({adapter_of(item.category) for item in train.items})
        checkpoints = {name: Checkpoints.of(self.config, train, valid, part=name) for name in (COMMON, *names)}
        common, chunks = self._common(everything, checkpoints[COMMON])
        nets = {}
        for name in names:
            own = everything.of_adapter(name)
            if own.labels:
                read = Chunks(chunks.tokens, [chunks.of[place] for place in _places(train, name)])
                nets[name] = self._own(own, read, common, checkpoints[name])
        for checkpoint in checkpoints.values():
            checkpoint.drop()
        return nets

    def _common(self, data: Data, checkpoints: Checkpoints) -> tuple[AdapterNet, Chunks]:
        """What all good types learn together, and the chunks of train that are worth learning from."""
        inner = TagNet(sharing(self.encoder), len(data.labels), dropout=self.config.dropout).to(device())
        true = label_matrix(data.train.tags, data.labels)
        inner.know_names(tag_names(self.tokenizer, data.labels), true.mean(axis=0))
        examples, judged = self._examples(data, self._read(data.train))
        vectors = probe(inner, examples, judged, self.config)
        telling = keep_telling(inner, vectors, examples, self.config.train_chunks)
        net = self._with_adapter(inner)
        train(net, telling, judged, self.config, checkpoints, epochs=self.config.common_epochs)
        return AdapterNet(net.eval(), data.labels), telling.chunks

    def _own(self, data: Data, chunks: Chunks, common: AdapterNet, checkpoints: Checkpoints) -> AdapterNet:
        """The adapter of a good type, begun as the common one; `chunks` are those of its items of train."""
        net = self._with_adapter(TagNet(sharing(self.encoder), len(data.labels), dropout=self.config.dropout))
        take(net, common.net, [common.labels.index(label) for label in data.labels])
        train(net, *self._examples(data, chunks), self.config, checkpoints)
        return AdapterNet(net.eval(), data.labels)

    def _examples(self, data: Data, chunks: Chunks) -> tuple[Examples, Examples]:
        """Train, as `chunks`, and valid."""
        labels, prior = list(data.labels), data.prior
        judged = Examples.of(self._read(data.valid), data.valid, labels, prior)
        return Examples.of(chunks, data.train, labels, prior), judged

    def _read(self, data: TaggedItems) -> Chunks:
        return read_chunks(self.tokenizer, data.items, self.config, longest_chunk(self.encoder))

    def _with_adapter(self, inner: TagNet) -> nn.Module:
        config, n_layers = self.config, int(self.encoder.config.num_hidden_layers)
        upper = range(n_layers - config.upper_layers, n_layers)
        adapter = PeftConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=config.targets.split(","),
            layers_to_transform=list(upper) if config.upper_layers else None,
            modules_to_save=["head"],
        )
        torch.manual_seed(config.seed)  # the adapter starts from random numbers
        return with_adapter(inner, adapter).to(device())


def take(net: nn.Module, source: nn.Module, rows: Sequence[int]) -> None:
    """Give `net` the adapter of `source`, and of its head the `rows` (labels)."""
    given = dict(source.named_parameters())
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.requires_grad:
                weight.copy_(given[name][rows] if HEAD in name.split(".") else given[name])


def _of_adapter(data: TaggedItems, name: str) -> TaggedItems:
    kept = _places(data, name)
    return TaggedItems([data.items[place] for place in kept], [data.tags[place] for place in kept])


def _places(data: TaggedItems, name: str) -> list[int]:
    return [place for place, item in enumerate(data.items) if adapter_of(item.category) == name]
