"""The LoRA tagger: one small adapter per good type over one frozen base model.

E. Hu et al., LoRA: Low-rank adaptation of large language models, ICLR 2022. Adapters are trained here, or come as
folders (engine/tags/neural/lora_folders.py says of which layout); then only their weighing against the prior and the
thresholds are chosen, on valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError, DataError
from engine.models.base_models import device, find_base, load_encoder, load_tokenizer
from engine.schema import ItemText
from engine.settings import PROJECT
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix, vocabulary
from engine.tags.neural.logits import Decided, Decision
from engine.tags.neural.lora_folders import CONFIG_FILE, AdapterFolder, adapter_of
from engine.tags.neural.lora_nets import AdapterNet, load_adapter
from engine.tags.neural.lora_training import AdapterTraining, LoraConfig
from engine.tags.neural.net import item_logits, longest_chunk, read_chunks
from engine.tags.prior import CategoryPrior
from engine.tags.storage import reading, write_model

Floats = NDArray[np.float64]
FOLDER = "adapters"
__all__ = ["LoraConfig", "LoraTagger"]


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
            self._nets = AdapterTraining(*self._opened, self.config).adapters(train, valid, labels)
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


def _whole(item: ItemText) -> ItemText:
    return replace(item, reviews=("\n".join(item.reviews),))
