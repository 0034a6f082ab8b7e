"""What an experiment's figures cost and how often they cry wolf: python benchmarks/serve_outcomes.py [--events N]

A million events of 100,000 users, in two variants that do not differ, in SQLite: seconds until the figures, the users
behind one of them and the days are there. Then 2,000 experiments of 1,000 users between which nothing
differs: how many of each figure's intervals leave out 0 (5 % should), beside a test that takes impressions for
independent of each other. Two minutes on two cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.metrics.samples import Moments, ratio_difference, share_difference
from engine.recommend.events import micros
from engine.serve.exposures import EXPOSURES
from engine.serve.outcome_rows import daily, rows_of, users_of
from engine.serve.outcomes import outcomes
from engine.serve.storage import EVENTS, Database, database_url
from engine.serve.variants import Experiment, Variant

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
TEST = Experiment("spring", "salt", START.isoformat(), (Variant("control", 0.5), Variant("new", 0.5)))
KINDS, SHARES = ("impression", "click", "view", "addtocart", "transaction"), (0.6, 0.1, 0.2, 0.07, 0.03)
BATCH = 20_000


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--trials", type=int, default=2000)
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(database_url(Path(folder)), wait=600)
        database.create()
        _fill(database, chosen.events, chosen.users)
        print(f"{chosen.events:,} events of {chosen.users:,} exposed users, SQLite")
        for name, call in _calls(database).items():
            start, used = time.perf_counter(), time.process_time()
            call()
            print(f"{name:<32}{time.perf_counter() - start:6.2f} s, {time.process_time() - used:.2f} s of a core")
        print(outcomes(database, TEST).sample_ratio.words)
        database.close()
    print(f"{chosen.trials:,} experiments in which nothing differs, intervals that leave out 0:")
    for name, share in _alarms(chosen.trials).items():
        print(f"{name:<32}{share:6.1%}")


def _calls(database: Database) -> dict[str, Callable[[], object]]:
    return {
        "figures, differences, split": lambda: outcomes(database, TEST),
        "1,000 users behind a number": lambda: users_of(database, TEST, "new", most=1000),
        "500 events behind a number": lambda: rows_of(database, TEST, "new", "click", most=500),
        "30 days": lambda: daily(database, START),
    }


def _fill(database: Database, n: int, n_users: int) -> None:
    rng = np.random.default_rng(0)
    users, kinds = rng.integers(0, n_users, n).tolist(), rng.choice(KINDS, n, p=SHARES).tolist()
    moments = (micros(START) + rng.integers(0, 30 * DAY, n)).tolist()
    first = (micros(START) + rng.integers(0, 15 * DAY, n_users)).tolist()
    with database.begin() as connection:
        for start in range(0, n, BATCH):
            connection.execute(
                insert(EVENTS),
                [
                    {"event_id": f"{row:08d}", "user_id": f"user-{users[row]}", "item_id": f"item-{row % 30_000}"}
                    | {"event": kinds[row], "happened": moments[row], "received": moments[row], "quantity": None}
                    | {"price": 10.0 if kinds[row] == "transaction" else None}
                    for row in range(start, min(start + BATCH, n))
                ],
            )
        names = [f"user-{user}" for user in range(n_users)]
        variants = [one.name for one in map(TEST.variant_of, names) if one]
        same = {"experiment": TEST.name, "model": "v1", "lists": 3, "instead": 0}
        rows = zip(names, variants, first, strict=True)
        connection.execute(
            insert(EXPOSURES), [{**same, "user_id": u, "variant": v, "happened": moment} for u, v, moment in rows]
        )


def _alarms(trials: int) -> dict[str, float]:
    """The share of experiments in which a figure seems to differ."""
    rng, found = np.random.default_rng(7), []
    for _ in range(trials):
        (c, i, r), (d, j, s) = _users(rng), _users(rng)
        both = (c.sum() + d.sum()) / (i.sum() + j.sum())
        spread = np.sqrt(both * (1 - both) * (1 / i.sum() + 1 / j.sum()))
        each = np.ones(len(r))
        found.append(
            (
                ratio_difference(Moments.of(c, i), Moments.of(d, j)).clear,
                abs(c.sum() / i.sum() - d.sum() / j.sum()) > 1.96 * spread,
                share_difference((int((r > 0).sum()), len(r)), (int((s > 0).sum()), len(s))).clear,
                ratio_difference(Moments.of(r, each), Moments.of(s, each)).clear,
            )
        )
    names = ("CTR", "CTR, impressions independent", "conversion", "revenue per user")
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def _users(rng: np.random.Generator, n: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clicks, impressions and revenue of users who differ: some see and like much more than others."""
    impressions = rng.poisson(rng.gamma(1.0, 10.0, n))
    clicks = rng.binomial(impressions, rng.beta(2, 18, n))
    return clicks, impressions, rng.binomial(1, 0.3, n) * rng.lognormal(3, 0.5, n)


if __name__ == "__main__":
    main()
