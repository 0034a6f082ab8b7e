"""JSON: files with one object per line, and lists that are kept as text in a cell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from engine.data.base import ImportReport
from engine.data.textfile import MAX_CELL, TOO_LONG, TOO_LONG_REASON, byte_lines, decoded
from engine.errors import DataError


def json_lines(path: Path, report: ImportReport) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object) of a file with one JSON object per line, plain or .gz.

    Older dumps hold Python literals instead ({'asin': 'B0'}), which are read too, never evaluated. Counts every line
    that isn't blank in `report.read` and rejects those that hold no object. Raises DataError when the file is missing,
    empty, not UTF-8, or one JSON array.
    """
    for number, line in enumerate(byte_lines(path), start=1):
        if line.isspace():
            continue
        if number == 1 and line.lstrip().startswith(b"["):
            raise DataError(
                "is a JSON array; write one object per line, for example with jq -c '.[]'", file=path, line=1
            )
        report.read += 1
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = _literal(decoded(line, path, number))
        if isinstance(record, dict):
            yield number, record
        elif line is TOO_LONG:
            report.reject(TOO_LONG_REASON, file=str(path), line=number)
        else:
            report.reject(
                "is not a JSON object", file=str(path), line=number, value=line[:200].decode("utf-8", "replace")
            )


def list_from_text(text: str) -> list[Any]:
    """The list that `text` writes as JSON or as Python; text that doesn't start with "[" is a list of itself.

    Raises ValueError when it starts like a list and isn't one.
    """
    if not text.lstrip().startswith("["):
        return [text]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _literal(text)
    if not isinstance(value, list):
        raise ValueError("starts like a list and isn't one")
    return value


def _literal(text: str) -> Any:
    """The Python literal that `text` writes, None when it writes none; nothing is evaluated."""
    if len(text) > MAX_CELL or not text.lstrip().startswith(("{'", "['", '["', '{"')):
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
