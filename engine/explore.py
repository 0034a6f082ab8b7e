"""Finding SKUs and opening one: search, preset questions, the passport, and what goes into its export.

Predictions come as the frame of `engine.workflows.catalogue_predictions`: item_id, tag, probability, threshold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UnknownNameError
from engine.sql import Queries

TOP_TAGS = 3
FEW_REVIEWS = 3
CLOSE = 0.05
MAX_PICTURE_BYTES = 500_000
PICTURE_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def normalise(text: str) -> str:
    """Text as search compares it: NFKD without accents (й stays), lower case, ё as е, runs of other signs as spaces."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold().replace("ё", "е"))
    plain = "".join(c if "а" <= c <= "я" else unicodedata.normalize("NFD", c)[0] for c in folded if c.isprintable())
    return re.sub(r"[\W_]+", " ", plain).strip()


@dataclass(frozen=True)
class Filters:
    """What the explorer asks for. Empty strings ask for everything; `question` and `sort` are keys of their tables."""

    query: str = ""
    category: str = ""
    question: str = ""
    sort: str = "relevance"


@dataclass(frozen=True)
class Question:
    """A preset question: its words, what it needs beyond the catalogue, and which of the catalogue's rows answer it."""

    label: str
    needs: str
    mask: Callable[[pd.DataFrame], pd.Series]


QUESTIONS: dict[str, Question] = {
    "few": Question(
        f"Tags asserted from {FEW_REVIEWS} reviews or fewer",
        "predictions",
        lambda rows: (rows["asserted"] > 0) & (rows["reviews"] <= FEW_REVIEWS),
    ),
    "none": Question(
        "Reviewed, but no tag asserted", "predictions", lambda rows: (rows["asserted"] == 0) & (rows["reviews"] > 0)
    ),
    "close": Question(
        f"A tag within {CLOSE:.2f} of its threshold", "predictions", lambda rows: rows["margin"] <= CLOSE
    ),
    "held": Question("Held out for the test", "split", lambda rows: rows["part"] == "test"),
    "seen": Question("Seen in training", "split", lambda rows: rows["part"] == "train"),
    "silent": Question("No reviews", "", lambda rows: rows["reviews"] == 0),
    "disliked": Question("Rated below 3 stars", "ratings", lambda rows: (rows["rating"] < 3).fillna(False)),
    "gone": Question("Out of stock", "stock", lambda rows: (~rows["available"].astype("boolean")).fillna(False)),
    "faceless": Question("No picture", "pictures", lambda rows: rows["image"].isna()),
}

SORTS = {
    "relevance": "Best match",
    "reviews": "Most reviews",
    "best": "Highest rated",
    "worst": "Lowest rated",
    "cheap": "Lowest price",
    "dear": "Highest price",
    "title": "Title",
}
_ORDER = {
    "reviews": ("reviews", False),
    "best": ("rating", False),
    "worst": ("rating", True),
    "cheap": ("price", True),
    "dear": ("price", False),
    "title": ("title", True),
}


@dataclass(frozen=True)
class Catalogue:
    """All SKUs of a workspace with what search and questions look at; read-only, made by `catalogue`.

    rows: one per SKU: the item's columns, reviews, rating, asserted (tags at or above their threshold), margin
    (distance of the nearest tag from its threshold), part (of the tagger's split: train, valid, test or none), top
    (list of (tag, probability, threshold)). text: normalised title, brand, category and tags, by column. has: what
    questions may ask about.
    """

    rows: pd.DataFrame
    text: pd.DataFrame
    has: frozenset[str] = field(default_factory=frozenset)

    @property
    def categories(self) -> list[str]:
        """Categories, those with most SKUs first."""
        return [str(name) for name in self.rows["category"].value_counts().index]

    @property
    def questions(self) -> list[str]:
        """Keys of the preset questions that this catalogue can answer."""
        return [key for key, question in QUESTIONS.items() if not question.needs or question.needs in self.has]


@dataclass(frozen=True)
class Passport:
    """One SKU: its columns with reviews, rating and counts; its reviews, newest first; tags that people gave it."""

    item: dict[str, Any]
    reviews: pd.DataFrame
    given: pd.DataFrame


