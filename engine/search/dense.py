"""Dense retrieval: queries and documents as vectors of one encoder, the nearest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.search.base import NONE, Ranked
from engine.search.documents import read_documents
from engine.search.encoders import EMBEDDED, EncoderConfig, load_encoder
from engine.search.exact import padded
from engine.search.index import Index, open_index
from engine.workspace import Workspace


class QueryEncoder(Protocol):
    """What dense retrieval needs of an encoder."""

    @property
    def weights(self) -> str:
        """A hash of the model."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of length 1."""
        ...


@dataclass(frozen=True, eq=False)
class Dense:
    """Searches `index` with queries encoded by `encoder`; rows refer to `item_ids`, the order of the documents.

    with_text: (n_items,) whose documents say something; the others, whose vectors mean nothing, are never found (None:
    all do). Raises ArtifactError when the index was made with another encoder.
    """

    encoder: QueryEncoder
    index: Index
    item_ids: NDArray[np.object_]
    with_text: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Check that queries and documents are of one encoder."""
        if self.encoder.weights != self.index.embeddings.weights:
            raise ArtifactError(
                "The index was made with another encoder, or with this one before it changed; build it again with: "
                ".venv/bin/python scripts/build_index.py"
            )

    @classmethod
    def open(cls, workspace: Workspace, encoder: str = EMBEDDED, *, config: EncoderConfig | None = None) -> Dense:
        """The retriever over the index that serves. Raises NotBuiltError with the command when a part is missing."""
        index = open_index(workspace, encoder)
        loaded = load_encoder(encoder, workspace=workspace, config=config)
        documents = read_documents(workspace)
        with_text = np.array([bool(text.strip()) for text in documents.texts], dtype=bool)
        return cls(loaded, index, documents.item_ids, None if with_text.all() else with_text)

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k items nearest to each query, scores are cosines; a query of spaces only has an empty list."""
        asked = [place for place, query in enumerate(queries) if query.strip()]
        rows = np.full((len(queries), k), NONE, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        if asked:
            found = self.nearest(self.encoder.encode_queries([queries[place] for place in asked]), k, eligible)
            rows[asked], scores[asked] = found.rows, found.scores
        return Ranked(rows, scores)

    def nearest(self, vectors: NDArray[np.float32], k: int, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k items nearest to each of (n, dim) `vectors` of length 1."""
        if self.with_text is not None:
            eligible = self.with_text if eligible is None else self.with_text & eligible
        if self._is_same:
            return self.index.search(vectors, k, eligible)
        allowed = self._to_document != NONE
        if eligible is not None:
            allowed[allowed] = eligible[self._to_document[allowed]]
        found = self.index.search(vectors, k, allowed)
        return Ranked(np.where(found.rows == NONE, NONE, self._to_document[found.rows]), found.scores)

    def similar(self, rows: Sequence[int], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k items nearest to each item of `rows`, without itself.

        An item that isn't indexed, or has no text, has an empty list.
        """
        places = self._to_index[np.asarray(rows, dtype=np.int64)]
        known = places != NONE
        if self.with_text is not None:
            known &= self.with_text[np.asarray(rows, dtype=np.int64)]
        result_rows = np.full((len(rows), k), NONE, dtype=np.int64)
        result_scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
        if known.any():
            own = np.asarray(rows, dtype=np.int64)[known]
            found = _without(own, self.nearest(self.index.embeddings.vectors[places[known]], k + 1, eligible), k)
            result_rows[known], result_scores[known] = found.rows, found.scores
        return Ranked(result_rows, result_scores)

    def vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, dim) the vectors of items by their `rows`; zeros for an item that isn't indexed yet."""
        places = rows if self._is_same else self._to_index[rows]
        found = np.array(self.index.embeddings.vectors[places], dtype=np.float32)
        found[places == NONE] = 0.0
        return found

    @cached_property
    def _is_same(self) -> bool:
        return bool(np.array_equal(self.item_ids, self.index.item_ids))

    @cached_property
    def _to_document(self) -> NDArray[np.int64]:
        """(n_indexed,) the document's row of each row of the index, NONE when the item is gone."""
        return _places(self.index.item_ids, self.item_ids)

    @cached_property
    def _to_index(self) -> NDArray[np.int64]:
        """(n_documents,) the index's row of each document's row, NONE when it isn't indexed yet."""
        return _places(self.item_ids, self.index.item_ids)


def _places(ids: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.int64]:
    places = {item: row for row, item in enumerate(among.tolist())}
    return np.array([places.get(item, NONE) for item in ids.tolist()], dtype=np.int64)


def _without(own: NDArray[np.int64], found: Ranked, k: int) -> Ranked:
    """The first k of each list without its own row."""
    kept = [
        (rows[rows != row][:k], scores[rows != row][:k])
        for row, rows, scores in zip(own, found.rows, found.scores, strict=True)
    ]
    lists = [padded(Ranked(rows[None], scores[None]), k) for rows, scores in kept]
    return Ranked(np.concatenate([one.rows for one in lists]), np.concatenate([one.scores for one in lists]))
