"""A model's settings from the command line: NAME=VALUE pairs, checked against its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.registry import Registry
from engine.typed import build


def config_of(registry: Registry, model: str, pairs: Sequence[str]) -> Any:
    """The config of `model` with `pairs` in place of its defaults; "none" is nothing where that is allowed.

    Raises UnknownNameError for a setting that it doesn't have, SettingsError for a value of another type.
    """
    given = dict(pair.partition("=")[::2] for pair in pairs)
    return build(registry.load(model).Config, given, what=f"setting of {model}")
