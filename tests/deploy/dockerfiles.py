"""What a Dockerfile says, line by line."""

from __future__ import annotations

import re
from pathlib import Path


def lines(file: Path) -> list[tuple[str, str]]:
    """(instruction, its words) of the whole file, without comments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [
        (word.upper(), words)
        for word, _, words in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def stages(file: Path) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, its FROM first, by its name; the last one without a name is ""."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, words in lines(file):
        if word == "FROM":
            name = re.search(r"\sAS\s+(\S+)", words, re.IGNORECASE)
            found[name[1] if name else ""] = current = []
        if found:
            current.append((word, words))
    return found


def instructions(file: Path, target: str | None = None) -> list[tuple[str, str]]:
    """What makes the image of `target` (default: the last stage), with the stages that it is built on."""
    every = stages(file)
    name: str | None = target if target is not None else list(every)[-1]
    made: list[tuple[str, str]] = []
    while name in every:
        made = [*every[name], *made]
        name = every[name][0][1].split()[0]
    return made
