"""Variants as a table: a name, what it is in words, and where its class is, imported only when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engine.errors import MissingExtraError, UnknownNameError


@dataclass(frozen=True)
class Part:
    """One variant: `target` is "module:Class", `about` a line for people, `extra` the install group it needs."""

    target: str
    about: str
    extra: str | None = None


@dataclass(frozen=True)
class Registry:
    """The variants of one kind of thing, by name."""

    kind: str
    parts: Mapping[str, Part]

    def load(self, name: str) -> Any:
        """The class or function registered under `name`.

        Raises UnknownNameError with the nearest name, or MissingExtraError when a library it needs isn't installed.
        """
        if name not in self.parts:
            raise UnknownNameError(self.kind, name, self.parts)
        module, _, attribute = self.parts[name].target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "engine":
                raise
            raise MissingExtraError(f"{self.kind} {name}", error.name, self.parts[name].extra) from None
