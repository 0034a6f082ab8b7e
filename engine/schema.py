"""The canonical tables, and the small frozen results that rooms hand to each other and to pages.

Ids are strings, timestamps are UTC, text is NFC. Readers produce these tables, everything else consumes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_TEXT, _NUMBER, _TIME = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Column:
    """One column of a table: its Arrow type, whether rows must have it, and what it holds."""

    name: str
    type: pa.DataType
    required: bool
    about: str


@dataclass(frozen=True)
class Table:
    """A canonical table: its columns in order, and the columns whose values together name a row (empty: none do).

    usual: whether most sources have it, so that a workspace without it lacks something.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    usual: bool = True

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of the stored Parquet file."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    @property
    def required(self) -> list[str]:
        """Names of the columns that every row must fill."""
        return [column.name for column in self.columns if column.required]


def _must(name: str, about: str, type_: pa.DataType = _TEXT) -> Column:
    return Column(name, type_, True, about)


def _may(name: str, about: str, type_: pa.DataType = _TEXT) -> Column:
    return Column(name, type_, False, about)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "items",
            "one row per SKU of the catalogue",
            (
                _must("item_id", "the SKU"),
                _must("title", "the name that people see"),
                _must("category", "the good type"),
                _may("subcategory", "a finer kind within the category"),
                _may("category_path", "names from the root of the category tree to the leaf", pa.list_(_TEXT)),
                _may("description", "the seller's text"),
                _may("features", "short facts such as material or size", pa.list_(_TEXT)),
                _may("brand", "maker or label"),
                _may("price", "in the store's currency, zero or more", _NUMBER),
                _may("available", "whether it can be bought now", pa.bool_()),
                _may("image", "a picture: path inside the workspace, or an https address"),
            ),
            key=("item_id",),
        ),
        Table(
            "reviews",
            "one row per review",
            (
                _must("review_id", "names the review"),
                _must("item_id", "the SKU it is about"),
                _may("user_id", "who wrote it"),
                _must("text", "what it says"),
                _may("title", "its headline"),
                _may("rating", "stars, usually 1 to 5", _NUMBER),
                _may("timestamp", "when it was written", _TIME),
            ),
            key=("review_id",),
        ),
        Table(
            "events",
            "one row per thing that a user did with an item",
            (
                _must("user_id", "who"),
                _must("item_id", "with what"),
                _must("event", "view, addtocart, transaction, or another kind of event"),
                _must("timestamp", "when", _TIME),
                _may("quantity", "how many", _NUMBER),
                _may("price", "what one cost at the time", _NUMBER),
                _may("rating", "stars, where the event is a rating", _NUMBER),
            ),
        ),
        Table(
            "tags",
            "one row per tag that a source gave to an item",
            (
                _must("item_id", "the SKU"),
                _must("tag", "the tag"),
                _must("source", "llm, extracted, pool, human or import"),
                _may("score", "how sure the source was", _NUMBER),
            ),
            key=("item_id", "tag", "source"),
        ),
        Table(
            "judgments",
            "one row per judged pair of query and item",
            (
                _must("query_id", "names the query"),
                _must("query", "its words"),
                _must("item_id", "the SKU"),
                _must("relevance", "how well it answers, higher is better", _NUMBER),
                _must("source", "who judged"),
            ),
            key=("query_id", "item_id", "source"),
        ),
        Table(
            "mentions",
            "one row per review sentence known to express a tag (known in the demo store, or annotated)",
            (
                _must("review_id", "the review"),
                _must("item_id", "its SKU"),
                _must("start", "first character of the sentence in the review's text", pa.int32()),
                _must("end", "one past its last character", pa.int32()),
                _must("tag", "the tag it is about"),
                _must("polarity", "1 speaks for the tag, -1 against it", pa.int8()),
            ),
        ),
        Table(
            "properties",
            "one row per property of an item and moment from which it had a value",
            (
                _must("item_id", "the SKU"),
                _must("timestamp", "from when on", _TIME),
                _must("property", "category or available; others are kept and not used"),
                _must("value", 'names from the root to the category with " / " between them; 1 or 0 for available'),
            ),
            key=("item_id", "timestamp", "property"),
            usual=False,
        ),
    )
}

GOOD_TYPES = ("Bags", "Shoes", "Clothes", "Beauty_Accs", "Accs", "Home_Accs", "Toys", "Jewellery")
PATH_SEPARATOR = " / "  # between the names of a category path where it is one text
UNCATEGORISED = "Uncategorised"  # the category of items whose source names none
TAG_SOURCES = ("llm", "extracted", "pool", "human", "import")
EVENTS = ("view", "addtocart", "transaction")


@dataclass(frozen=True)
class ItemText:
    """What a tagger sees of one SKU: its category and the texts of its reviews, in any number."""

    item_id: str
    category: str
    reviews: tuple[str, ...]


@dataclass(frozen=True)
class TagScore:
    """One predicted tag: a calibrated probability, and the probability from which the tagger asserts it."""

    tag: str
    probability: float
    threshold: float

    @property
    def asserted(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Sentence:
    """A stretch of one review: `text == reviews[review][start:end]`."""

    review: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class SentenceEffect:
    """How much one sentence raises (positive) or lowers (negative) a tag's probability, by leaving it out."""

    sentence: Sentence
    effect: float


@dataclass(frozen=True)
class Evidence:
    """Why a tagger gave `tag` its probability: sentences for and against, strongest first.

    `n_supporting` of `n_reviews` reviews hold a sentence that raises the score.
    """

    tag: str
    probability: float
    supporting: tuple[SentenceEffect, ...]
    opposing: tuple[SentenceEffect, ...]
    n_supporting: int
    n_reviews: int

    @property
    def based_on(self) -> str:
        """In words: "based on 3 of 14 reviews"."""
        return f"based on {self.n_supporting} of {self.n_reviews} {'review' if self.n_reviews == 1 else 'reviews'}"
