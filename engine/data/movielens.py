"""MovieLens (grouplens.org/datasets/movielens): ratings of movies, in the layouts of its releases.

- ml-100k: u.data (tab-separated) and u.item (pipes, Latin-1), both without a header
- ml-latest, ml-20m, ml-25m, ml-32m: ratings.csv and movies.csv (genres joined by pipes)
- the 100k set as tables: ml100k_ratings.csv and ml100k_items.csv (genres joined by spaces)

Each rating is an event "rating" with its stars in the column rating, so that both uses of the set are open: every
rating as a sign of interest, or only those of four stars and more. A movie's category is the first of its genres;
all of them are its features.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_rows
from engine.data.epoch import from_epoch
from engine.data.layout import find_files, renamed
from engine.data.textfile import byte_lines, decoded
from engine.schema import UNCATEGORISED

FILES = {"items": ("u.item", "movies.csv", "*items.csv"), "ratings": ("u.data", "*ratings.csv")}
NAMES = {
    "userId": "user_id",
    "movieId": "item_id",
    "movie_title": "title",
    "genres": "class",
    "release_year": "year",
}
RATING_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
GENRES = (  # the flags at the end of a u.item row, in this order
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_YEAR = re.compile(r"\d{4}")


class MovieLensReader:
    """Reads the ratings and the movies of any layout named above; either may be missing."""

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Rows of items, then rows of events, each in the order of its file."""
        files = find_files(paths, FILES)
        for path in files["items"]:
            yield from _movies(path, report)
        for path in files["ratings"]:
            yield from _ratings(path, report)


def _movies(path: Path, report: ImportReport) -> Iterator[Row]:
    classic = path.name.lower() == "u.item"
    for line, record in _classic_movies(path, report) if classic else _table(path, report, ("item_id", "title")):
        genres = [genre for genre in _genres(record.get("class", "")) if genre != "(no genres listed)"]
        title, year = record["title"], record.get("year", "")
        values = {
            "item_id": record["item_id"],
            "title": f"{title} ({year})" if title and _YEAR.fullmatch(year) else title,
            "category": genres[0] if genres else UNCATEGORISED,
            "features": genres or None,
        }
        yield Row("items", values, str(path), line)


def _ratings(path: Path, report: ImportReport) -> Iterator[Row]:
    classic = path.name.lower() == "u.data"
    rows = _fields(path, report, "\t", RATING_COLUMNS) if classic else _table(path, report, RATING_COLUMNS)
    for line, record in rows:
        moment = from_epoch(record["timestamp"], per_second=1)
        if moment is None:
            stamp, reason = record["timestamp"], "isn't a time in seconds since 1970"
            report.reject(reason, file=str(path), line=line, column="timestamp", value=stamp)
            continue
        values = {**{name: record[name] for name in RATING_COLUMNS}, "event": "rating", "timestamp": moment}
        yield Row("events", values, str(path), line)


def _table(path: Path, report: ImportReport, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    return renamed(path, csv_rows(path, report), NAMES, required)


def _classic_movies(path: Path, report: ImportReport) -> Iterator[tuple[int, dict[str, str]]]:
    names = ("item_id", "title", "released", "video", "address", *GENRES)
    for line, record in _fields(path, report, "|", names):
        flagged = [genre for genre in GENRES[1:] if record[genre] == "1"]
        yield line, {"item_id": record["item_id"], "title": record["title"], "class": "|".join(flagged)}


def _fields(
    path: Path, report: ImportReport, delimiter: str, names: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, record) of a file without a header and without quoting; rows of another width are rejected."""
    for line, raw in enumerate(byte_lines(path), start=1):
        fields = decoded(raw, path, line, "latin-1").rstrip("\r\n").split(delimiter)
        if fields == [""]:
            continue
        report.read += 1
        if len(fields) == len(names):
            yield line, dict(zip(names, fields, strict=True))
        else:
            report.reject(f"must have {len(names)} fields", file=str(path), line=line, value=f"{len(fields)} fields")


def _genres(joined: str) -> list[str]:
    """Genres joined by pipes, or by spaces where there is no pipe and no genre holds a space."""
    return joined.split("|") if "|" in joined or joined.startswith("(") else joined.split()
