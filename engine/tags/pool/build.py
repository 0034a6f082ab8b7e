"""Pools: the tags of each category with the number of SKUs that have them, and the maps that consolidation makes.

`pools/raw.json` and `pools/consolidated.json` lie in the workspace; Lamoda's CSV files are written by lamoda_files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.atomic import write_json
from engine.errors import DataError, NotBuiltError, SettingsError, shown
from engine.tags.pool.quality import tidy
from engine.workspace import Workspace

RAW, CONSOLIDATED = "pools/raw.json", "pools/consolidated.json"
FREE_SOURCES = ("llm", "extracted", "import")
Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Pool:
    """One category's tags after consolidation.

    mapping: every old tag that stays, and the new tag that stands for it (itself, often)
    dropped: every old tag that goes, and why
    counts:  the new tags and how many assignments of old ones they take over, most first
    """

    mapping: dict[str, str]
    dropped: dict[str, str]
    counts: dict[str, int]


def free_source(workspace: Workspace, source: str | None = None) -> str:
    """The source of the free tags to pool: the one named, else the one of llm, extracted, import with most rows.

    Raises SettingsError when the workspace has no tags of it.
    """
    rows = workspace.read("tags", ["source"])["source"].value_counts()
    wanted = [source] if source else [name for name in FREE_SOURCES if name in rows.index]
    found = [name for name in wanted if name in rows.index]
    if not found:
        missing = f"source {shown(source)}" if source else "llm, extracted or import"
        raise SettingsError(
            f"Workspace {workspace.name} has no tags of {missing}; make some: .venv/bin/python scripts/generate_tags.py"
        )
    return max(found, key=lambda name: int(rows[name]))


def count_tags(workspace: Workspace, source: str) -> Counts:
    """For each category, its different tags (tidied) and the number of SKUs that have each, most first."""
    tags = workspace.read("tags", ["item_id", "tag", "source"])
    categories = workspace.read("items", ["item_id", "category"]).set_index("item_id")["category"]
    chosen = tags[(tags["source"] == source) & tags["item_id"].isin(categories.index)]
    pairs = {(item, tidy(tag)) for item, tag in zip(chosen["item_id"], chosen["tag"], strict=True)}
    counts: dict[str, Counter[str]] = {}
    for item, tag in pairs:
        counts.setdefault(str(categories[item]), Counter())[tag] += 1
    return {category: most_first(found) for category, found in sorted(counts.items())}


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """`counts` by falling count, then by tag."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def save_raw(workspace: Workspace, source: str, counts: Counts) -> Path:
    """Keep the raw pools of `source`; the file."""
    path = workspace.path / RAW
    write_json(path, {"source": source, "tags": counts})
    return path


def load_raw(workspace: Workspace) -> tuple[str, Counts]:
    """The source and the raw pools kept. Raises NotBuiltError with the command, DataError for a damaged file."""
    read = _read(
        workspace.path / RAW, "The raw pool", f".venv/bin/python scripts/build_tag_pool.py --workspace {workspace.name}"
    )
    return str(read["source"]), {category: dict(tags) for category, tags in read["tags"].items()}


def save_pools(workspace: Workspace, made_by: str, pools: Mapping[str, Pool]) -> Path:
    """Keep consolidated pools and who named them; the file."""
    path = workspace.path / CONSOLIDATED
    write_json(path, {"made_by": made_by, "pools": {category: asdict(pool) for category, pool in pools.items()}})
    return path


def load_pools(workspace: Workspace) -> dict[str, Pool]:
    """The consolidated pools. Raises NotBuiltError with the command, DataError for a damaged file."""
    command = f".venv/bin/python scripts/consolidate_tags.py --workspace {workspace.name}"
    read = _read(workspace.path / CONSOLIDATED, "The consolidated pool", command)
    return {category: Pool(**pool) for category, pool in read["pools"].items()}


def follow(mapping: Mapping[str, str], *, prefer: Iterable[str] = ()) -> dict[str, str]:
    """`mapping` with every chain followed to its end (a -> b -> c gives a -> c, b -> c).

    A circle ends at its one member that is in `prefer`, else at the alphabetically first.
    """
    preferred = set(prefer)
    ends: dict[str, str] = {}
    for start in mapping:
        path = [start]
        while path[-1] not in ends and path[-1] in mapping and mapping[path[-1]] not in path:
            path.append(mapping[path[-1]])
        last = path[-1]
        if last in ends:
            end = ends[last]
        elif last in mapping and mapping[last] != last:
            circle = path[path.index(mapping[last]) :]
            end = min(circle, key=lambda tag: (tag not in preferred, tag))
        else:
            end = last
        ends.update(dict.fromkeys((tag for tag in path if tag in mapping), end))
    return ends


def _read(path: Path, what: str, command: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise NotBuiltError(what, command) from None
    except ValueError as error:
        raise DataError(f"isn't JSON any more ({error}); make it again: {command}", file=path) from None
