"""What a retraining takes, refuses and survives: python benchmarks/retraining.py [DATA] [--kills N] [--days N]

On the demo store, and on online_retail when DATA (default: ../shared/data) has it. Printed from one run: seconds of a
run with a new day's events, of the same command again (everything is done), and of a day without anything new; which of
the days that were spoiled are refused, and by which check; N kills (SIGKILL) at random moments of a run, over three
quick models of the demo, each gone on with and compared with the run that nobody disturbed; and how many of the newest
real days the checks would have refused, each held against the days before it. About ten minutes on two cores.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.artifacts import ArtifactStore
from engine.data.demo import make_demo
from engine.data.importer import import_files
from engine.recommend.events import DAY
from engine.recommending.training import KIND, PIPELINE, train_pipeline
from engine.retraining.checks import Check
from engine.retraining.day_checks import check_age, check_amount
from engine.retraining.drift_checks import check_drift
from engine.retraining.folder import LAST
from engine.retraining.limits import Limits
from engine.retraining.reference import make_reference
from engine.retraining.sample import HOUR, Sample, read_known
from engine.serve.storage import Database, Event, database_url
from engine.settings import PROJECT
from engine.sql import Queries
from engine.workspace import Workspace

SEED, WEEK = 7, 7 * DAY
SOURCES = {
    "demo": ("als", "item_knn", "ease", "popular", "popular_in_category", "recent"),
    "demo_of_three": ("item_knn", "popular", "recent"),
    "online_retail": ("item_knn", "popular"),
}
Day = pd.DataFrame
SPOILED: dict[str, Callable[[Day], Day]] = {
    "a day like the others": lambda day: day,
    "nothing but views, or none": lambda day: day.assign(event="view" if (day["event"] != "view").any() else "click"),
    "one item has all events": lambda day: day.assign(item_id=day["item_id"].mode()[0]),
    "a third is of unknown items": lambda day: day.assign(
        item_id=np.where(np.arange(len(day)) % 3, day["item_id"], "?")
    ),
    "prices a hundredfold": lambda day: day.assign(price=day["price"].fillna(30.0) * 100),
    "all within one hour": lambda day: day.assign(micros=day["micros"] // DAY * DAY + 12 * HOUR + day["micros"] % HOUR),
    "each event four times": lambda day: pd.concat([day] * 4),
    "a tenth of the events": lambda day: day[::10],
}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=PROJECT.parent / "shared" / "data")
    arguments.add_argument("--kills", type=int, default=10)
    arguments.add_argument("--days", type=int, default=40, help="newest real days that are checked")
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        for name, kills in (("demo", 0), ("demo_of_three", chosen.kills)):
            _measure(Workspace.create(Path(home) / name), lambda shop: make_demo(shop, seed=SEED), kills)
        files = sorted((chosen.data / "online_retail").glob("*.parquet"))
        if not files:
            print(f"online_retail is not at {chosen.data}")
            return
        shop = Workspace.create(Path(home) / "online_retail")
        _measure(shop, lambda shop: import_files(shop, "online-retail", files), 0)
        _real_days(Workspace.open(shop.path), chosen.days)


def _measure(shop: Workspace, fill: Callable[[Workspace], Any], kills: int) -> None:
    """Everything about one shop: its newest day is told to the service instead of being in the table."""
    print(f"\n{shop.name}")
    fill(shop)
    shop = Workspace.open(shop.path)
    day = _cut_newest_day(shop)
    shop = Workspace.open(shop.path)
    train_pipeline(shop, SOURCES[shop.name], seed=SEED)
    now = datetime.fromtimestamp((int(day["micros"].max()) + HOUR) / 1e6, UTC)
    before = datetime.fromtimestamp(now.timestamp() - 86_400, UTC)
    print(f"  {shop.tables['events'].rows:,} events in the table, {len(day):,} of a new day told to the service")
    seconds, code = _run(shop, before)
    print(f"  first run, which finds what is good: {seconds:.1f} s, {_outcome(shop, code)}")
    with tempfile.TemporaryDirectory() as copies:
        if not kills:
            _days_refused(shop, day, now, Path(copies))
        _tell(shop, day)
        start = Path(shutil.copytree(shop.path, Path(copies) / "start"))
        seconds, code = _run(shop, now)
        print(f"  a run with a new day: {seconds:.1f} s, {_outcome(shop, code)}; by step: {_by_step(shop)}")
        inside = sum(_seconds(shop).values())
        again, code = _run(shop, now, "--run", _last(shop)["id"])
        print(f"  the same command again: {again:.1f} s ({again / seconds:.2f} of it), {_outcome(shop, code)}")
        idle, code = _run(shop, now)
        print(f"  a day without anything new: {idle:.1f} s, {_outcome(shop, code)}")
        _kills(shop, start, now, kills, inside)


def _cut_newest_day(shop: Workspace) -> Day:
    """Take the events of the newest whole day (UTC) out of the table, and those after it."""
    known = read_known(shop)
    first = int(known["micros"].max()) // DAY * DAY - DAY
    rows = shop.read("events")
    with shop.replace_tables("before the newest day") as writer:
        writer.write("events", rows[rows["timestamp"] < pd.Timestamp(first, unit="us", tz="UTC")])
    return known[(known["micros"] >= first) & (known["micros"] < first + DAY)].reset_index(drop=True)


def _tell(shop: Workspace, day: Day) -> None:
    """Store the events of a day as the service does."""
    database = Database(database_url(shop.path))
    database.create()
    events = [
        Event(f"e{number}", row.user_id, row.item_id, row.event, row.micros, row.micros, None, _price(row.price))
        for number, row in enumerate(day.itertuples())
    ]
    for start in range(0, len(events), 1000):
        database.add(events[start : start + 1000])
    database.close()


def _price(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _run(shop: Workspace, now: datetime, *options: str) -> tuple[float, int]:
    """Seconds and the exit code of the script."""
    start = time.perf_counter()
    ended = subprocess.run(
        _command(shop, now, *options), cwd=PROJECT, env=_environment(shop), capture_output=True, text=True
    )
    if ended.returncode not in (0, 3):
        raise RuntimeError(ended.stderr)
    return time.perf_counter() - start, ended.returncode


def _command(shop: Workspace, now: datetime, *options: str) -> list[str]:
    said = ["--workspace", shop.name, "--seed", str(SEED), "--now", now.isoformat()]
    return [sys.executable, "scripts/retrain.py", *said, *options]


def _environment(shop: Workspace) -> dict[str, str]:
    return {**os.environ, "SHELFWISE_HOME": str(shop.path.parent), "PYTHONPATH": str(PROJECT)}


def _last(shop: Workspace) -> dict[str, str]:
    said: dict[str, str] = json.loads((shop.path / "retraining" / LAST).read_text(encoding="utf-8"))
    return said


def _outcome(shop: Workspace, code: int) -> str:
    return f"{_last(shop)['outcome']} (exit {code})"


def _by_step(shop: Workspace) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in _seconds(shop).items())


def _seconds(shop: Workspace) -> dict[str, float]:
    """What each step of the newest run took."""
    state = json.loads((shop.path / "retraining" / _last(shop)["id"] / "state.json").read_text(encoding="utf-8"))
    return {name: step["seconds"] for name, step in state["steps"].items()}


def _days_refused(shop: Workspace, day: Day, now: datetime, copies: Path) -> None:
    """Which spoiled days the script refuses; each day comes to its own copy."""
    for number, (what, spoil) in enumerate(SPOILED.items()):
        copy = Workspace.open(Path(shutil.copytree(shop.path, copies / f"day-{number}" / shop.name)))
        _tell(copy, spoil(day).reset_index(drop=True))
        _, code = _run(copy, now, "--only", "validate", "--run", "day")
        checks = json.loads((copy.path / "retraining" / "day" / "validate.json").read_text(encoding="utf-8"))["checks"]
        refused = [check["name"] for check in checks if check["verdict"] == "refused"]
        print(f"  {what:<30}exit {code}: {', '.join(refused) or 'passes'}")
        shutil.rmtree(copy.path.parent)


def _made(shop: Workspace) -> tuple[str, dict[str, Any]]:
    """What a retraining leaves, but for names and times: the table, and the files of the models that serve."""
    store = ArtifactStore(shop)
    versions = {name: version for (kind, name), version in store.serving().items() if kind == KIND}
    files = {name: dict(store.card(KIND, name, version).files) for name, version in versions.items()}
    files[PIPELINE].pop("models.json")
    return Workspace.open(shop.path).tables["events"].sha256, files


def _kills(shop: Workspace, start: Path, now: datetime, n: int, inside: float) -> None:
    """Kill a run at a random moment, go on with it, and compare with the run that nobody disturbed."""
    rng, same, steps, calm = random.Random(SEED), 0, Counter[str](), _made(shop)
    for number in range(n):
        copy = Workspace.open(Path(shutil.copytree(start, start.parent / f"kill-{number}" / shop.name)))
        process = subprocess.Popen(
            _command(copy, now),
            cwd=PROJECT,
            env=_environment(copy),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while len(list((copy.path / "retraining").glob("*/state.json"))) < 2 and process.poll() is None:
            time.sleep(0.01)  # the first is of the run that found what is good
        time.sleep(rng.uniform(0, inside))
        process.send_signal(signal.SIGKILL)
        process.wait()
        states = sorted((copy.path / "retraining").glob("*/state.json"), key=lambda file: file.stat().st_mtime)
        known = json.loads(states[-1].read_text(encoding="utf-8"))  # the run before it is there in any case
        done = [] if known["finished"] else list(known["steps"])
        steps["after its end" if known["finished"] else f"after {done[-1]}" if done else "at its beginning"] += 1
        _run(copy, now)
        same += _made(copy) == calm
        shutil.rmtree(copy.path.parent)
    if n:
        said = ", ".join(f"{what} {count}" for what, count in steps.most_common())
        print(f"  {n} kills at random moments ({said}): {same} of {n} end as the run that nobody disturbed")


def _real_days(shop: Workspace, n: int) -> None:
    """How many of the newest `n` real days would have been refused, each held against the days before it."""
    known, items = read_known(shop), Queries(shop).frame("SELECT item_id, category, price FROM items")
    days = np.unique(known["micros"] // DAY)
    refused, judged = Counter[str](), Counter[str]()
    odd = 0
    for before, day in zip(days[-n - 1 : -1], days[-n:], strict=True):
        found = _one_day(known, items, int(before), int(day))
        judged.update(check.name for check in found if check.verdict != "not judged")
        names = [check.name for check in found if check.verdict == "refused"]
        refused.update(names)
        odd += bool(names)
    said = ", ".join(f"{name} {refused[name]} of {judged[name]}" for name in judged)
    print(f"  the newest {n} real days, as nobody spoiled them: {odd} refused; by check: {said}")


def _one_day(known: pd.DataFrame, items: pd.DataFrame, before: int, day: int) -> list[Check]:
    limits, events = Limits(), known.assign(told=False)
    old = Sample(events[events["micros"] < (before + 1) * DAY].reset_index(drop=True), items, (before + 1) * DAY)
    new = Sample(events[events["micros"] < (day + 1) * DAY].reset_index(drop=True), items, (day + 1) * DAY)
    reference = make_reference(old, "before", now=old.end, rows={})
    now = (day + 1) * DAY
    return [
        check_age(new, reference, limits, now),
        check_amount(new, reference, limits),
        *check_drift(new, reference, limits),
    ]


if __name__ == "__main__":
    main()
