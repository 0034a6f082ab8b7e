"""The transformer tagger: an encoder from Hugging Face, trained on the reviews, with one output per tag.

Each review is a chunk, a long one several; a linear head scores every tag for a chunk and the item's chunks are pooled
per tag. The head starts from the tags' own names. Logits and the category's prior are weighed on valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.errors import ArtifactError
from engine.models.base_models import device, find_base, freeze, load_encoder, load_tokenizer
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix, vocabulary
from engine.tags.neural.checkpoints import Checkpoints
from engine.tags.neural.chunks import Chunks
from engine.tags.neural.config import NeuralConfig
from engine.tags.neural.logits import Decided, Decision
from engine.tags.neural.net import TagNet, item_logits, longest_chunk, read_chunks, tag_names
from engine.tags.neural.probe import keep_telling, probe
from engine.tags.neural.training import Examples, train
from engine.tags.prior import CategoryPrior
from engine.tags.storage import reading, write_model

Floats = NDArray[np.float64]
ENCODER, HEAD = "encoder", "head.safetensors"


@dataclass(frozen=True)
class TransformerConfig(NeuralConfig):
    """Settings of the transformer tagger, besides those of reading and learning.

    base: a model's name or folder; all-MiniLM-L6-v2 is embedded (English) and needs no download
    frozen_layers: how many of the lower layers, with what is below them, keep their weights; quicker, and safer where
        there are few items
    """

    base: str = "DeepPavlov/rubert-base-cased"
    frozen_layers: int = 0


class TransformerTagger(Decided):
    """Reads reviews with an encoder. An item without text gets its category's prior."""

    name: ClassVar[str] = "transformer"
    Config: ClassVar[type[TransformerConfig]] = TransformerConfig

    def __init__(self, config: TransformerConfig | None = None) -> None:
        self.config = config or TransformerConfig()
        self._model: tuple[TagNet, Any] | None = None

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Learn from train; end, weigh and choose thresholds by valid. A killed training goes on where it was.

        Raises ArtifactError when the base model isn't on this machine, DataError when there is no tag to learn.
        """
        labels = vocabulary(train, min_support=self.config.min_support)
        true = label_matrix(train.tags, labels)
        prior = CategoryPrior.learn([item.category for item in train.items], true)
        folder = find_base(self.config.base)
        tokenizer, net = load_tokenizer(folder), TagNet(load_encoder(folder), len(labels), dropout=self.config.dropout)
        net.to(device())
        freeze(net.encoder, self.config.frozen_layers)
        net.know_names(tag_names(tokenizer, labels), true.mean(axis=0))
        self._model = net, tokenizer
        self._learn(net, train, valid, labels, prior)
        logits = self._logits(valid.items, len(labels))
        self._decision = Decision.choose(labels, prior, logits, valid, shrinkage=self.config.tag_shrinkage)
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags); a tag that the item's category never had in train has 0."""
        decision = self._fitted[2]
        return decision.probabilities(self._logits(items, len(decision.labels)), items)

    def save(self, folder: Path) -> None:
        """Write model.json, arrays.npz, the head and the encoder with its tokenizer, all safetensors."""
        net, tokenizer, decision = self._fitted
        said = {"model": self.name, "config": asdict(self.config), **decision.said()}
        write_model(folder, said, decision.arrays())
        save_file({name: weight.cpu() for name, weight in net.head.state_dict().items()}, folder / HEAD)
        net.encoder.save_pretrained(folder / ENCODER, safe_serialization=True)
        tokenizer.save_pretrained(folder / ENCODER)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole. The base model isn't needed any more."""
        with reading(folder, cls.name) as stored:
            tagger = cls(TransformerConfig(**stored.said["config"]))
            tagger._decision = Decision.restore(stored)
        net = TagNet(load_encoder(folder / ENCODER), len(tagger.tags), dropout=tagger.config.dropout)
        try:
            net.head.load_state_dict(load_file(folder / HEAD))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ArtifactError(f"{folder / HEAD} doesn't fit its model ({error}); train it again.") from None
        tagger._model = net.to(device()).eval(), load_tokenizer(folder / ENCODER)
        return tagger

    @property
    def _fitted(self) -> tuple[TagNet, Any, Decision]:
        decision = self._decided
        if self._model is None:
            raise ArtifactError("This transformer tagger has learned nothing yet; call fit or load first.")
        return *self._model, decision

    def _learn(
        self, net: TagNet, data: TaggedItems, valid: TaggedItems, labels: list[str], prior: CategoryPrior
    ) -> None:
        checkpoints = Checkpoints.of(self.config, data, valid)
        examples, judged = (Examples.of(self._read(part.items), part, labels, prior) for part in (data, valid))
        vectors = probe(net, examples, judged, self.config)
        telling = keep_telling(net, vectors, examples, self.config.train_chunks)
        train(net, telling, judged, self.config, checkpoints)
        checkpoints.drop()

    def _read(self, items: Sequence[ItemText]) -> Chunks:
        assert self._model is not None  # set before anything is read
        net, tokenizer = self._model
        return read_chunks(tokenizer, items, self.config, longest_chunk(net.encoder))

    def _logits(self, items: Sequence[ItemText], n_labels: int) -> Floats:
        assert self._model is not None
        return item_logits(self._model[0], self._read(items), n_labels, self.config.pooling)
