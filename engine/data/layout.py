"""Which file of a data set is which: by the names that its publisher gave them, in a folder or one by one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from engine.data.csvfile import require_columns
from engine.errors import DataError, shown


def find_files(
    paths: Sequence[Path], known: Mapping[str, Sequence[str]], *, otherwise: str | None = None
) -> dict[str, list[Path]]:
    """The files that `paths` name, by role; every role of `known` (role -> name patterns) has a list.

    A folder stands for the files in it that match a pattern; where a file is there both plain and as .gz, the plain
    one counts. A named file that matches none has the role `otherwise`. Raises DataError for a path that doesn't
    exist, a folder without known files, and a file without a role.
    """
    found: dict[str, list[Path]] = {role: [] for role in known}
    for path in paths:
        if path.is_dir():
            _expand(path, known, found)
            continue
        role = _role(path.name, known) or otherwise
        if not path.exists():
            raise DataError(f"does not exist{_nearby(path)}", file=path)
        if role is None:
            raise DataError(f"has none of the known names: {_names(known)}; rename it or name its folder", file=path)
        found[role].append(path)
    return {role: list(dict.fromkeys(files)) for role, files in found.items()}


def renamed(
    path: Path,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    names: Mapping[str, str],
    required: Sequence[str],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """`rows` with the columns in `names` called by their new name: releases of one data set differ in them.

    Raises DataError when a `required` column (by its new name) isn't among those of the first row.
    """
    for index, (line, record) in enumerate(rows):
        values = {names.get(name, name): value for name, value in record.items()}
        if not index:
            require_columns(path, list(values), required)
        yield line, values


def _expand(folder: Path, known: Mapping[str, Sequence[str]], found: Mapping[str, list[Path]]) -> None:
    files = {file.name: file for file in sorted(folder.iterdir()) if file.is_file()}
    fitting = [
        (role, file)
        for name, file in files.items()
        if (role := _role(name, known)) and not (name.endswith(".gz") and name.removesuffix(".gz") in files)
    ]
    if not fitting:
        raise DataError(f"holds none of the known files: {_names(known)}", file=folder)
    for role, file in fitting:
        found[role].append(file)


def _role(name: str, known: Mapping[str, Sequence[str]]) -> str | None:
    plain = name.lower().removesuffix(".gz")
    matches = (role for role, patterns in known.items() for pattern in patterns if fnmatchcase(plain, pattern))
    return next(matches, None)


def _names(known: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(pattern for patterns in known.values() for pattern in patterns)


def _nearby(path: Path) -> str:
    names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; is it {shown(near[0])}?" if near else ""
