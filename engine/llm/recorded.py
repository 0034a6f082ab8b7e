"""Answers that were recorded before, for showing the steps that ask an LLM where none can be asked.

A recording is a JSON file of kept answers, each under the hash of its very request, so an answer can't stand for
another question. Who answered is told wherever one is shown: a model by its name, or a scripted stand-in, which is no
model. Recorded answers are kept apart from a workspace's own: a client that asks live never takes them for its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from engine.atomic import atomic_path
from engine.errors import DataError
from engine.llm.prompts import FOLDER, load_prompt
from engine.state import State

MODEL, STAND_IN = "model", "stand-in"  # what answered
FORMAT = 1
MOST_BYTES = 32 * 1024 * 1024  # of a file
_COLUMNS = ("key", "prompt", "model", "answer", "tokens_in", "tokens_out", "created")
_OWN = f"SELECT {', '.join(_COLUMNS)} FROM answers WHERE recorded = '' ORDER BY prompt, key"
_KEEP = f"INSERT OR IGNORE INTO answers ({', '.join(_COLUMNS)}, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_MADE = """
SELECT model, recorded, max(created) FROM answers WHERE recorded != '' AND prompt = ?
GROUP BY model, recorded ORDER BY max(created) DESC, model
"""
_KEY, _DAY = re.compile(r"[0-9a-f]{64}"), re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Recording:
    """Who gave recorded answers: the model asked for, whether it was one (`by`), and the day of the newest."""

    model: str
    by: str
    day: str

    @property
    def who(self) -> str:
        """Who answered, in words for the screen."""
        return f"LLM {self.model}" if self.by == MODEL else "Scripted stand-in for an LLM"

    @property
    def words(self) -> str:
        """What an answer is, in words for the screen."""
        if self.by == MODEL:
            return f"recorded answer of {self.model}, {self.day}"
        return f"recorded {self.day}; no model was asked"


def recordings(state: State, prompt: str) -> list[Recording]:
    """Who gave recorded answers to the prompt of that id, the newest first."""
    return [Recording(model, by, str(created)[:10]) for model, by, created in state.read(_MADE, (prompt,))]


def recorded_answer(state: State, key: str) -> dict[str, Any] | None:
    """The answer recorded under a request's key, or None."""
    rows = state.read("SELECT answer FROM answers WHERE key = ? AND recorded != ''", (key,))
    return dict(orjson.loads(rows[0][0])) if rows else None


def save_answers(state: State, path: Path, by: str) -> int:
    """Write a workspace's own kept answers as a recording to `path`, atomically; how many.

    by: MODEL, or STAND_IN where what answered was a script.
    """
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in state.read(_OWN)]
    answers = [{**row, "answer": orjson.loads(row["answer"])} for row in rows]
    lines = b",\n".join(orjson.dumps(one) for one in answers)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b'{"format": %d, "by": "%s", "answers": [\n%s\n]}\n' % (FORMAT, by.encode(), lines))
    return len(answers)


def load_answers(state: State, path: Path) -> int:
    """Take over the recording at `path`; how many of its answers fit the prompts as they are now.

    Those to other versions of a prompt are passed over. Raises DataError for a file that is no recording, and for an
    answer that doesn't fit its prompt's schema.
    """
    found = _read(path)
    rows = []
    for place, one in enumerate(found["answers"], start=1):
        if not _well_formed(one):
            raise DataError(f"Answer {place} isn't one of a recording.", file=path)
        name = one["prompt"].partition("@")[0]
        if not (FOLDER / f"{name}.md").is_file() or load_prompt(name).id != one["prompt"]:
            continue
        for misfit in Draft202012Validator(load_prompt(name).schema).iter_errors(one["answer"]):
            raise DataError(f"Answer {place} doesn't fit {one['prompt']}: {misfit.message[:200]}.", file=path)
        values = {**one, "answer": orjson.dumps(one["answer"]).decode()}
        rows.append((*(values[column] for column in _COLUMNS), found["by"]))
    state.write(_KEEP, rows)
    return len(rows)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"The file is larger than {MOST_BYTES:,} bytes.", file=path)
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror}).", file=path) from None
    except orjson.JSONDecodeError as error:
        raise DataError(f"The file isn't JSON ({error}).", file=path) from None
    known = isinstance(found, dict) and found.get("format") == FORMAT and found.get("by") in (MODEL, STAND_IN)
    if not known or not isinstance(found.get("answers"), list):
        raise DataError("The file is no recording of answers; scripts/freeze_answers.py makes one.", file=path)
    return dict(found)


def _well_formed(one: Any) -> bool:
    if not isinstance(one, Mapping) or set(one) != set(_COLUMNS) or not isinstance(one["answer"], dict):
        return False
    if not all(isinstance(one[name], str) for name in ("key", "prompt", "model", "created")):
        return False
    counted = all(isinstance(one[name], int) and one[name] >= 0 for name in ("tokens_in", "tokens_out"))
    named = re.fullmatch(r"[a-z_]+@\d+", one["prompt"]) and len(one["model"]) <= 200
    return bool(counted and named and _KEY.fullmatch(one["key"]) and _DAY.fullmatch(one["created"]))
