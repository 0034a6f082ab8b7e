"""The LoRA tagger: one small adapter per good type over one frozen base model.

E. Hu et al., LoRA: Low-rank adaptation of large language models, ICLR 2022. Adapters are trained here, or come as
folders (engine/tags/neural/lora_folders.py says of which layout); then only their weighing against the prior and the
thresholds are chosen, on valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig as PeftConfig

from engine.errors import ArtifactError, DataError
from engine.models.base_models import device, find_base, load_encoder, load_tokenizer
from engine.schema import ItemText
from engine.settings import PROJECT
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix, vocabulary
from engine.tags.neural.checkpoints import Checkpoints
from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.logits import Decided, Decision
from engine.tags.neural.lora_folders import CONFIG_FILE, AdapterFolder, adapter_of
from engine.tags.neural.lora_nets import AdapterNet, load_adapter, sharing, with_adapter
from engine.tags.neural.net import TagNet, item_logits, longest_chunk, read_chunks, tag_names
from engine.tags.neural.probe import probe
from engine.tags.neural.training import Examples, train
from engine.tags.prior import CategoryPrior
from engine.tags.storage import reading, write_model

Floats = NDArray[np.float64]
FOLDER = "adapters"


@dataclass(frozen=True)
class LoraConfig(NeuralConfig):
    """Settings of the LoRA tagger, besides those of reading and learning.

    base: a model's name or folder; all-MiniLM-L6-v2 is embedded (English) and needs no download
    adapters: a folder of adapters to use as they are (such as lora_model); empty: train them
    rank, alpha: the adapter's width, and how much it counts (alpha / rank)
    targets: the linear layers that get an adapter, by the end of their names, with commas
    upper_layers: how many of the base's layers get one, from the top; 0: all
    """

    base: str = "deepvk/user-bge-m3"
    adapters: str = ""
    rank: int = 8
    alpha: int = 16
    targets: str = "query,value"
    upper_layers: int = 0
    rate: float = 1e-3


class LoraTagger(Decided):
    """Reads each item with the adapter of its good type. An item without text gets its category's prior."""

    name: ClassVar[str] = "lora"
    Config: ClassVar[type[LoraConfig]] = LoraConfig

    def __init__(self, config: LoraConfig | None = None) -> None:
        self.config = config or LoraConfig()
        self._base: tuple[Any, Any] | None = None
        self._nets: dict[str, AdapterNet] = {}

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Learn an adapter per good type from train, or load them; end, weigh and choose thresholds by valid.

        A killed training goes on where it was. Raises ArtifactError when the base model or an adapter can't be used,
        DataError when there is no tag to learn.
        """
        labels = vocabulary(train, min_support=self.config.min_support)
        self._open_base()
        if self.config.adapters:
            self._load_adapters(PROJECT / self.config.adapters)
            if not any(set(labels).intersection(net.labels) for net in self._nets.values()):
                raise DataError(f"None of the tags that the adapters in {self.config.adapters} give is among train's.")
        else:
            self._train_adapters(train, valid, labels)
        prior = CategoryPrior.learn([item.category for item in train.items], label_matrix(train.tags, labels))
        logits = self._logits(valid.items, labels)
        self._decision = Decision.choose(labels, prior, logits, valid, shrinkage=self.config.tag_shrinkage)
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags); a tag that the item's category never had in train has 0."""
        return self._decided.probabilities(self._logits(items, self._decided.labels), items)

    def save(self, folder: Path) -> None:
        """Write model.json, arrays.npz and a folder of adapters; the base model is named, not copied."""
        write_model(
            folder,
            {"model": self.name, "config": asdict(self.config), **self._decided.said()},
            self._decided.arrays(),
        )
        for name, net in self._nets.items():
            net.save(folder / FOLDER / name, self.config.base)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole or the base model isn't on this machine."""
        with reading(folder, cls.name) as stored:
            tagger = cls(LoraConfig(**stored.said["config"]))
            tagger._decision = Decision.restore(stored)
        tagger._open_base()
        tagger._load_adapters(folder / FOLDER)
        return tagger

    @property
    def _opened(self) -> tuple[Any, Any]:
        if self._base is None:
            raise ArtifactError("This lora tagger has learned nothing yet; call fit or load first.")
        return self._base

    def _open_base(self) -> None:
        folder = find_base(self.config.base)
        self._base = load_encoder(folder).to(device()).eval(), load_tokenizer(folder)

    def _load_adapters(self, root: Path) -> None:
        folders = sorted(file.parent for file in root.glob(f"*/{CONFIG_FILE}"))
        if not folders:
            raise ArtifactError(f"{root} holds no adapters: no folder in it has a {CONFIG_FILE}.")
        encoder, _ = self._opened
        checked = {folder.name: AdapterFolder.read(folder, self.config.base) for folder in folders}
        self._nets = {name: load_adapter(encoder, adapter) for name, adapter in checked.items()}

    def _train_adapters(self, data: TaggedItems, valid: TaggedItems, labels: Sequence[str]) -> None:
        groups = sorted({adapter_of(item.category) for item in data.items})
        checkpoints = {name: Checkpoints.of(self.config, data, valid, part=name) for name in groups}
        for name in groups:
            own, judged = (_of_adapter(part, name) for part in (data, valid))
            known = set().union(*own.tags).intersection(labels)
            if known:
                self._nets[name] = self._train_one(own, judged, tuple(sorted(known)), checkpoints[name])
        for checkpoint in checkpoints.values():
            checkpoint.drop()

    def _train_one(
        self, data: TaggedItems, valid: TaggedItems, labels: tuple[str, ...], checkpoints: Checkpoints
    ) -> AdapterNet:
        encoder, tokenizer = self._opened
        inner = TagNet(sharing(encoder), len(labels), dropout=self.config.dropout).to(device())
        true = label_matrix(data.tags, labels)
        prior = CategoryPrior.learn([item.category for item in data.items], true)
        inner.know_names(tag_names(tokenizer, labels), true.mean(axis=0))
        examples, judged = (Examples.of(self._read(part.items), part, list(labels), prior) for part in (data, valid))
        probe(inner, examples, judged, self.config)
        torch.manual_seed(self.config.seed)  # the adapter starts from random numbers
        net = with_adapter(inner, self._peft_config(encoder)).to(device())
        train(net, examples, judged, self.config, checkpoints)
        return AdapterNet(net.eval(), labels)

    def _peft_config(self, encoder: Any) -> PeftConfig:
        n_layers, upper = int(encoder.config.num_hidden_layers), self.config.upper_layers
        return PeftConfig(
            r=self.config.rank,
            lora_alpha=self.config.alpha,
            lora_dropout=self.config.dropout,
            target_modules=self.config.targets.split(","),
            layers_to_transform=list(range(n_layers - upper, n_layers)) if upper else None,
            modules_to_save=["head"],
        )

    def _read(self, items: Sequence[ItemText]) -> Any:
        encoder, tokenizer = self._opened
        return read_chunks(tokenizer, items, self.config, longest_chunk(encoder))

    def _logits(self, items: Sequence[ItemText], labels: Sequence[str]) -> Floats:
        """(n_items, n_labels), NaN where no adapter says anything; the items of an adapter are read together."""
        logits = np.full((len(items), len(labels)), np.nan)
        adapters = np.array([adapter_of(item.category) for item in items], dtype=object)
        column = {label: place for place, label in enumerate(labels)}
        for name, net in self._nets.items():
            rows = np.flatnonzero(adapters == name).tolist()
            known: list[int] = [place for place, label in enumerate(net.labels) if label in column]
            read = self._read([_whole(items[row]) if net.whole else items[row] for row in rows])
            scores = item_logits(net.net, read, len(net.labels), self.config.pooling)
            logits[np.ix_(rows, [column[net.labels[place]] for place in known])] = scores[:, known]
        return logits


def _of_adapter(data: TaggedItems, name: str) -> TaggedItems:
    kept = [place for place, item in enumerate(data.items) if adapter_of(item.category) == name]
    return TaggedItems([data.items[place] for place in kept], [data.tags[place] for place in kept])


def _whole(item: ItemText) -> ItemText:
    return replace(item, reviews=("\n".join(item.reviews),))
