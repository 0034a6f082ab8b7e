"""What is in a workspace: every figure is the number of rows of one query, so it opens to exactly those rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from engine.errors import UnknownNameError
from engine.sql import Queries

_UNRATED = "no rating"
_SKUS = "SELECT item_id, title, category, price, reviews, rating, tags, events FROM facts"


@dataclass(frozen=True)
class Figure:
    """One number of the overview. `value` counts the rows behind it, `of` is what it is a part of (0: a whole).

    key: names the figure in `open_rows`; ready: False when no table that it needs is stored.
    """

    key: str
    label: str
    about: str
    value: int
    of: int = 0
    ready: bool = True

    @property
    def share(self) -> float:
        """`value` as a part of `of`, between 0 and 1."""
        return self.value / self.of if self.of else 0.0


@dataclass(frozen=True)
class Breakdown:
    """A whole in parts: its bars are figures, in their natural order, and each opens to its rows."""

    key: str
    label: str
    about: str
    bars: tuple[Figure, ...]

    @property
    def ready(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.bars)


@dataclass(frozen=True)
class Overview:
    """Everything that the overview shows of the tables."""

    counts: tuple[Figure, ...]
    coverage: tuple[Figure, ...]
    breakdowns: dict[str, Breakdown]
    categories: pd.DataFrame
    tail: tuple[int, ...]
    pairs: Figure


@dataclass(frozen=True)
class _Count:
    label: str
    about: str
    table: str
    rows: str


@dataclass(frozen=True)
class _Parts:
    label: str
    about: str
    table: str
    rows: str
    """SQL of all rows, with a column `part` and, for its order, `place`."""


_COUNTS = {
    "skus": _Count("SKUs", "in the catalogue", "items", _SKUS),
    "reviews": _Count(
        "Reviews",
        "written by customers",
        "reviews",
        "SELECT review_id, item_id, rating, timestamp, text FROM reviews",
    ),
    "users": _Count(
        "Users",
        "active or reviewing",
        "events",
        """SELECT user_id, coalesce(e.n, 0) AS events, coalesce(r.n, 0) AS reviews
        FROM (SELECT user_id, count(*) AS n FROM events GROUP BY 1) e
        FULL JOIN (SELECT user_id, count(*) AS n FROM reviews WHERE user_id IS NOT NULL GROUP BY 1) r USING (user_id)
        ORDER BY events DESC, user_id""",
    ),
    "events": _Count("Events", "views, carts and orders", "events", "SELECT * FROM events"),
    "tags": _Count(
        "Distinct tags",
        "given by any source",
        "tags",
        """SELECT tag, count(DISTINCT item_id) AS skus, string_agg(DISTINCT source, ', ') AS sources
        FROM tags GROUP BY tag ORDER BY skus DESC, tag""",
    ),
    "queries": _Count(
        "Judged queries",
        "with known answers",
        "judgments",
        """SELECT query_id, any_value(query) AS query, count(*) AS judged, count(*) FILTER (relevance > 0) AS relevant
        FROM judgments GROUP BY query_id ORDER BY query_id""",
    ),
}

_COVERAGE = {
    "reviews": ("Any review", "reviews", "reviews > 0"),
    "four-reviews": ("Four reviews or more", "reviews", "reviews >= 4"),
    "tags": ("Tags from people or a model", "tags", "tags > 0"),
    "picture": ("Picture", "items", "image IS NOT NULL"),
    "description": ("Description", "items", "description IS NOT NULL"),
    "price": ("Price", "items", "price IS NOT NULL"),
    "stock": ("In stock", "items", "available"),
    "events": ("Any event", "events", "events > 0"),
}

_PARTS = {
    "depth": _Parts(
        "Reviews per SKU",
        "How many SKUs have this many reviews",
        "reviews",
        f"""SELECT * EXCLUDE (n), CASE WHEN n = 0 THEN '0' WHEN n < 4 THEN '1–3' WHEN n < 8 THEN '4–7'
        WHEN n < 16 THEN '8–15' WHEN n < 32 THEN '16–31' WHEN n < 64 THEN '32–63' ELSE '64+' END AS part, n AS place
        FROM (SELECT *, reviews AS n FROM ({_SKUS}))""",
    ),
    "ratings": _Parts(
        "Stars",
        "How many reviews give this many stars",
        "reviews",
        f"""SELECT review_id, item_id, rating, timestamp, text,
        coalesce(CAST(round(rating) AS INT) || ' stars', '{_UNRATED}') AS part, coalesce(-rating, 1) AS place
        FROM reviews""",
    ),
    "mix": _Parts(
        "What users did",
        "Events by kind",
        "events",
        """SELECT *, event AS part,
        coalesce(list_position(['view', 'addtocart', 'transaction'], event), 9) AS place FROM events""",
    ),
    "tail": _Parts(
        "Tags by how many SKUs carry them",
        "The long tail: most tags are rare, and a tagger can't learn what it hardly sees",
        "tags",
        """SELECT *, CASE WHEN skus = 1 THEN '1 SKU' WHEN skus < 5 THEN '2–4' WHEN skus < 20 THEN '5–19'
        WHEN skus < 100 THEN '20–99' ELSE '100+' END AS part, skus AS place
        FROM (SELECT tag, count(DISTINCT item_id) AS skus FROM tags GROUP BY tag)""",
    ),
    "category": _Parts(
        "SKUs by category",
        "How many SKUs each category holds",
        "items",
        f"SELECT *, category AS part, 0 AS place FROM ({_SKUS})",
    ),
}

_PAIRS = """SELECT user_id, item_id, count(*) AS events, max(timestamp) AS last FROM events
GROUP BY user_id, item_id ORDER BY events DESC, user_id, item_id"""

_WORDS = {"view": "views", "addtocart": "added to cart", "transaction": "orders", "1 stars": "1 star"}

_CATEGORY_REVIEWS = """SELECT review_id, item_id, reviews.rating, timestamp, text, category
FROM reviews JOIN items USING (item_id)"""

_STARS = f"SELECT category, avg(rating) AS rating FROM ({_CATEGORY_REVIEWS}) GROUP BY category"

_CATEGORIES = f"""SELECT category, count(*) AS skus, CAST(sum(reviews) AS BIGINT) AS reviews, avg(reviews) AS per_sku,
any_value(stars.rating) AS rating, count(*) FILTER (tags > 0) AS tagged, count(*) FILTER (reviews = 0) AS silent
FROM facts LEFT JOIN ({_STARS}) stars USING (category)
GROUP BY category ORDER BY skus DESC, category"""


def summarise(queries: Queries) -> Overview:
    """All figures of a workspace. A table that isn't stored gives figures that aren't `ready`, not zeros."""
    skus = _count(queries, _SKUS)
    counts = tuple(_counted(queries, key) for key in _COUNTS)
    users = next(figure.value for figure in counts if figure.key == "users")
    return Overview(
        counts=counts,
        coverage=tuple(_covered(queries, key, skus) for key in _COVERAGE),
        breakdowns={key: _breakdown(queries, key) for key in _PARTS},
        categories=queries.frame(_CATEGORIES),
        tail=tuple(queries.frame(f"SELECT skus FROM ({_COUNTS['tags'].rows})")["skus"]),
        pairs=Figure(
            "pairs",
            "User and SKU pairs seen",
            "of all pairs that could be",
            _count(queries, _PAIRS),
            of=users * skus,
            ready="events" in queries.stored,
        ),
    )


def rows_query(key: str) -> tuple[str, str, tuple[str, ...]]:
    """What a figure counts: its title in words, the SQL of its rows, and the values of the SQL's question marks.

    Keys are those of the figures; `without:<coverage>` opens to the SKUs that a coverage figure doesn't count,
    `reviews-of:<category>` and `tagged-of:<category>` to a category's reviews and its SKUs with tags.
    Raises UnknownNameError with the nearest key.
    """
    kind, _, rest = key.partition(":")
    if key in _COUNTS:
        return _COUNTS[key].label, _COUNTS[key].rows, ()
    if key == "pairs":
        return "Pairs of a user and a SKU", _PAIRS, ()
    if kind in ("with", "without") and rest in _COVERAGE:
        label, _, condition = _COVERAGE[rest]
        said = f"SKUs {kind}: {label[0].lower()}{label[1:]}"
        return said, f"{_SKUS} WHERE coalesce({condition}, false) = {kind == 'with'} ORDER BY item_id", ()
    if kind in _PARTS and rest:
        sql = f"SELECT * EXCLUDE (part, place) FROM ({_PARTS[kind].rows}) WHERE part = ?"
        return f"{_PARTS[kind].label}: {_WORDS.get(rest, rest)}", sql, (rest,)
    if kind == "reviews-of" and rest:
        return f"Reviews: {rest}", f"SELECT * EXCLUDE category FROM ({_CATEGORY_REVIEWS}) WHERE category = ?", (rest,)
    if kind == "tagged-of" and rest:
        return f"SKUs with tags: {rest}", f"{_SKUS} WHERE category = ? AND tags > 0 ORDER BY item_id", (rest,)
    raise UnknownNameError("figure", key, known_keys())


def known_keys() -> list[str]:
    """The keys that don't depend on the data; breakdowns add `<breakdown>:<part>`."""
    return [*_COUNTS, "pairs", *(f"{kind}:{name}" for kind in ("with", "without") for name in _COVERAGE)]


