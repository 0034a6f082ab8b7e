"""Prompts as files: a version, what the model is told, how the data is put to it, and the schema of its answer.

`prompts/<name>.md` has a line "version: N", then the sections "# System", "# User" and "# Schema". "{{field}}" in the
user's part is replaced by data; whoever changes a word counts the version up, so that no answer to the old words is
taken for one to the new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "prompts"
_PARTS = re.compile(
    r"version: (?P<version>\d+)\s+# System\s+(?P<system>.*?)\s+# User\s+(?P<user>.*?)\s+"
    r"# Schema\s+```json\s+(?P<schema>.*?)```\s*",
    re.DOTALL,
)
_FIELD = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Prompt:
    """One prompt file. `schema` is the JSON schema that every answer must fit."""

    name: str
    version: int
    system: str
    user: str
    schema: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Name and version, as answers are filed under."""
        return f"{self.name}@{self.version}"

    def messages(self, values: Mapping[str, Any]) -> list[dict[str, str]]:
        """The chat messages with `values` in the fields, each as JSON: data can't close its own quotes."""
        filled = _FIELD.sub(lambda match: json.dumps(values[match[1]], ensure_ascii=False), self.user)
        return [{"role": "system", "content": self.system}, {"role": "user", "content": filled}]


@cache
def load_prompt(name: str) -> Prompt:
    """The prompt called `name`. Raises ValueError when the file isn't laid out as this module says: that is a bug."""
    match = _PARTS.fullmatch((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"prompts/{name}.md lacks its version, # System, # User or # Schema")
    return Prompt(name, int(match["version"]), match["system"], match["user"], json.loads(match["schema"]))
