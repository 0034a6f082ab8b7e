"""The contract of readers: raw files in, rows of canonical tables out, nothing lost without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from engine.errors import DataError

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Row:
    """One raw row for `table`: values by column name as the file has them, and where they stood.

    Values may still be text; `engine.data.validate` turns them into the schema's types or rejects the row.
    """

    table: str
    values: Mapping[str, Any]
    file: str
    line: int


@dataclass
class ImportReport:
    """What an import saw: rows read, rows kept per table, and rows rejected per reason with the first few places."""

    read: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def reject(
        self, reason: str, *, file: str, line: int | None = None, column: str | None = None, value: object = None
    ) -> None:
        """Count one rejected row under `reason`, keeping the place of the first few."""
        self.rejected[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(str(DataError(reason, file=file, line=line, column=column, value=value)))


class Reader(Protocol):
    """Streams the rows of one file format. Memory must not grow with the file's size."""

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Yield the rows of `paths` in order.

        Counts every data row in `report.read`, and those it can't even parse in `report.reject`. Raises DataError for
        what concerns a whole file: it is missing, empty, in another encoding, or lacks columns.
        """
        ...