def open_rows(queries: Queries, key: str, *, limit: int | None = None) -> pd.DataFrame:
    """The rows that the figure `key` counts, all of them or the first `limit`."""
    _, sql, values = rows_query(key)
    return queries.frame(f"SELECT * FROM ({sql})" + (f" LIMIT {int(limit)}" if limit is not None else ""), *values)


def count_rows(queries: Queries, key: str) -> int:
    """How many rows `open_rows` gives without a limit: the figure itself."""
    _, sql, values = rows_query(key)
    return _count(queries, sql, *values)


def _count(queries: Queries, sql: str, *values: str) -> int:
    return int(queries.number(f"SELECT count(*) FROM ({sql})", *values))


def _counted(queries: Queries, key: str) -> Figure:
    count = _COUNTS[key]
    value = _count(queries, count.rows)
    return Figure(key, count.label, count.about, value, ready=count.table in queries.stored or value > 0)


def _covered(queries: Queries, key: str, skus: int) -> Figure:
    label, table, condition = _COVERAGE[key]
    value = _count(queries, f"SELECT 1 FROM facts WHERE {condition}")
    known = key != "stock" or queries.number("SELECT count(available) FROM facts") > 0
    return Figure(f"with:{key}", label, "of all SKUs", value, of=skus, ready=table in queries.stored and known)


def _breakdown(queries: Queries, key: str) -> Breakdown:
    parts = _PARTS[key]
    rows = queries.frame(
        f"SELECT part, count(*) AS n, min(place) AS place FROM ({parts.rows}) "
        "GROUP BY part ORDER BY place, n DESC, part"
    )
    total, ready = int(rows["n"].sum()), parts.table in queries.stored and set(rows["part"]) != {_UNRATED}
    bars = tuple(
        Figure(f"{key}:{part}", _WORDS.get(part, str(part)), "", int(n), of=total, ready=ready)
        for part, n in zip(rows["part"], rows["n"], strict=True)
        if ready
    )
    return Breakdown(key, parts.label, parts.about, bars)
