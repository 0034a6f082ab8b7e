"""Runs as TREC files (qrels and run), so that trec_eval, ranx and others compute our figures from our rows.

Those tools sort by score and may break ties by id, drop queries that have no line in either file, and refuse an item
that a list repeats. So the score written is the number of places that follow; a list without items, or a query
without anything relevant, gets one line with the placeholder "-", which is never relevant; and the second appearance
of an item is written as another, irrelevant one, because that is how our metrics count it. Ids are percent-encoded
where they hold white space or a percent sign. Format: https://trec.nist.gov/data/qrels_eng and trec_eval's README.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

import pandas as pd

from engine.errors import DataError
from engine.metrics.measures import find_kind
from engine.runs import RunStore

NOBODY = "-"
_SAFE = "".join(chr(code) for code in range(33, 127) if chr(code) != "%")
_LISTS = {"tags": ("ranked", "known")}  # of a kind: the columns of what was ranked and what is relevant


def run_lines(kind: str, rows: pd.DataFrame, name: str) -> Iterator[str]:
    """Lines "query Q0 item rank score name" of the lists in a run's rows, best first."""
    ids, ranked, _ = _columns(kind, rows)
    tag = _word(name)
    for query, items in zip(ids, ranked, strict=True):
        listed = _distinct(items) or [NOBODY]
        for rank, item in enumerate(listed, start=1):
            yield f"{query} Q0 {item} {rank} {len(listed) - rank + 1} {tag}\n"


def qrel_lines(kind: str, rows: pd.DataFrame) -> Iterator[str]:
    """Lines "query 0 item grade" of what is relevant in a run's rows.

    trec_eval takes whole numbers as grades only. Raises DataError for a gain that is none.
    """
    ids, _, relevant = _columns(kind, rows)
    gains = rows["gains"] if "gains" in rows else [None] * len(rows)
    for query, items, grades in zip(ids, relevant, gains, strict=True):
        found = _graded(items, [1] * len(items) if grades is None else grades)
        for item, grade in (found or {NOBODY: 0}).items():
            yield f"{query} 0 {item} {grade}\n"


def trec_files(store: RunStore, run_id: str, *, shown: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> bytes:
    """Both files of a run in one ZIP archive, RUN.run and RUN.qrels. Errors as in `RunStore.rows` and `qrel_lines`.

    shown: what makes the rows fit to leave, where people are masked.
    """
    run, rows = store.get(run_id), store.rows(run_id)
    rows = rows if shown is None else shown(rows)
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        archive.writestr(f"{run.id}.run", "".join(run_lines(run.kind, rows, run.model)))
        archive.writestr(f"{run.id}.qrels", "".join(qrel_lines(run.kind, rows)))
    return buffer.getvalue()


def _columns(kind: str, rows: pd.DataFrame) -> tuple[list[str], Iterable[Sequence[str]], Iterable[Sequence[str]]]:
    """The queries' ids, what was ranked for each, and what is relevant to each."""
    ranked, relevant = (rows[column].tolist() for column in _LISTS.get(kind, ("hits", "relevant")))
    ids = [_word(name) for name in rows[find_kind(kind).id].tolist()]
    return ids, ([] if row is None else row for row in ranked), ([] if row is None else row for row in relevant)


def _graded(items: Sequence[str], grades: Sequence[float]) -> dict[str, int]:
    """The highest grade of each item."""
    found: dict[str, int] = {}
    for item, grade in zip(items, grades, strict=True):
        if float(grade) != int(grade):
            raise DataError("is a gain that TREC files can't hold; they take whole numbers only.", value=grade)
        word = _word(item)
        found[word] = max(found.get(word, 0), int(grade))
    return found


def _distinct(items: Sequence[str]) -> list[str]:
    """The items as words; one that comes again gets a number, which makes it another."""
    seen: dict[str, int] = {}
    words = []
    for item in map(_word, items):
        seen[item] = seen.get(item, 0) + 1
        words.append(item if seen[item] == 1 else f"{item}%7Erepeat{seen[item]}")
    return words


def _word(value: Any) -> str:
    return quote(str(value), safe=_SAFE) or NOBODY
