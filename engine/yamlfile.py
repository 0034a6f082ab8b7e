"""YAML files as plain values and the line of each key: read safely, sizes capped, repeated keys and aliases refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import DataError, SettingsError, shown
from engine.typed import Where

MOST_BYTES = 256 * 1024
Keys = tuple[str, ...]


def read_yaml(path: Path) -> tuple[dict[str, Any], Where]:
    """The values of a YAML file and where they stand; an empty file has none.

    Raises DataError with file and line when it can't be read, isn't YAML, repeats a key, points from one place to
    another, or holds no keys with values.
    """
    import yaml

    text = _text(path)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise DataError("refers to another place with *; write the value out.", file=path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise DataError(f"this isn't YAML: {error.problem or error.context}.", file=path, line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"this isn't YAML: {' '.join(str(error).split())}.", file=path) from None
    except RecursionError:
        raise DataError("its values are nested too deeply.", file=path) from None
    if values is None:
        return {}, Where(path)
    if not isinstance(values, dict):
        raise DataError("it must hold keys with values, such as `smote:` and below it `how: smote`.", file=path)
    lines: dict[Keys, int] = {}
    _find_lines(node, (), lines, path)
    return values, Where(path, lines)


def override(values: Mapping[str, Any], where: Where, pairs: Iterable[str]) -> tuple[dict[str, Any], Where]:
    """`values` with those of `pairs`, such as "smote.how=none", put in or replaced.

    Raises SettingsError for a pair without "=" or without keys.
    """
    changed, given = _copied(values), set(where.set)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        keys = tuple(name.strip().split("."))
        if not equals or not all(keys):
            raise SettingsError(f"--set is {shown(pair)}; give a key and its value, such as smote.how=none.")
        _put(changed, keys, text.strip())
        given.add(keys)
    return changed, Where(where.file, where.lines, where.keys, frozenset(given))


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"it has {size:,} bytes; a configuration has at most {MOST_BYTES:,}.", file=path)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError("it isn't text in UTF-8.", file=path) from None
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else f"it can't be read ({error})"
        raise DataError(f"{reason}; configurations are in configs/.", file=path) from None


def _find_lines(node: Any, keys: Keys, lines: dict[Keys, int], path: Path) -> None:
    """Fill `lines` with the line of each key below `node`."""
    if node.id != "mapping":
        return
    for key, value in node.value:
        here, line = (*keys, str(key.value)), key.start_mark.line + 1
        if here in lines:
            reason = f"stands in line {lines[here]} already; keep one of the two."
            raise DataError(reason, file=path, line=line, value=".".join(here))
        lines[here] = line
        _find_lines(value, here, lines, path)


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _put(values: dict[str, Any], keys: Sequence[str], text: str) -> None:
    for key in keys[:-1]:
        inner = values.get(key)
        values[key] = inner if isinstance(inner, dict) else {}
        values = values[key]
    values[keys[-1]] = text
