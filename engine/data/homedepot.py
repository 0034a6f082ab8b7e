"""Home Depot product search relevance (kaggle.com/c/home-depot-product-search-relevance): train.csv.

Each row is a query, a product and the mean of what at least three people thought of the pair, from 1 (irrelevant) to
3 (a perfect match).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_rows
from engine.data.layout import find_files
from engine.schema import UNCATEGORISED

FILES = {"judgments": ("train.csv",)}
COLUMNS = ("product_uid", "product_title", "search_term", "relevance")


class HomeDepotReader:
    """Reads train.csv (published in Latin-1; UTF-8 copies are read as well), or a file of its columns.

    An item is made of the first row that names it; products have no categories, so that it is
    "Uncategorised". The query's id is a hash of its words, so that it stays the same whatever part is imported.
    """

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """A row of judgments per line, after a row of items for each product not seen before."""
        seen: set[str] = set()
        for path in find_files(paths, FILES, otherwise="judgments")["judgments"]:
            for line, record in csv_rows(path, report, required=COLUMNS, fallback="latin-1"):
                item, title = record["product_uid"], record["product_title"]
                if item and title and item not in seen:
                    seen.add(item)
                    yield Row("items", {"item_id": item, "title": title, "category": UNCATEGORISED}, str(path), line)
                query = record["search_term"].strip()
                judgment = {
                    "query_id": query_id(query),
                    "query": query,
                    "item_id": item,
                    "relevance": record["relevance"],
                    "source": "homedepot",
                }
                yield Row("judgments", judgment, str(path), line)


def query_id(query: str) -> str:
    """A short stable name of a query: "q-" and 12 hexadecimal digits of the hash of its words."""
    return f"q-{hashlib.blake2b(query.encode(), digest_size=6).hexdigest()}"
