"""Which reviews documents are made of (train) and which ones ask for them (valid, test).

Reviews are split by global time cut-offs. Those without a time belong to train: they may serve documents, and never
ask, because nothing says that they came after what they would be asked of. Where fewer than half of the reviews have
a time, all are split by a keyed hash of their id. Memory doesn't grow with the number of reviews.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa

from engine.atomic import write_text
from engine.data.splits import (
    FRACTIONS,
    PARTS,
    Split,
    checked_cutoffs,
    checked_fractions,
    load_split,
    refuse_empty,
    rounded,
    save_split,
)
from engine.errors import DataError, NotBuiltError, SettingsError, UnknownNameError, WorkspaceError
from engine.search.streams import TableViews, table_views
from engine.settings import load_settings
from engine.workspace import Workspace

POINTER = "REVIEWS"  # in the workspace's folder of splits: the hash of the one that serves
COMMAND = ".venv/bin/python scripts/split_reviews.py --workspace {name}"
BY_HASH = "review"  # the method of a split by hash
COLUMNS = ("review_id", "item_id", "title", "text", "rating", "timestamp")
_RANDOM = "('0x' || left(md5('{seed}:' || review_id), 8))::UINTEGER / 4294967296.0"


@dataclass(frozen=True)
class ReviewSplit:
    """A split that was made, and how many reviews without a time it put into train."""

    split: Split
    undated: int


def split_reviews(
    workspace: Workspace,
    *,
    fractions: Sequence[float] = FRACTIONS,
    cutoffs_ms: Sequence[int] | None = None,
    seed: int | None = None,
) -> ReviewSplit:
    """Split the reviews, save the split in the workspace, and make it the one that serves.

    fractions: shares of train, valid and test, or cutoffs_ms: two times in ms since 1970; rows at a cut-off belong to
    the later part. Raises DataError when a part stays empty or cut-offs are given and fewer than half have a time.
    """
    content = _content(workspace)
    with table_views(workspace) as views:
        n, dated = map(int, views.values("SELECT count(*), count(timestamp) FROM reviews"))
        if not n:
            raise DataError("There are no reviews to split; import some first.")
        if 2 * dated >= n:
            split = _by_time(views, dated, fractions, cutoffs_ms, content)
        elif cutoffs_ms is None:
            split = _by_hash(views, fractions, load_settings().seed if seed is None else seed, content)
        else:
            raise SettingsError(f"Only {dated:,} of {n:,} reviews have a time; leave the cut-offs out.")
    save_split(workspace, split)
    write_text(workspace.path / "splits" / POINTER, split.hash + "\n")
    return ReviewSplit(split, n - dated if split.method == "time" else 0)


def current_split(workspace: Workspace) -> Split:
    """The split of reviews that serves.

    Raises NotBuiltError with the command when there is none, WorkspaceError when the reviews changed since.
    """
    command, pointer = COMMAND.format(name=workspace.name), workspace.path / "splits" / POINTER
    if not pointer.exists():
        raise NotBuiltError(f"The split of reviews of workspace {workspace.name!r}", command)
    try:
        split = load_split(workspace, pointer.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, UnknownNameError) as error:
        raise WorkspaceError(f"{pointer} can't be used ({error}); split again: {command}") from None
    if split.content != _content(workspace):
        raise WorkspaceError(f"The reviews of {workspace.path} changed since they were split; split again: {command}")
    return split


def part_sql(split: Split) -> str:
    """An SQL expression over a row of `reviews`: the part that it belongs to."""
    if split.method == BY_HASH:
        place, ends = _RANDOM.format(seed=split.seed), (split.fractions[0], sum(split.fractions[:2]))
        return f"CASE WHEN {place} < {ends[0]} THEN 'train' WHEN {place} < {ends[1]} THEN 'valid' ELSE 'test' END"
    first, second = (f"TIMESTAMPTZ '{cutoff.isoformat()}'" for cutoff in split.cutoffs)
    train = f"timestamp IS NULL OR timestamp < {first}"
    return f"CASE WHEN {train} THEN 'train' WHEN timestamp < {second} THEN 'valid' ELSE 'test' END"


def review_batches(workspace: Workspace, split: Split, part: str) -> Iterator[pa.RecordBatch]:
    """The reviews of `part` (`COLUMNS`) in the order of item_id, time and review_id, a few thousand at a time."""
    if part not in PARTS:
        raise UnknownNameError("part", part, PARTS)
    columns = ", ".join(COLUMNS)
    with table_views(workspace) as views:
        yield from views.batches(
            f"SELECT {columns} FROM reviews WHERE ({part_sql(split)}) = '{part}' "
            "ORDER BY item_id, timestamp NULLS FIRST, review_id"
        )


def read_part(workspace: Workspace, part: str) -> pd.DataFrame:
    """All reviews of `part` of the split that serves, as `review_batches` orders them."""
    batches = list(review_batches(workspace, current_split(workspace), part))
    frame: pd.DataFrame = pa.Table.from_batches(batches).to_pandas()
    return frame


def _by_time(
    views: TableViews, n: int, fractions: Sequence[float], cutoffs_ms: Sequence[int] | None, content: str
) -> Split:
    if cutoffs_ms is None:
        shares = checked_fractions(fractions)
        cutoffs = tuple(_time_at(views, min(rounded(n * end), n - 1)) for end in (shares[0], sum(shares[:2])))
    else:
        shares, cutoffs = (), checked_cutoffs(cutoffs_ms)
    draft = Split("time", None, shares, cutoffs, {}, content)
    said = " and ".join(f"{cutoff:%Y-%m-%d %H:%M:%S}" for cutoff in cutoffs)
    return _sized(views, draft, f"the cut-offs of the {n:,} reviews with a time are {said}; choose others")


def _by_hash(views: TableViews, fractions: Sequence[float], seed: int, content: str) -> Split:
    draft = Split(BY_HASH, seed, checked_fractions(fractions), (), {}, content)
    return _sized(views, draft, f"the reviews are too few for shares of {', '.join(map(str, draft.fractions))}")


def _sized(views: TableViews, draft: Split, why_empty: str) -> Split:
    """`draft` with the number of reviews in each part."""
    sql = f"SELECT part, count(*) AS n FROM (SELECT {part_sql(draft)} AS part FROM reviews) GROUP BY part"
    found: Mapping[str, int] = {row["part"]: row["n"] for row in views.rows(sql)}
    sizes = {part: int(found.get(part, 0)) for part in PARTS}
    refuse_empty(sizes, why_empty)
    return Split(draft.method, draft.seed, draft.fractions, draft.cutoffs, sizes, draft.content)


def _time_at(views: TableViews, place: int) -> datetime:
    """The time of the review at `place` when those that have one are sorted by it."""
    ordered = "SELECT timestamp FROM reviews WHERE timestamp IS NOT NULL ORDER BY timestamp"
    (micros,) = views.values(f"SELECT epoch_us(timestamp) FROM ({ordered} LIMIT 1 OFFSET {place})")
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _content(workspace: Workspace) -> str:
    """What the assignment depends on beside its parameters: the rows."""
    workspace.table_path("reviews")  # raises NotBuiltError
    return hashlib.sha256(workspace.tables["reviews"].sha256.encode()).hexdigest()
