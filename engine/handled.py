"""What of the rescue queue is done: marks that people set and take back, kept as a log."""

from __future__ import annotations

from dataclasses import dataclass

from engine.decisions import MAX_WHO, clean
from engine.state import FILE, State
from engine.workspace import Workspace

_CURRENT = """
SELECT key, who, decided FROM handled WHERE id IN (SELECT max(id) FROM handled GROUP BY key) AND handled = 1
"""


@dataclass(frozen=True)
class Mark:
    """Who handled something, and when (UTC, ISO)."""

    who: str
    decided: str


@dataclass(frozen=True)
class Handled:
    """The marks of one workspace."""

    workspace: Workspace

    def mark(self, key: str, *, who: str, handled: bool = True) -> None:
        """Say that what `key` names is handled, or that it isn't any more."""
        with State.open(self.workspace) as state:
            row = (key, int(handled), clean(who, "name", MAX_WHO))
            state.write("INSERT INTO handled (key, handled, who) VALUES (?, ?, ?)", [row])

    def current(self) -> dict[str, Mark]:
        """The keys that are handled."""
        if not (self.workspace.path / FILE).exists():  # looking at a workspace doesn't make its state
            return {}
        with State.open(self.workspace) as state:
            return {key: Mark(who, decided) for key, who, decided in state.read(_CURRENT)}
