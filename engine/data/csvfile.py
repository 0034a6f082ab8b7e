"""CSV files row by row: quoting, line numbers, and everything that can be wrong with a row or a header."""

from __future__ import annotations

import csv
import difflib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from engine.data.base import ImportReport
from engine.data.textfile import MAX_CELL, NUL_REASON, TOO_LONG_REASON, byte_lines, decoded
from engine.errors import DataError, shown

DELIMITERS = ",;\t|"


def csv_rows(
    path: Path,
    report: ImportReport,
    *,
    delimiter: str = ",",
    required: Sequence[str] = (),
    fallback: str | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, record) of a CSV file with a header; `line` is the physical line where the record starts.

    Reads UTF-8 with or without a byte order mark, lines that end in LF or CRLF, plain or .gz. Counts every record in
    `report.read`; ragged or badly quoted records, NUL bytes and cells over MAX_CELL are rejected with their line, and
    reading goes on with the next line. Lines that aren't UTF-8 are read in the encoding `fallback`, for formats known
    to come in an older one. Raises DataError when the file is missing, empty, not UTF-8, or lacks a `required` column.
    """
    csv.field_size_limit(MAX_CELL)
    records = _records(path, report, delimiter, fallback)
    line, header = next(records, (1, []))
    names = _checked_header(path, header, line)
    require_columns(path, names, required)
    for line, fields in records:
        if len(fields) == len(names):
            yield line, dict(zip(names, fields, strict=True))
        else:
            few = "too few" if len(fields) < len(names) else "too many"
            report.reject(f"{few} fields: the header has {len(names)}", file=str(path), line=line, value=len(fields))


def csv_header(path: Path, *, delimiter: str = ",") -> list[str]:
    """The column names of a CSV file. Raises DataError as `csv_rows` does."""
    line, header = next(_records(path, ImportReport(), delimiter, None), (1, []))
    return _checked_header(path, header, line)


def detect_delimiter(path: Path) -> str:
    """The delimiter that occurs most often in the header line, a comma when none does."""
    first = decoded(next(byte_lines(path)), path, 1)
    return max(DELIMITERS, key=first.count)


def require_columns(path: Path, present: Sequence[str], required: Iterable[str]) -> None:
    """Raise DataError naming every `required` column that isn't there, what is there, and what looks like it."""
    missing = [name for name in required if name not in present]
    if missing:
        raise DataError(f"lacks {'; '.join(_hinted(name, present) for name in missing)}; {_listed(present)}", file=path)


class _Lines:
    """Decoded lines for csv.reader, which remember the current record so that a broken one can be read again."""

    def __init__(self, path: Path, fallback: str | None) -> None:
        self._path, self._fallback, self._source = path, fallback, enumerate(byte_lines(path), start=1)
        self._again: deque[str] = deque()
        self.number = 0
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self.number += 1
        self.record.append(line)
        return line

    def _read(self) -> str:
        number, line = next(self._source)
        return decoded(line, self._path, number, self._fallback)

    def give_up_record(self) -> None:
        """Drop only the first line of the current record: a quote that isn't closed must not swallow the next rows."""
        self._again.extendleft(reversed(self.record[1:]))
        self.number -= len(self.record) - 1


def _records(path: Path, report: ImportReport, delimiter: str, fallback: str | None) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of every well-formed record, the header first; the others are rejected."""
    lines = _Lines(path, fallback)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    is_header = True
    while True:
        lines.record.clear()
        start = lines.number + 1
        try:
            fields = next(reader)
            reason = NUL_REASON if any("\0" in line for line in lines.record) else None
        except StopIteration:
            return
        except csv.Error as error:
            fields, reason = [""], _reason(error)
            lines.give_up_record()
        if is_header and reason:
            if "\r" in lines.record[0].removesuffix("\n").removesuffix("\r"):
                reason = "its lines end in CR alone, as on old Macs; save it with LF line ends"
            raise DataError(f"has a header that can't be read: {reason}", file=path, line=start)
        if not fields:  # a blank line
            continue
        report.read += not is_header
        is_header = False
        if reason:
            report.reject(reason, file=str(path), line=start)
        else:
            yield start, fields


def _reason(error: csv.Error) -> str:
    if "field larger than field limit" in str(error):
        return f"{TOO_LONG_REASON}, or a quote is never closed"
    if "unexpected end of data" in str(error):
        return "a quote is never closed"
    return "a quote is neither closed nor doubled, or a line end stands outside quotes"


def _checked_header(path: Path, header: Sequence[str], line: int) -> list[str]:
    names = [name.strip() for name in header]
    if not any(names):
        raise DataError("is empty: it has no header", file=path)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError("occurs more than once in the header; name each column once", file=path, line=line, value=name)
    return names


def _hinted(name: str, present: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
    return f"column {shown(name)}" + (f" (is it {shown(near[0])}?)" if near else "")


def _listed(present: Sequence[str]) -> str:
    return f"it has {', '.join(map(shown, present[:30]))}" + (", …" if len(present) > 30 else "")
