"""The lists of words that opinion phrases are made of (opinions.json)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from engine.tags.pool.roots import root
from engine.text import stem


@cache
def listed(group: str, *, stems: bool = False) -> frozenset[str]:
    """The words of a group, or the stems of them."""
    words = str(_read()[group]).split()
    return frozenset(map(stem, words) if stems else words)


@cache
def fixed() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Tags that many turns of phrase say, each with the pattern of these, in the order in which they are looked for."""
    return tuple((tag, re.compile(rf"\b(?:{pattern})\b")) for tag, pattern in _read()["fixed"].items())


def denied(tag: str) -> str | None:
    """What the denial of a fixed tag is called; None when it says nothing that is worth a tag."""
    named: dict[str, str] = _read()["denied"]
    return named.get(tag)


@cache
def roots_of_group(group: str) -> frozenset[str]:
    """The roots of the words of a group."""
    return frozenset(map(root, listed(group)))


@cache
def _read() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(__file__).with_name("opinions.json").read_text(encoding="utf-8"))
    return read
