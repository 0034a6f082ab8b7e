"""A cross-encoder as the last stage: a model that reads query and document together, slow and without training here.

R. Nogueira, K. Cho, Passage re-ranking with BERT, 2019. The model is named by who opens the retriever; it lies in
hf_models/ or the cache of Hugging Face, and is loaded when it is first asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.ranked import Ranked
from engine.search.bm25 import stacked
from engine.search.hybrid import Candidates, Hybrid, trace_of

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CrossEncoderConfig:
    """How far it reads.

    depth: candidates of hybrid that are read and put in order, the rest keep theirs; tokens: of query and document
    together; batch: pairs at once
    """

    depth: int = 30
    tokens: int = 256
    batch: int = 32


class CrossEncoder:
    """The retriever that reads the best candidates of `hybrid`, with the model called `name`."""

    Config = CrossEncoderConfig

    def __init__(
        self, hybrid: Hybrid, texts: Callable[[Rows], list[str]], name: str, config: CrossEncoderConfig | None = None
    ) -> None:
        self.hybrid, self.name, self.config = hybrid, name, config or CrossEncoderConfig()
        self._texts = texts

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        return self.hybrid.item_ids

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query; scores are comparable within its list only."""
        found = map(self._ordered, self.hybrid.candidates(queries, k, eligible=eligible))
        return stacked([(rows[:k], scores[:k]) for rows, scores in found], k)

    def trace(self, query: str, k: int, eligible: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """The hits of one query: what `Hybrid.trace` says, cross_encoder_score and cross_encoder_rank."""
        found = self.hybrid.candidates([query], k, eligible=eligible)[0]
        rows, scores = self._ordered(found)
        told = trace_of(found, self.item_ids).set_index(found.rows).loc[rows[:k]]
        told = told.assign(score=scores[:k], cross_encoder_score=scores[:k])
        return told.assign(cross_encoder_rank=np.arange(1, len(told) + 1)).reset_index(drop=True)

    def _ordered(self, found: Candidates) -> tuple[Rows, Floats]:
        """Rows and scores of all candidates: those that were read in their new order, the rest below in the old one."""
        first, rest = found.rows[: self.config.depth], found.rows[self.config.depth :]
        if not len(first):
            return first, np.empty(0, dtype=np.float32)
        pairs = [(found.query.text, text) for text in self._texts(first)]
        scores = np.asarray(self._model.predict(pairs, batch_size=self.config.batch), dtype=np.float32)
        order = np.argsort(-scores, kind="stable")
        below = float(scores.min()) - np.arange(1, len(rest) + 1, dtype=np.float32)
        return np.concatenate([first[order], rest]), np.concatenate([scores[order], below]).astype(np.float32)

    @cached_property
    def _model(self) -> Any:
        """The model. Raises ArtifactError when it isn't on this machine or gives more than one score."""
        from sentence_transformers import CrossEncoder as Model

        from engine.models.base_models import OFFLINE, find_base

        folder = find_base(self.name)
        try:
            model = Model(
                str(folder),
                device="cpu",
                max_length=self.config.tokens,
                model_kwargs={"use_safetensors": True},
                **OFFLINE,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ArtifactError(f"{folder} can't be used as a cross-encoder ({error}); choose another.") from None
        if model.num_labels != 1:
            raise ArtifactError(
                f"{folder} gives {model.num_labels} scores for a pair, not one; choose a cross-encoder."
            )
        return model
