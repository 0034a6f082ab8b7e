"""From plain values, as files and command lines give them, to frozen dataclasses: checked, and with the place named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from engine.errors import SettingsError, ShelfwiseError, UnknownNameError, shown

T = TypeVar("T")
_TRUE, _FALSE, _NOTHING = ("true", "yes", "on"), ("false", "no", "off"), ("none", "null", "~", "")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


def setting(default: Any, *, least: float | None = None, most: float | None = None, above: float | None = None) -> Any:
    """A dataclass field with this default whose numbers are `least` or more, `most` or less, more than `above`."""
    return field(default=default, metadata={"least": least, "most": most, "above": above})


@dataclass(frozen=True)
class Where:
    """Where a value stands: in which file (None: in none), at which line of it by key path, under which keys.

    set: key paths that the command line gave, whose place is there.
    """

    file: str | Path | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    set: frozenset[tuple[str, ...]] = frozenset()

    def at(self, key: str) -> Where:
        """The place of what stands under `key` here."""
        return Where(self.file, self.lines, (*self.keys, key), self.set)

    @property
    def name(self) -> str:
        """The keys as people write them: "models.lightgbm.rounds"."""
        return ".".join(self.keys)

    @property
    def place(self) -> str:
        """The file and the line, "--set" where the command line gave the value, empty where neither is known."""
        if self.keys in self.set:
            return "--set"
        line = self.lines.get(self.keys)
        return "" if self.file is None else f"{self.file}, line {line}" if line else f"{self.file}"

    def fail(self, value: object, wanted: str) -> NoReturn:
        """Raise SettingsError: the place, the key, its value and what is allowed there."""
        said = f"{self.name} is {shown(value)}; it must be {wanted}."
        raise SettingsError(f"{self.place}: {said}" if self.place else said)


def build(kind: type[T], values: Any, where: Where | None = None, *, what: str | None = None) -> T:
    """The dataclass `kind` with `values` in place of its defaults, those of nested dataclasses included.

    Numbers may be given as text, lists as text with commas, nothing as "none" where that is allowed. what: how keys
    are called in errors (default: "setting of <keys>"). Raises UnknownNameError for a key that `kind` doesn't have,
    SettingsError for a value of another type or outside its range, both with the place that `where` knows.
    """
    where = where or Where()
    if not isinstance(values, Mapping):
        where.fail(values, "keys with values")
    types, known = get_type_hints(kind), {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    chosen: dict[str, Any] = {}
    for key, value in values.items():
        here = where.at(str(key))
        if key not in known:
            unknown(what or f"setting of {where.name or 'the configuration'}", str(key), known, here)
        chosen[key] = _typed(types[key], value, here)
        _check_range(chosen[key], known[key].metadata, here)
    try:
        return kind(**chosen)
    except ShelfwiseError as error:
        if not where.place:
            raise
        raise SettingsError(f"{', '.join(filter(None, [where.place, where.name]))}: {error}") from None


def check(made: Any) -> None:
    """Raise SettingsError when a field of the dataclass `made` is of another type than it says, or outside its range.

    For a __post_init__, so that what is made in Python is checked like what is read from a file.
    """
    types = get_type_hints(type(made))
    for each in fields(made):
        here = Where().at(each.name)
        _check_range(_typed(types[each.name], getattr(made, each.name), here), each.metadata, here)


def unknown(what: str, name: str, known: Any, where: Where) -> NoReturn:
    """Raise UnknownNameError for `name` at `where`, with the nearest of `known`."""
    raise UnknownNameError(f"{what} ({where.place})" if where.place else what, name, known)


def _typed(type_: Any, value: Any, where: Where) -> Any:
    """`value` as `type_` has it."""
    origin, options = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        return _one_of(options, value, where)
    if origin is Literal:
        if value not in options:
            where.fail(value, "one of " + ", ".join(map(str, options)))
        return value
    if is_dataclass(type_) and isinstance(type_, type):
        return build(type_, value, where)
    if origin is tuple:
        return _sequence(options, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(options[1], value, where)
    return value if type_ is Any else _plain(type_, value, where)


def _one_of(options: Sequence[Any], value: Any, where: Where) -> Any:
    if NoneType in options and (value is None or (isinstance(value, str) and value.lower() in _NOTHING)):
        return None
    left = [option for option in options if option is not NoneType]
    for option in left[:-1]:
        try:
            return _typed(option, value, where)
        except SettingsError:
            continue
    return _typed(left[-1], value, where)


def _sequence(options: Sequence[Any], value: Any, where: Where) -> tuple[Any, ...]:
    parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        where.fail(value, "a list")
    if len(options) == 2 and options[1] is Ellipsis:
        return tuple(_typed(options[0], part, where) for part in parts)
    if len(parts) != len(options):
        where.fail(value, f"a list of {len(options)}")
    return tuple(_typed(option, part, where) for option, part in zip(options, parts, strict=True))


def _mapping(type_: Any, value: Any, where: Where) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        where.fail(value, "keys with values")
    return {str(key): _typed(type_, part, where.at(str(key))) for key, part in value.items()}


def _plain(type_: type, value: Any, where: Where) -> Any:
    """A truth value, a number, a text or a path."""
    if type_ is bool:
        text = str(value).lower()
        if text not in (*_TRUE, *_FALSE):
            where.fail(value, _WORDS[bool])
        return text in _TRUE
    if type_ in (int, float):
        return _number(type_, value, where)
    if isinstance(value, bool | list | Mapping) or value is None:
        where.fail(value, _WORDS.get(type_, f"of type {type_.__name__}"))
    return type_(value)


def _number(type_: type, value: Any, where: Where) -> float:
    """YAML reads 1e-3 as a text, so texts are read as numbers, too."""
    try:
        if isinstance(value, bool) or (type_ is int and isinstance(value, float)):
            raise ValueError
        number: float = type_(value)
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        where.fail(value, _WORDS[type_])
    return number


def _check_range(value: Any, limits: Mapping[str, Any], where: Where) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    least, most, above = (limits.get(name) for name in ("least", "most", "above"))
    said = [f"more than {above:g}"] if above is not None else []
    said += [f"{least:g} or more"] if least is not None else []
    said += [f"{most:g} or less"] if most is not None else []
    low = (least is not None and value < least) or (above is not None and value <= above)
    if low or (most is not None and value > most):
        where.fail(value, " and ".join(said))
