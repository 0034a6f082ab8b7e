"""What the data looked like the last time that it was good: counts that the next day is held against."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.atomic import write_json
from engine.errors import WorkspaceError
from engine.recommend.events import DAY
from engine.retraining.drift import effective
from engine.retraining.folder import FOLDER
from engine.retraining.sample import HOUR, Sample
from engine.workspace import Workspace

FILE = "reference.json"
QUANTILES = 200
GROUPS = 10  # of items, each with a tenth of the events of half of the users
COMMON = 0.01  # a rarer kind or category is one of the others
OTHERS = "(others)"


@dataclass(frozen=True)
class Reference:
    """The newest WINDOW days of good data.

    run: the retraining that found it good; end, newest: the end of its newest day and its newest event (UTC
    microseconds); age: hours between that event and the moment of the run; rows: of each table; days: end and events of
    each day; size, half_size: effective numbers of draws, of all users and of the second half of them; kinds,
    categories: events by name; hours: by hour of the day (UTC); prices: quantiles; unknown, doubles: shares of events;
    groups: the items of each group by how popular they are with the first half of the users, without the last group,
    which has all others; popularity: events of the second half of the users by group; nulls: share of items without a
    value by column; tables, recipe: hashes of what was trained on, and with which settings.
    """

    run: str
    end: int
    newest: int
    age: float
    rows: Mapping[str, int]
    days: Sequence[Sequence[int]]
    size: float
    half_size: float
    kinds: Mapping[str, int]
    categories: Mapping[str, int]
    hours: Sequence[int]
    prices: Sequence[float]
    unknown: float
    doubles: float
    groups: Sequence[Sequence[str]]
    popularity: Sequence[int]
    nulls: Mapping[str, float]
    tables: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""

    def write(self, file: Path) -> None:
        """Keep it in `file`."""
        write_json(file, asdict(self))


def read_reference(workspace: Workspace) -> Reference | None:
    """What was good the last time; None when there was none. Raises WorkspaceError for a damaged file."""
    file = reference_file(workspace)
    try:
        return Reference(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        way_out = "remove it, and the next good run makes a new one"
        raise WorkspaceError(f"{file} can't be read ({error}); {way_out}.") from None


def reference_file(workspace: Workspace) -> Path:
    """Where the reference of a workspace lies."""
    return workspace.path / FOLDER / FILE


def make_reference(sample: Sample, run: str, *, now: int, rows: Mapping[str, int]) -> Reference:
    """The reference that `sample` would be, were it found good."""
    chosen, half = sample.window(), first_half(sample)
    newest = int(sample.micros.max())
    groups = _groups(sample, chosen & half)
    return Reference(
        run=run,
        end=sample.end,
        newest=newest,
        age=max(now - newest, 0) / HOUR,
        rows=rows,
        days=sample.days(),
        size=effective(sample.users[chosen]),
        half_size=effective(sample.users[chosen & ~half]),
        kinds=kinds_of(sample, chosen),
        categories=categories_of(sample, chosen),
        hours=hours_of(sample, chosen),
        prices=_quantiles(sample.prices[chosen]),
        unknown=float(np.mean(sample.item[chosen] < 0)),
        doubles=float(np.mean(doubles_of(sample, chosen)[chosen])),
        groups=groups,
        popularity=popularity_of(sample, chosen & ~half, groups),
        nulls={name: float(sample.items[name].isna().mean()) for name in ("category", "price")},
    )


def first_half(sample: Sample) -> NDArray[np.bool_]:
    """(n_events,) whether the user belongs to the half that groups are made from, by a hash of the id.

    Items that many of some users chose look less popular with others (regression to the mean), so the groups' shares
    are counted with those others.
    """
    ids = sample.events["user_id"].unique()
    first = {one: hashlib.blake2b(str(one).encode(), digest_size=1).digest()[0] % 2 == 0 for one in ids}
    return np.asarray(sample.events["user_id"].map(first), dtype=bool)


def kinds_of(sample: Sample, chosen: NDArray[np.bool_]) -> dict[str, int]:
    """Events by kind."""
    return _counts(sample.events["event"].to_numpy(dtype=object)[chosen])


def categories_of(sample: Sample, chosen: NDArray[np.bool_]) -> dict[str, int]:
    """Events by category of the item; of items that the catalogue doesn't hold, none."""
    names = sample.items["category"].fillna("").to_numpy(dtype=object)
    return _counts(names[sample.item[chosen & (sample.item >= 0)]])


def hours_of(sample: Sample, chosen: NDArray[np.bool_]) -> list[int]:
    """(24,) events by hour of the day (UTC)."""
    found: list[int] = np.bincount(sample.micros[chosen] % DAY // HOUR, minlength=24).tolist()
    return found


def popularity_of(sample: Sample, chosen: NDArray[np.bool_], groups: Sequence[Sequence[str]]) -> list[int]:
    """(len(groups) + 1,) events by group of their item; the last counts those of all other items."""
    group = {item: number for number, items in enumerate(groups) for item in items}
    places = np.array([group.get(item, len(groups)) for item in sample.items["item_id"]] + [len(groups)])
    found: list[int] = np.bincount(places[sample.item[chosen]], minlength=len(groups) + 1).tolist()
    return found


def doubles_of(sample: Sample, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n_events,) whether an event repeats one before it: the same user, item, kind and time."""
    names = ["user_id", "item_id", "event", "micros"]
    repeats = np.zeros(len(chosen), dtype=bool)
    repeats[chosen] = sample.events.loc[chosen, names].duplicated().to_numpy()
    return repeats


def pooled(old: Mapping[str, int], new: Mapping[str, int], size: float) -> tuple[list[str], Any, Any]:
    """Names that are common in `old`, then OTHERS; the counts of both by them."""
    total = max(sum(old.values()), 1)
    least = max(COMMON, 1 / max(size, 1.0))
    names = [name for name, n in sorted(old.items()) if n / total >= least]
    counts = [[one.get(name, 0) for name in names] for one in (old, new)]
    rest = [sum(one.values()) - sum(part) for one, part in zip((old, new), counts, strict=True)]
    before, after = (np.array([*part, more], dtype=np.float64) for part, more in zip(counts, rest, strict=True))
    return [*names, OTHERS], before, after


def _counts(names: NDArray[np.object_]) -> dict[str, int]:
    found, counts = np.unique(names.astype(str), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _quantiles(prices: NDArray[np.float64]) -> list[float]:
    known = prices[np.isfinite(prices)]
    if not len(known):
        return []
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found: list[float] = np.quantile(known, levels, method="inverted_cdf").tolist()
    return found


def _groups(sample: Sample, chosen: NDArray[np.bool_]) -> list[list[str]]:
    """Items by how popular they are, in groups with equal shares of the events; the last group isn't listed."""
    counts = np.bincount(sample.item[chosen & (sample.item >= 0)], minlength=len(sample.items))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    before = np.cumsum(counts[order]) - counts[order]
    group = before * GROUPS // max(int(counts.sum()), 1)
    ids = sample.items["item_id"].to_numpy(dtype=object)[order]
    return [ids[group == number].tolist() for number in range(GROUPS - 1)]
