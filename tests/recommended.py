"""A shop of two tastes, bags and shoes, with a trained pipeline: what must be recommended is known by construction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.recommending.training import train_pipeline
from engine.workspace import Workspace

HOSTILE = '<img src=x onerror="window.broken = 1">'
BAGS, SHOES = [f"bag-{n:02d}" for n in range(12)], [f"shoe-{n:02d}" for n in range(12)]
GONE, NEW, EVIL = "shoe-11", "new-bag", "bag-01"  # not available; nobody knows it; with a hostile title
EVENTS = ("view", "addtocart", "transaction")
START = datetime(2024, 3, 1, tzinfo=UTC)
SOURCES = ("item_knn", "popular", "recent")


def build(home: Path, name: str = "demo", *, trained: bool = True) -> Workspace:
    """40 users, U-00 to U-39, each with 8 items of one taste (even: shoes), three events with the first of them;
    "cold" viewed one bag last of all, and a user's id is hostile."""
    workspace = Workspace.create(home / name)
    rng, rows = np.random.default_rng(5), []
    for user in range(40):
        for place, item in enumerate(rng.permutation(BAGS if user % 2 else SHOES)[:8]):
            moment = START + timedelta(hours=float(rng.uniform(0, 24 * 60)))
            kinds = EVENTS if place == 0 else EVENTS[: 1 + place % 2]
            rows += [_event(f"U-{user:02d}", item, kind, moment + timedelta(minutes=n)) for n, kind in enumerate(kinds)]
    rows.append(_event("cold", BAGS[2], "view", START + timedelta(days=61)))
    rows.append(_event(HOSTILE, BAGS[3], "view", START + timedelta(days=60)))
    with workspace.replace_tables("test") as writer:
        writer.write("items", pa.Table.from_pylist([_item(n, item) for n, item in enumerate([*BAGS, *SHOES, NEW])]))
        writer.write("events", pa.Table.from_pylist(rows))
    if trained:
        train_pipeline(workspace, SOURCES, seed=1, trials=3)
    return workspace


def _event(user: str, item: str, event: str, moment: datetime) -> dict[str, object]:
    return {"user_id": user, "item_id": str(item), "event": event, "timestamp": moment}


def _item(number: int, item: str) -> dict[str, object]:
    return {
        "item_id": item,
        "title": HOSTILE if item == EVIL else f"The {item}",
        "category": "Shoes" if "shoe" in item else "Bags",
        "price": 10.0 + number,
        "available": item != GONE,
    }
