"""A tagger's settings from the command line: NAME=VALUE pairs, checked against its config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from engine.errors import SettingsError, UnknownNameError, shown
from engine.tags.registry import TAGGERS


def config_of(model: str, pairs: Sequence[str]) -> Any:
    """The config of `model` with `pairs` in place of its defaults.

    Raises UnknownNameError for a setting that it doesn't have, SettingsError for a value of another type.
    """
    kind = TAGGERS.load(model).Config
    defaults = {field.name: field.default for field in fields(kind)}
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in defaults:
            raise UnknownNameError(f"setting of {model}", name, defaults)
        try:
            chosen[name] = type(defaults[name])(text)
        except ValueError:
            wanted = {"int": "a whole number", "float": "a number"}[type(defaults[name]).__name__]
            raise SettingsError(f"{name} is {shown(text)}; it must be {wanted}.") from None
    return kind(**chosen)
