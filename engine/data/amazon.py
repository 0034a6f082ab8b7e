"""Amazon Reviews, 2014 to 2023: reviews and metadata, one object per line.

Sources: https://jmcauley.ucsd.edu/data/amazon/ (2014), https://amazon-reviews-2023.github.io/ (2023).
Variants of one product (size, colour) share a parent_asin, which is the SKU here where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engine.data.base import ImportReport, Row
from engine.data.jsonfile import json_lines
from engine.data.layout import find_files
from engine.data.recent import Recent
from engine.errors import counted

PATTERNS = ("*.json", "*.jsonl")
Record = Mapping[str, Any]


class AmazonReader:
    """Reads review and metadata files in any order. Without metadata, SKUs are named by their ids."""

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Yield reviews, and items from metadata or, where no file holds any, from the reviews' SKUs."""
        files = find_files(paths, {"data": PATTERNS}, otherwise="data")["data"]
        has_metadata = any(not _is_review(record) for file in files for record in _first(file))
        skus, unnamed = Recent(), 0
        for file in files:
            category = _category_of(file)
            for line, record in json_lines(file, report):
                if not _is_review(record):
                    item = _item(record, category)
                    unnamed += item["title"] == item["item_id"]
                    yield Row("items", item, str(file), line)
                    continue
                review = _review(record)
                if not has_metadata and review["item_id"] and skus.is_new(str(review["item_id"])):
                    item = {"item_id": review["item_id"], "title": review["item_id"], "category": category}
                    yield Row("items", item, str(file), line)
                yield Row("reviews", review, str(file), line)
        if not has_metadata:
            report.notes.append("items: no metadata file among these; SKUs are named by their ids")
        elif unnamed:
            report.notes.append(f"items: {counted(unnamed, 'SKU')} without a title, named by id")


def _first(file: Path) -> list[Record]:
    return [record for _, record in islice(json_lines(file, ImportReport()), 1)]


def _is_review(record: Record) -> bool:
    return "reviewerID" in record or "user_id" in record


def _review(record: Record) -> dict[str, Any]:
    user = record.get("user_id") or record.get("reviewerID")
    time = record.get("timestamp", record.get("unixReviewTime"))
    asin = record.get("asin") or record.get("parent_asin")
    return {
        "review_id": f"{user}:{asin}:{time}" if user and asin else None,
        "item_id": record.get("parent_asin") or asin,
        "user_id": user,
        "text": record.get("text", record.get("reviewText")),
        "title": record.get("title", record.get("summary")),
        "rating": record.get("rating", record.get("overall")),
        "timestamp": time,
    }


def _item(record: Record, category: str) -> dict[str, Any]:
    sku = record.get("parent_asin") or record.get("asin")
    path = _category_path(record)
    return {
        "item_id": sku,
        "title": record.get("title") or sku,
        "category": record.get("main_category") or (path[0] if path else category),
        "subcategory": path[1] if len(path) > 1 else None,
        "category_path": path or None,
        "description": _joined(record.get("description")),
        "features": record.get("features", record.get("feature")) or None,
        "brand": record.get("brand") or record.get("store"),
        "price": _price(record.get("price")),
        "image": _image(record),
    }


def _category_path(record: Record) -> list[str]:
    """The first path: 2014 gives several as lists of names, later releases give one."""
    categories = record.get("categories") or record.get("category") or []
    path = categories[0] if categories and isinstance(categories[0], list) else categories
    return path if isinstance(path, list) else [str(path)]


def _joined(description: Any) -> Any:
    return "\n".join(map(str, description)) if isinstance(description, list) else description


def _price(price: Any) -> float | None:
    """The price as a number; releases also have "$12.99", and words where there is no single price."""
    if isinstance(price, int | float):
        return price
    digits = re.fullmatch(r"\$?\s*(\d[\d,]*(?:\.\d+)?)", str(price or "").strip())
    return float(digits[1].replace(",", "")) if digits else None


def _image(record: Record) -> str | None:
    images = record.get("images") or record.get("imageURLHighRes") or record.get("imageURL") or record.get("imUrl")
    first = images[0] if isinstance(images, list) and images else images
    if isinstance(first, dict):
        first = first.get("large") or first.get("thumb")
    return first.replace("http://", "https://", 1) if isinstance(first, str) else None


def _category_of(file: Path) -> str:
    """What the file's name says: "meta_Digital_Music.json.gz" is Digital Music."""
    stem = re.sub(r"(\.jsonl?|\.gz)+$", "", file.name)
    return re.sub(r"^(meta|reviews)_|_5$", "", stem).replace("_", " ").strip() or file.name
