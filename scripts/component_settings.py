"""A model's settings from the command line: NAME=VALUE pairs, checked against its config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from engine.errors import SettingsError, UnknownNameError, shown
from engine.registry import Registry


def config_of(registry: Registry, model: str, pairs: Sequence[str]) -> Any:
    """The config of `model` with `pairs` in place of its defaults; "none" is nothing where that is allowed.

    Raises UnknownNameError for a setting that it doesn't have, SettingsError for a value of another type.
    """
    kind = registry.load(model).Config
    names = [field.name for field in fields(kind)]
    types = get_type_hints(kind)
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in names:
            raise UnknownNameError(f"setting of {model}", name, names)
        chosen[name] = _value(name, text, types[name])
    return kind(**chosen)


def _value(name: str, text: str, type_: Any) -> Any:
    options = [option for option in get_args(type_) if option is not type(None)] or [type_]
    if text.lower() == "none" and type(None) in get_args(type_):
        return None
    try:
        return options[0](text)
    except ValueError:
        wanted = {"int": "a whole number", "float": "a number"}[options[0].__name__]
        raise SettingsError(f"{name} is {shown(text)}; it must be {wanted}.") from None
