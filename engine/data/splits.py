"""Train, valid and test: by global time cut-offs, by item or by user; saved with a hash of who is where.

A row at a cut-off belongs to the later part, so that everything in train happened before the first cut-off. Items and
users are ordered by a keyed hash of their id, so that a split depends on the seed and the set of ids alone: not on
their order, and on no library's generator; adding an item moves few others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.atomic import write_text
from engine.errors import DataError, SettingsError, UnknownNameError, WorkspaceError
from engine.workspace import Workspace

PARTS = ("train", "valid", "test")
FRACTIONS = (0.8, 0.1, 0.1)
_KEYS = {"time": "timestamp", "item": "item_id", "user": "user_id"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Split:
    """Which part each row belongs to.

    method:    "time", "item" or "user"
    seed:      the seed of a split by item or user; None for one by time
    fractions: the shares of train, valid and test that were asked for; empty when cut-offs were given
    cutoffs:   for a split by time, the first moments of valid and of test (UTC); otherwise empty
    parts:     for a split by item or user, the sorted ids of each part; for one by time, empty: its cut-offs say it all
    sizes:     how many rows (time) or ids (item, user) each part has
    content:   SHA-256 of the assignment
    """

    method: str
    seed: int | None
    fractions: tuple[float, ...]
    cutoffs: tuple[datetime, ...]
    sizes: Mapping[str, int]
    content: str
    parts: Mapping[str, NDArray[np.object_]] = field(default_factory=dict, compare=False)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that name the split: its method, its parameters and its assignment."""
        return hashlib.sha256(json.dumps(_plain(self), sort_keys=True).encode()).hexdigest()[:16]

    def part_of(self, keys: pd.Series[Any]) -> NDArray[np.object_]:
        """(n,) the part of each of `keys`: timestamps for a split by time, otherwise ids.

        Raises DataError for an id that the split doesn't know or a time that is missing.
        """
        if self.method == "time":
            bounds = [_micros(cutoff) for cutoff in self.cutoffs]
            place = np.searchsorted(bounds, _all_micros(keys), side="right")
            return np.array([PARTS[n] for n in place], dtype=object)
        part = {key: name for name, ids in self.parts.items() for key in ids}
        found = keys.map(part)
        if found.isna().any():
            unknown = keys[found.isna()].iloc[0]
            raise DataError(f"isn't in the split by {self.method}; split again after an import", value=unknown)
        return np.array(found.tolist(), dtype=object)

    def select(self, rows: pd.DataFrame, part: str) -> pd.DataFrame:
        """Those of `rows` (with the column timestamp, item_id or user_id, by method) that belong to `part`."""
        if part not in PARTS:
            raise UnknownNameError("part", part, PARTS)
        return rows[self.part_of(rows[_KEYS[self.method]]) == part]


def split_by_item(item_ids: Iterable[str], *, seed: int, fractions: Sequence[float] = FRACTIONS) -> Split:
    """Split the distinct `item_ids` at random into train, valid and test of the given shares.

    Raises SettingsError for shares that aren't three positive numbers with sum 1, DataError when a part stays empty.
    """
    return _split_ids("item", item_ids, seed, fractions)


def split_by_user(user_ids: Iterable[str], *, seed: int, fractions: Sequence[float] = FRACTIONS) -> Split:
    """Split the distinct `user_ids` at random; see `split_by_item`."""
    return _split_ids("user", user_ids, seed, fractions)


def split_by_time(
    timestamps: pd.Series[Any], *, fractions: Sequence[float] = FRACTIONS, cutoffs_ms: Sequence[int] | None = None
) -> Split:
    """Split rows by two global cut-offs: before the first is train, from the second on is test.

    Without `cutoffs_ms` (milliseconds since 1970, UTC) the cut-offs are the times of the rows where the shares end.
    Rows at a cut-off belong to the later part. Raises SettingsError for shares or cut-offs that can't be, DataError
    when times are missing or a part stays empty.
    """
    times = np.sort(_all_micros(timestamps))
    if not len(times):
        raise DataError("There are no rows to split; import some first.")
    if cutoffs_ms is None:
        shares = checked_fractions(fractions)
        ends = [min(rounded(len(times) * sum(shares[: n + 1])), len(times) - 1) for n in range(2)]
        cutoffs = tuple(_moment(int(times[end])) for end in ends)
    else:
        shares, cutoffs = (), checked_cutoffs(cutoffs_ms)
    bounds = [0, *np.searchsorted(times, [_micros(cutoff) for cutoff in cutoffs]), len(times)]
    sizes = {name: int(end - start) for name, start, end in zip(PARTS, bounds, bounds[1:], strict=False)}
    said = " and ".join(map(_shown, cutoffs))
    refuse_empty(sizes, f"the {len(times)} rows are from {_range(times)}, the cut-offs are {said}; choose others")
    return Split("time", None, shares, cutoffs, sizes, hashlib.sha256(times.astype("<i8").tobytes()).hexdigest())


def leaked_rows(split: Split, train: pd.DataFrame) -> pd.DataFrame:
    """Those rows of `train` that don't belong there by `split`: from a cut-off or later, or of another part's ids.

    A model that learned from any of them has seen the answers; every evaluation checks that there are none.
    """
    return train[split.part_of(train[_KEYS[split.method]]) != "train"]