def catalogue(
    queries: Queries, predictions: pd.DataFrame | None = None, parts: Mapping[str, Collection[str]] | None = None
) -> Catalogue:
    """The searchable catalogue, with one tagger's predictions and the parts (name -> SKUs) of its split."""
    rows = queries.frame("SELECT * EXCLUDE (description, features, category_path) FROM facts ORDER BY item_id")
    has = {"predictions"} if predictions is not None else set()
    has |= {"split"} if parts else set()
    for need, column in (("ratings", "rating"), ("stock", "available"), ("pictures", "image"), ("prices", "price")):
        has |= {need} if bool(rows[column].notna().any()) else set()
    rows = rows.join(_summary(predictions), on="item_id")
    rows["asserted"] = rows["asserted"].fillna(0).astype(int)
    rows["part"] = rows["item_id"].map({sku: name for name, skus in (parts or {}).items() for sku in skus})
    return Catalogue(rows, _search_text(queries, rows, predictions), frozenset(has))


def find(catalogue: Catalogue, filters: Filters) -> pd.DataFrame:
    """The catalogue's rows that match, in order, with `matched`: what the query was found in (SKU, title, tag, …).

    Every word of the query must be found, in any column. Raises UnknownNameError for an unknown category, question
    or sort.
    """
    _check("category", filters.category, catalogue.categories)
    _check("question", filters.question, {name: one.label for name, one in QUESTIONS.items()})
    _check("sort order", filters.sort, SORTS)
    rows = catalogue.rows
    keep = pd.Series(True, index=rows.index)
    if filters.category:
        keep &= rows["category"] == filters.category
    if filters.question:
        keep &= QUESTIONS[filters.question].mask(rows).astype(bool)
    words = normalise(filters.query).split()
    for word in words:
        keep &= np.logical_or.reduce([catalogue.text[c].str.contains(word, regex=False) for c in catalogue.text])
    found = rows[keep].assign(matched="", place=0)
    if words:
        found["matched"], found["place"] = _matched(catalogue.text[keep], " ".join(words))
    by, ascending = _ORDER.get(filters.sort, ("place", True))
    return found.sort_values([by, "reviews", "item_id"], ascending=[ascending, False, True], na_position="last")


def question_counts(catalogue: Catalogue) -> dict[str, int]:
    """For each preset question that this catalogue can answer, how many of its SKUs do."""
    return {key: int(QUESTIONS[key].mask(catalogue.rows).sum()) for key in catalogue.questions}


def passport(queries: Queries, item_id: str) -> Passport:
    """Everything known of one SKU. Raises UnknownNameError with the nearest SKU when there is none."""
    found = queries.frame("SELECT * FROM facts WHERE item_id = ?", item_id)
    if found.empty:
        raise UnknownNameError("SKU", item_id, queries.frame("SELECT item_id FROM items")["item_id"])
    reviews = queries.frame(
        "SELECT * FROM reviews WHERE item_id = ? ORDER BY timestamp DESC NULLS LAST, review_id", item_id
    )
    given = queries.frame(
        "SELECT tag, string_agg(source, ', ' ORDER BY source) AS sources FROM tags WHERE item_id = ? "
        "GROUP BY tag ORDER BY tag",
        item_id,
    )
    item = {str(name): _plain(value) for name, value in found.iloc[0].items()}
    return Passport(item, reviews, given)


def part_of(catalogue: Catalogue, item_id: str) -> str:
    """In which part of the tagger's split the SKU was: train, valid or test; empty when it was in none."""
    parts = catalogue.rows.loc[catalogue.rows["item_id"] == item_id, "part"]
    return str(parts.iloc[0]) if len(parts) and isinstance(parts.iloc[0], str) else ""


def item_tags(predictions: pd.DataFrame, item_id: str, *, top: int, minimum: float = 0.0) -> pd.DataFrame:
    """The `top` predicted tags of one SKU with at least `minimum` probability, most probable first, with `asserted`."""
    rows = predictions[predictions["item_id"] == item_id]
    return _strongest(rows, top=top, minimum=minimum)


def agreement(asserted: Sequence[str], given: Collection[str]) -> pd.DataFrame:
    """Tags of a model (A) beside those given by people (B): tag, where ("same", "only A", "only B"), in that order."""
    given_set = set(given)
    both = [tag for tag in asserted if tag in given_set]
    only_a = [tag for tag in asserted if tag not in given_set]
    only_b = sorted(given_set - set(asserted))
    where = ["same"] * len(both) + ["only A"] * len(only_a) + ["only B"] * len(only_b)
    return pd.DataFrame({"tag": [*both, *only_a, *only_b], "where": where})


