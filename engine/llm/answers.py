"""Answers kept by what was asked, so that nothing is paid for twice; and the check of what a model says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from engine.errors import AnswerError
from engine.llm.prompts import Prompt
from engine.state import State

MAX_ANSWER = 64 * 1024  # characters; a longer answer is no answer
MAX_TOLD = 200  # characters of a validation message that go back to the model


def parse_answer(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that `text` holds, perhaps with a fence or a sentence around it.

    Raises AnswerError saying what is wrong, in words that the model itself can use.
    """
    if len(text) > MAX_ANSWER:
        raise AnswerError(f"The answer is longer than {MAX_ANSWER:,} characters.")
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise AnswerError("The answer holds no JSON object.")
    try:
        value = orjson.loads(text[start : end + 1])
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"The answer isn't JSON: {str(error)[:MAX_TOLD]}.") from None
    for misfit in Draft202012Validator(schema).iter_errors(value):
        raise AnswerError(f"The answer doesn't fit the schema: {misfit.message[:MAX_TOLD]}.")
    return dict(value)


class Answers:
    """The answers kept in a workspace's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    @staticmethod
    def key(prompt: Prompt, values: Mapping[str, Any], model: str, output_tokens: int) -> str:
        """The hash of a request: model, messages, parameters."""
        asked = {"model": model, "messages": prompt.messages(values), "schema": prompt.schema}
        text = json.dumps(
            asked | {"temperature": 0, "output_tokens": output_tokens}, ensure_ascii=False, sort_keys=True
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer kept under `key`, or None; recorded ones, which others got, are no answers of this workspace."""
        rows = self._state.read("SELECT answer FROM answers WHERE key = ? AND recorded = ''", (key,))
        return dict(orjson.loads(rows[0][0])) if rows else None

    def put(self, key: str, prompt: Prompt, model: str, answer: Mapping[str, Any], tokens: tuple[int, int]) -> None:
        """Keep `answer`; it is on the disk when this returns."""
        values = (key, prompt.id, model, json.dumps(answer, ensure_ascii=False), *tokens)
        columns = "key, prompt, model, answer, tokens_in, tokens_out"
        self._state.write(f"INSERT OR REPLACE INTO answers ({columns}) VALUES (?, ?, ?, ?, ?, ?)", [values])
