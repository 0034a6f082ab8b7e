"""One check of a day's data: what was found, what is allowed, and what to do when it is too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["passed", "refused", "not judged", "accepted"]


@dataclass(frozen=True)
class Check:
    """What was found.

    value, limit: in the check's own unit; words: for people; rows: some of those behind it; advice: what to do when it
    is refused; by_person: whether a person may let it pass.
    """

    name: str
    verdict: Verdict
    value: float | None
    limit: float | None
    words: str
    rows: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    advice: str = ""
    by_person: bool = True


def judged(
    name: str,
    refused: bool,
    words: str,
    *,
    value: float | None = None,
    limit: float | None = None,
    rows: Sequence[Mapping[str, Any]] = (),
    advice: str = "",
    by_person: bool = True,
) -> Check:
    """A check that was made."""
    verdict: Verdict = "refused" if refused else "passed"
    return Check(name, verdict, value, limit, words, rows if refused else (), advice, by_person)


def not_judged(name: str, why: str) -> Check:
    """A check that couldn't be made, and why."""
    return Check(name, "not judged", None, None, why)
