"""Every error that a person may see, in one tree.

The message of each is one clear sentence with the value, the place and the way out. Pages and scripts show it as it
is; anything that is not a ShelfwiseError is a bug and keeps its traceback.

    ShelfwiseError
    ├── SettingsError        an environment variable or an option can't be used
    ├── UnknownNameError     a name that isn't in a table of names; carries the nearest one
    ├── DataError            a file or a value in it can't be used; carries file, line, column and value
    ├── WorkspaceError       a workspace is missing, corrupt or of a newer version
    │   └── NotBuiltError    a table or an artifact isn't there yet; carries the command that makes it
    ├── ArtifactError        a model folder is damaged, or was made for something else
    ├── StorageError         the disk is full, read-only, or another process holds the lock
    ├── LlmError             an LLM endpoint can't be used or doesn't answer
    │   ├── AnswerError      it answered, and what it said can't be used even after one repair
    │   └── BudgetError      the next request would pass the token budget
    ├── WatchingError        the Prometheus that the page on the service asks doesn't answer, or not as it should
    └── MissingExtraError    a library that a chosen part needs isn't installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

MAX_SHOWN_VALUE = 80


def shown(value: object) -> str:
    """`value` quoted for a message: one line, at most 80 characters, control characters made visible."""
    text = repr(str(value))
    return text if len(text) <= MAX_SHOWN_VALUE else f"{text[: MAX_SHOWN_VALUE - 1]}…{text[0]}"


def counted(n: int, noun: str) -> str:
    """`n` of `noun`, whose plural adds an s: "1 SKU", "1,200 SKUs"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


class ShelfwiseError(Exception):
    """Base of all errors whose message is meant for the person at the screen."""


class SettingsError(ShelfwiseError):
    """An environment variable or an option holds something that can't be used."""


class UnknownNameError(ShelfwiseError):
    """`name` is not one of `known`; `nearest` is the closest known name, or None.

    labels: what people know the names by, where that is something else; `nearest_label` is that of the nearest.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, labels: Mapping[str, str] | None = None) -> None:
        self.kind, self.name, self.known, labels = kind, name, sorted(known), labels or {}
        matches = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        self.nearest = matches[0] if matches else None
        self.nearest_label = labels.get(self.nearest, self.nearest) if self.nearest else None
        listed = ", ".join(labels.get(one, one) for one in self.known[:12]) + (", …" if len(self.known) > 12 else "")
        hint = f"did you mean {shown(self.nearest_label)}?" if self.nearest else f"known: {listed or 'none yet'}."
        super().__init__(f"There is no {kind} named {shown(name)}; {hint}")


class DataError(ShelfwiseError):
    """A file, or a value in it, can't be used. The place is put in front of the reason."""

    def __init__(
        self,
        reason: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: str | None = None,
        value: object = None,
    ) -> None:
        self.reason, self.file, self.line, self.column, self.value = reason, file, line, column, value
        place = [str(file)] if file is not None else []
        place += [f"line {line}"] if line is not None else []
        place += [f"column {shown(column)}"] if column is not None else []
        said = f"{shown(value)} {reason}" if value is not None else reason
        super().__init__(f"{', '.join(place)}: {said}" if place else said)


class WorkspaceError(ShelfwiseError):
    """A workspace is missing, corrupt or of a newer version."""


class NotBuiltError(WorkspaceError):
    """`what` isn't there yet; `command` makes it."""

    def __init__(self, what: str, command: str) -> None:
        self.what, self.command = what, command
        super().__init__(f"{what} isn't built yet; build it with: {command}")


class ArtifactError(ShelfwiseError):
    """A model folder is damaged, incomplete or was made for something else."""


class StorageError(ShelfwiseError):
    """The disk is full or read-only, or another process holds the lock."""


class LlmError(ShelfwiseError):
    """An LLM endpoint can't be used, or doesn't answer."""


class AnswerError(LlmError):
    """The endpoint answered one request, and the answer can't be used even after one repair."""


class BudgetError(LlmError):
    """The next request would pass the token budget; nothing was sent."""


class WatchingError(ShelfwiseError):
    """A Prometheus that was named can't be asked, or what it says can't be used."""


class MissingExtraError(ShelfwiseError):
    """A chosen part needs a library that isn't installed; the message names the command that installs it."""

    def __init__(self, part: str, module: str, extra: str | None = None) -> None:
        target = f"-e '.[{extra}]'" if extra else module
        super().__init__(f"{part} needs {module}, which isn't installed: pip install {target} -c constraints.txt")
