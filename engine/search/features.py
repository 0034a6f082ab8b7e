"""Signals of (query, item) pairs for the second stage: how well words, numbers, meaning and the shelf agree.

All candidates of a query are taken at once, as arrays; a hundred of them take a few milliseconds. Many are relative to
what the query could reach at best, so that trees can compare queries of every length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.search.fields import FIELDS, Fields
from engine.search.hybrid import Candidates
from engine.search.matches import Asked, Matches
from engine.search.shelf import read_shelf
from engine.search.units import is_number

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
TOP = 10  # best fused candidates that stand for what the query is about
ALIKE = 75.0  # likeness of two words in per cent from which one may stand for the other
FEATURES: Mapping[str, str] = {
    "bm25": "words, by BM25",
    "bm25_share": "words, of the best match there is",
    "bm25_rank": "rank by words",
    "cosine": "meaning",
    "cosine_gap": "meaning, below the nearest item",
    "dense_rank": "rank by meaning",
    "fused": "words and meaning together",
    "near_top": "like the first hits",
    **{f"{name}_coverage": f"words of the query in the {name}" for name in FIELDS},
    "all_coverage": "words of the query anywhere",
    "title_words": "share of the query's words in the title",
    "title_share": "share of the title that the query names",
    "head_coverage": "words of the query in the title's first part",
    "head_share": "share of the title's first part that the query names",
    "fuzzy_coverage": "words of the query in the title, nearly as written",
    "phrase": "neighbouring words of the query side by side",
    "first_place": "how early the title has a word of the query",
    "spread": "how close together the title has them",
    "last_word": "the query's last word in the title",
    "last_word_head": "the query's last word ends the title's first part",
    "first_word": "the query's first word in the title",
    "rarest_missing": "how rare the rarest missing word is",
    "numbers": "sizes and numbers of the query in the title",
    "other_numbers": "numbers in the title that the query doesn't name",
    "letters": "letters in common",
    "letters_joined": "letters in common, spaces aside",
    "category_share": "category of the first hits",
    "brand_named": "brand named in the query",
    "tag_coverage": "words of the query in the tags",
    "rating": "stars",
    "reviews": "number of reviews",
    "price": "price",
    "price_ratio": "price beside the first hits",
    "within_limit": "price within the query's limit",
    "available": "can be bought",
    "title_length": "length of the title",
    "query_words": "words in the query",
    "query_numbers": "numbers in the query",
    "query_unknown": "unknown words in the query",
    "query_best": "meaning of the nearest item",
}
NAMES = tuple(FEATURES)


class Features:
    """Turns candidates into signals."""

    def __init__(self, fields: Fields, frame: pd.DataFrame, vectors_of: Callable[[Rows], Floats]) -> None:
        self._fields, self._vectors_of = fields, vectors_of
        self._shelf = read_shelf(fields, frame)
        self._written = list(fields.vocabulary)
        self._numeric = np.fromiter(map(is_number, self._written), dtype=bool, count=len(self._written))

    def of(self, found: Candidates) -> Floats:
        """(n_candidates, n_features) in the order of `NAMES`; NaN where nothing is known."""
        signals = {name: np.full(len(found), np.nan, dtype=np.float32) for name in NAMES}
        if len(found):
            asked = Asked.of(found.query.terms, self._fields)
            signals |= self._retrieval(found) | self._words(found, asked) | self._letters(found, asked)
            signals |= self._shelf.signals(asked, found.query.text, found.rows, TOP)
        return np.column_stack([np.asarray(signals[name], dtype=np.float32) for name in NAMES])

    def _retrieval(self, found: Candidates) -> dict[str, Floats]:
        vectors = self._vectors_of(found.rows)
        unknown = len(found.query.terms) - found.query.known
        return {
            "bm25": found.lexical,
            "bm25_share": found.lexical / max(found.top_lexical, 1e-6),
            "bm25_rank": np.log(found.lexical_rank),
            "cosine": found.cosine,
            "cosine_gap": found.cosine - found.top_cosine,
            "dense_rank": np.log(found.dense_rank),
            "fused": found.fused,
            "near_top": vectors @ vectors[:TOP].mean(axis=0),
            "query_words": _all(found, len(found.query.terms)),
            "query_numbers": _all(found, sum(map(is_number, found.query.terms))),
            "query_unknown": _all(found, unknown),
            "query_best": _all(found, found.top_cosine),
        }

    def _words(self, found: Candidates, asked: Asked) -> dict[str, Floats]:
        in_field = {name: asked.matches(self._fields.columns[name], found.rows) for name in FIELDS}
        title = in_field["title"]
        signals = {f"{name}_coverage": match.present @ asked.weights for name, match in in_field.items()}
        anywhere = np.logical_or.reduce([match.present for match in in_field.values()])
        heads = self._fields.heads[found.rows]
        return {
            **signals,
            **_numbers(title, asked, self._numeric),
            **_heads(title, asked, heads, self._fields.idf),
            "all_coverage": anywhere @ asked.weights,
            "title_words": title.present.mean(axis=1) if asked.n else _all(found, 0),
            "title_share": title.share(self._fields.idf, np.ones(len(title.numbers), dtype=bool)),
            "phrase": title.pairs() / max(asked.n - 1, 1),
            "first_place": title.first(),
            "spread": title.spread(),
            "last_word": title.present[:, -1] if asked.n else _all(found, 0),
            "first_word": title.present[:, 0] if asked.n else _all(found, 0),
            "rarest_missing": (~anywhere * asked.rarity).max(axis=1, initial=0.0),
            "title_length": title.lengths,
        }

    def _letters(self, found: Candidates, asked: Asked) -> dict[str, Floats]:
        from rapidfuzz import fuzz, process

        numbers, owner, _ = self._fields.columns["title"].of(found.rows)
        distinct, at = np.unique(numbers, return_inverse=True)
        written = [self._written[number] for number in distinct]
        wanted = list(dict.fromkeys(found.query.terms))
        alike = process.cdist(written, wanted, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.float32) / 100
        best = np.zeros((len(found), len(wanted)), dtype=np.float32)
        np.maximum.at(best, owner, alike[at])
        ends = np.cumsum(np.bincount(owner, minlength=len(found)))
        words = [written[i] for i in at]
        titles = [words[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        query = " ".join(wanted)
        spaced = process.cdist([query], [" ".join(title) for title in titles], scorer=fuzz.token_set_ratio)
        joined = process.cdist(["".join(wanted)], ["".join(title) for title in titles], scorer=fuzz.partial_ratio)
        return {"fuzzy_coverage": best @ asked.weights, "letters": spaced[0] / 100, "letters_joined": joined[0] / 100}


def _heads(title: Matches, asked: Asked, heads: NDArray[np.int32], idf: Floats) -> dict[str, Floats]:
    """How the first part of the title, which says what the item is, agrees with the query."""
    inside = title.place < heads[title.owner]
    named = inside & (title.asked >= 0)
    present = np.zeros_like(title.present)
    present[title.owner[named], title.asked[named]] = True
    ends = (title.place == heads[title.owner] - 1) & (title.asked == asked.n - 1)
    return {
        "head_coverage": present @ asked.weights,
        "head_share": title.share(idf, inside),
        "last_word_head": np.bincount(title.owner[ends], minlength=len(heads)).astype(np.float32),
    }


def _numbers(title: Matches, asked: Asked, numeric: NDArray[np.bool_]) -> dict[str, Floats]:
    n = len(title.lengths)
    wanted = int(asked.numeric.sum())
    met = title.present[:, asked.numeric].sum(axis=1) / wanted if wanted else np.full(n, np.nan)
    other = numeric[title.numbers] & (title.asked < 0)
    return {
        "numbers": np.asarray(met, dtype=np.float32),
        "other_numbers": np.bincount(title.owner[other], minlength=n).astype(np.float32),
    }


def _all(found: Candidates, value: float) -> Floats:
    return np.full(len(found), value, dtype=np.float32)
