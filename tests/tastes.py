"""Users of two tastes, known by construction: what a recommender must find, and what it can't know."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from engine.recommend.catalogue import Catalogue
from engine.recommend.events import EventConfig, clean_events, micros
from engine.recommend.interactions import interactions

NOW = datetime(2024, 6, 1, tzinfo=UTC)
BAGS, SHOES = [f"bag-{n:02d}" for n in range(10)], [f"shoe-{n:02d}" for n in range(10)]
ITEMS = np.array(sorted([*BAGS, *SHOES, "new-bag"]), dtype=object)


def event_rows(*rows):
    """The columns that events are read from, of (user, item, event, days before NOW) rows."""
    return pd.DataFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "event": [row[2] for row in rows],
            "micros": [micros(NOW - timedelta(days=row[3])) for row in rows],
        }
    )


def history(*rows):
    """Interactions of (user, item, days ago, event) rows."""
    frame = event_rows(*[(row[0], row[1], row[3] if len(row) > 3 else "view", row[2]) for row in rows])
    log, _ = clean_events(frame, ITEMS, EventConfig(), now=NOW)
    return interactions(log, EventConfig())


def shop():
    """40 users, each with 7 of the 10 items of one group; nobody knows "new-bag"."""
    rng = np.random.default_rng(3)
    rows = []
    for n in range(40):
        group = BAGS if n % 2 else SHOES
        rows += [(f"u{n:02d}", item, day + 1) for day, item in enumerate(rng.permutation(group)[:7])]
    return history(*rows)


def two_categories():
    """The catalogue: bags and shoes, all available."""
    names = np.array(["Bags", "Shoes"], dtype=object)
    leaves = np.array([0 if "bag" in item else 1 for item in ITEMS], dtype=np.int32)
    titles = np.array([f"A leather {item.split('-')[0]}" for item in ITEMS], dtype=object)
    n = len(ITEMS)
    return Catalogue(ITEMS, titles, leaves[:, None], names, np.ones(n), np.ones(n, dtype=bool))