def export_rows(
    found: pd.DataFrame, predictions: pd.DataFrame, *, top: int, minimum: float, origin: dict[str, str]
) -> pd.DataFrame:
    """Predictions for the SKUs of `found`, in its order: one row per SKU and tag, with `origin`'s ids in each row."""
    rows = predictions[predictions["item_id"].isin(found["item_id"])]
    rows = _strongest(rows, top=top, minimum=minimum)
    rows = found[["item_id", "title", "category", "reviews"]].merge(rows, on="item_id")
    return rows.assign(**origin)


def picture(root: Path, image: str | None) -> tuple[str, bytes] | None:
    """The media type and bytes of an item's picture file under `root`; None when there is none that may be shown.

    A path that leads outside `root`, an unknown type and a file above 500 kB are none.
    """
    if not image or "\0" in image or image.startswith(("http:", "https:")):
        return None
    file = (root / image).resolve()
    media = PICTURE_TYPES.get(file.suffix.lower())
    if media is None or not file.is_relative_to(root.resolve()) or not file.is_file():
        return None
    return (media, file.read_bytes()) if file.stat().st_size <= MAX_PICTURE_BYTES else None


def _check(kind: str, name: str, known: Collection[str]) -> None:
    if name and name not in known:
        raise UnknownNameError(kind, name, known, labels=known if isinstance(known, Mapping) else None)


def _summary(predictions: pd.DataFrame | None) -> pd.DataFrame:
    columns = {"asserted": "float64", "margin": "float64", "top": "object"}
    if predictions is None or predictions.empty:
        return pd.DataFrame({name: pd.Series(dtype=type_) for name, type_ in columns.items()})
    rows = predictions.sort_values(["item_id", "probability"], ascending=[True, False])
    above, below = rows["probability"], rows["threshold"]
    rows = rows.assign(asserted=above >= below, margin=(above - below).abs())
    grouped = rows.groupby("item_id", sort=False)
    first = rows[grouped.cumcount() < TOP_TAGS]
    triples = pd.Series(list(zip(first["tag"], first["probability"], first["threshold"], strict=True)), dtype="object")
    top = triples.groupby(first["item_id"].to_numpy()).agg(list)
    return pd.DataFrame({"asserted": grouped["asserted"].sum(), "margin": grouped["margin"].min(), "top": top})


def _search_text(queries: Queries, rows: pd.DataFrame, predictions: pd.DataFrame | None) -> pd.DataFrame:
    """Normalised text per SKU and column. Tags are those asserted by the model or, without one, those given."""
    if predictions is not None:
        tags = predictions.loc[predictions["probability"] >= predictions["threshold"], ["item_id", "tag"]]
    else:
        tags = queries.frame("SELECT DISTINCT item_id, tag FROM tags")
    joined = tags["tag"].map({tag: normalise(tag) for tag in tags["tag"].unique()}).groupby(tags["item_id"])
    columns = {
        "SKU": rows["item_id"].map(normalise),
        "title": rows["title"].map(normalise),
        "brand": rows["brand"].fillna("").map(normalise),
        "category": (rows["category"] + " " + rows["subcategory"].fillna("")).map(normalise),
        "tag": rows["item_id"].map(joined.agg(" | ".join)).fillna("") if len(tags) else pd.Series("", index=rows.index),
    }
    return pd.DataFrame(columns, index=rows.index).astype("str")


def _matched(text: pd.DataFrame, phrase: str) -> tuple[pd.Series, pd.Series]:
    """What the whole phrase was found in, best first: the SKU itself, its beginning, a title's beginning, a column."""
    tests: list[tuple[str, pd.Series]] = [
        ("SKU", text["SKU"] == phrase),
        ("SKU", text["SKU"].str.startswith(phrase)),
        ("title", text["title"].str.startswith(phrase)),
        *((column, text[column].str.contains(phrase, regex=False)) for column in ("title", "tag", "brand", "category")),
    ]
    conditions = [test.to_numpy(dtype=bool) for _, test in tests]
    names = np.select(conditions, [name for name, _ in tests], default="several")
    places = np.select(conditions, list(range(len(tests))), default=len(tests))
    return pd.Series(names, index=text.index), pd.Series(places, index=text.index)


def _strongest(rows: pd.DataFrame, *, top: int, minimum: float) -> pd.DataFrame:
    rows = rows[rows["probability"] >= minimum].sort_values(["item_id", "probability"], ascending=[True, False])
    rows = rows[rows.groupby("item_id", sort=False).cumcount() < top]
    return rows.assign(asserted=rows["probability"] >= rows["threshold"])


def _plain(value: Any) -> Any:
    """A cell as plain Python: lists for arrays, None for what is missing."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if not isinstance(value, list) and pd.isna(value) else value