def save_split(workspace: Workspace, split: Split) -> str:
    """Save `split` in `workspace`, atomically; returns its hash, which `load_split` takes."""
    place = workspace.path / "splits" / f"{split.hash}.json"
    parts = {name: ids.tolist() for name, ids in split.parts.items()}
    write_text(place, json.dumps({**_plain(split), "parts": parts}, ensure_ascii=False))
    return split.hash


def load_split(workspace: Workspace, name: str) -> Split:
    """The split saved in `workspace` under the hash `name`.

    Raises UnknownNameError when there is none, WorkspaceError when its content no longer gives that hash.
    """
    known = {file.stem: file for file in (workspace.path / "splits").glob("*.json")}
    if name not in known:
        raise UnknownNameError("split", name, known)
    try:
        said = json.loads(known[name].read_text(encoding="utf-8"))
        parts = {part: np.array(ids, dtype=object) for part, ids in said["parts"].items()}
        cutoffs = tuple(datetime.fromisoformat(cutoff) for cutoff in said["cutoffs"])
        sizes = {part: int(said["sizes"][part]) for part in PARTS}
        content = _content(parts) if parts else said["content"]
        split = Split(said["method"], said["seed"], tuple(said["fractions"]), cutoffs, sizes, content, parts)
        actual = split.hash
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceError(f"{known[name]} is corrupt ({error}); remove it and split again.") from None
    if actual != name:
        raise WorkspaceError(f"{known[name]} was changed: its content has the hash {actual}; remove it, split again.")
    return split


def _split_ids(method: str, ids: Iterable[str], seed: int, fractions: Sequence[float]) -> Split:
    shares = checked_fractions(fractions)
    key = str(seed).encode()
    ordered = sorted(set(ids), key=lambda id_: (hashlib.blake2b(id_.encode(), key=key, digest_size=16).digest(), id_))
    ends = [0, *(rounded(len(ordered) * sum(shares[: n + 1])) for n in range(2)), len(ordered)]
    parts = {
        name: np.array(sorted(ordered[start:end]), dtype=object)
        for name, start, end in zip(PARTS, ends, ends[1:], strict=False)
    }
    sizes = {name: len(ids) for name, ids in parts.items()}
    refuse_empty(sizes, f"{len(ordered)} {method}s are too few for shares of {', '.join(map(str, shares))}")
    return Split(method, seed, shares, (), sizes, _content(parts), parts)


def checked_fractions(fractions: Sequence[float]) -> tuple[float, ...]:
    """`fractions` as a tuple. Raises SettingsError for shares that aren't three positive numbers with sum 1."""
    shares = tuple(float(share) for share in fractions)
    if len(shares) != len(PARTS) or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        said = ", ".join(map(str, shares))
        raise SettingsError(f"The shares {said} (sum {sum(shares):g}) must be three positive numbers with sum 1.")
    return shares


def checked_cutoffs(cutoffs_ms: Sequence[int]) -> tuple[datetime, ...]:
    """The two times (ms since 1970) in UTC. Raises SettingsError when they aren't two, in order, in the calendar."""
    said = ", ".join(map(str, cutoffs_ms))
    if len(cutoffs_ms) != 2 or cutoffs_ms[0] >= cutoffs_ms[1]:
        raise SettingsError(f"The cut-offs {said} must be two times in ms since 1970, the earlier one first.")
    try:
        first, second = (_moment(int(cutoff) * 1000) for cutoff in cutoffs_ms)
    except OverflowError:
        raise SettingsError(f"The cut-offs {said} are outside the calendar; give ms since 1970.") from None
    return first, second


def refuse_empty(sizes: Mapping[str, int], why: str) -> None:
    """Raise DataError with `why` when a part of `sizes` has nothing in it."""
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        raise DataError(f"The split leaves {' and '.join(empty)} empty: {why}.")


def _content(parts: Mapping[str, NDArray[np.object_]]) -> str:
    lists = {name: sorted(map(str, ids)) for name, ids in parts.items()}
    return hashlib.sha256(json.dumps(lists, sort_keys=True).encode()).hexdigest()


def _plain(split: Split) -> dict[str, Any]:
    """Everything but the ids themselves, as JSON has it."""
    return {
        "method": split.method,
        "seed": split.seed,
        "fractions": list(split.fractions),
        "cutoffs": [cutoff.isoformat() for cutoff in split.cutoffs],
        "sizes": dict(split.sizes),
        "content": split.content,
    }


def _all_micros(timestamps: pd.Series[Any]) -> NDArray[np.int64]:
    times = pd.to_datetime(timestamps, utc=True)
    missing = int(times.isna().sum())
    if missing:
        raise DataError(f"{missing} of {len(times)} rows have no time; leave them out, or split by item or user.")
    micros: NDArray[np.int64] = times.astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").astype(np.int64)
    return micros


def rounded(share: float) -> int:
    """The whole number nearest to `share`; the small addend undoes what floats lose in sums such as 0.8 + 0.1."""
    return int(share + 0.5 + 1e-9)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _range(times: NDArray[np.int64]) -> str:
    return f"{_shown(_moment(int(times[0])))} to {_shown(_moment(int(times[-1])))}"
