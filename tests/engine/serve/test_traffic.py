"""The service's own figures: counted in memory, added up in the database, forgotten after a month."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from engine.errors import StorageError
from engine.serve import aging, traffic
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.metrics import SECONDS, Metrics
from engine.serve.slots import Slot
from engine.serve.storage import Database, database_url
from engine.serve.traffic import Traffic
from engine.serve.traffic_tables import BUCKETS, SERVING, TALLIES, TRAFFIC

LISTS = "/recommendations/{user_id}"


def slot(version: str = "v1") -> Slot[str]:
    made = Slot("recommendations", version=lambda: version, open=lambda: version, retry=1, made=lambda: 7.0)
    made.refresh()
    return made


def rows(database: Database, table) -> list[dict]:
    with database.begin() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def write(counting: Traffic, **more) -> None:
    asyncio.run(counting.write(**more))


def test_answers_are_summed_by_minute_route_and_status(database, monkeypatch):
    counting = Traffic(database, Metrics(), [slot()])
    monkeypatch.setattr(traffic.time, "time", lambda: 600.0)
    for status, seconds in ((200, 0.0005), (200, 0.001), (200, 0.2), (503, 9.0)):
        counting.note(LISTS, status, seconds)
    write(counting)
    counting.note(LISTS, 200, 0.0011)
    write(counting)
    monkeypatch.setattr(traffic.time, "time", lambda: 660.0)
    counting.note(LISTS, 200, 0.0)
    write(counting)
    write(counting)
    found = {(row["minute"], row["status"]): row for row in rows(database, TRAFFIC)}
    assert {key: row["n"] for key, row in found.items()} == {(10, 200): 4, (10, 503): 1, (11, 200): 1}
    good = found[10, 200]
    assert {name: good[name] for name in BUCKETS if good[name]} == {"ms_1": 2, "ms_2_5": 1, "ms_250": 1}
    assert good["seconds"] == pytest.approx(0.2026) and found[10, 503]["ms_more"] == 1


def test_every_bound_is_in_the_bucket_below_it_as_prometheus_counts(database):
    counting, metrics = Traffic(database, Metrics(), [slot()]), Metrics()
    for seconds in (0.0, *SECONDS, *(bound * 1.01 for bound in SECONDS)):
        counting.note(LISTS, 200, seconds)
        metrics.seconds.labels(LISTS).observe(seconds)
    write(counting)
    together: Counter[str] = Counter()
    for row in rows(database, TRAFFIC):  # the clock may pass into another minute
        together.update({name: row[name] for name in BUCKETS})
    samples = [one for metric in metrics.seconds.collect() for one in metric.samples if one.name.endswith("_bucket")]
    cumulative = [int(one.value) for one in samples]
    assert [together[name] for name in BUCKETS] == [b - a for a, b in zip([0, *cumulative], cumulative, strict=False)]


def test_counters_are_told_by_how_much_they_grew(database):
    metrics = Metrics()
    counting = Traffic(database, metrics, [slot()])
    metrics.fallbacks.labels("search", "TimeoutError").inc(2)
    metrics.lists.labels("cold").inc()
    write(counting)
    metrics.fallbacks.labels("search", "TimeoutError").inc()
    write(counting)
    write(counting)
    found = Counter()
    for row in rows(database, TALLIES):
        found[row["what"], row["route"], row["kind"]] += row["n"]
    assert found == {("fallback", "search", "TimeoutError"): 3, ("list", "", "cold"): 1}


def test_processes_stand_beside_each_other_with_what_they_serve(database):
    one, other = (Traffic(database, Metrics(), [slot(version)]) for version in ("v1", "v2"))
    for counting in (one, other):
        counting.note(LISTS, 200, 0.1)
        write(counting)
    write(other, ended=True)
    assert sum(row["n"] for row in rows(database, TRAFFIC)) == 2
    assert {(row["version"], row["made"], row["ended"]) for row in rows(database, SERVING)} == {
        ("v1", 7.0, False),
        ("v2", 7.0, True),
    }


def test_what_cannot_be_written_is_written_later(database, monkeypatch):
    counting = Traffic(database, Metrics(), [slot()])
    counting.note(LISTS, 200, 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(database, "begin", lambda: (_ for _ in ()).throw(StorageError("it is gone")))
        with pytest.raises(StorageError):
            write(counting)
    counting.note(LISTS, 200, 0.1)
    write(counting)
    assert sum(row["n"] for row in rows(database, TRAFFIC)) == 2


def test_memory_is_bounded_while_the_database_is_gone(database, monkeypatch):
    monkeypatch.setattr(traffic, "MOST_WAITING", 3)
    counting = Traffic(database, Metrics(), [slot()])
    with monkeypatch.context() as patched:
        patched.setattr(database, "begin", lambda: (_ for _ in ()).throw(StorageError("it is gone")))
        for number in range(5):
            counting.note(f"/{number}", 200, 0.1)
            with pytest.raises(StorageError):
                write(counting)
    write(counting)
    assert {row["route"] for row in rows(database, TRAFFIC)} == {"/2", "/3", "/4"}


def counted_at(database: Database, monkeypatch, *minutes: int) -> None:
    """One answer and one fallback in each of `minutes`, by two processes in turn."""
    for place, minute in enumerate(minutes):
        metrics = Metrics()
        counting = Traffic(database, metrics, [slot()])
        monkeypatch.setattr(traffic.time, "time", lambda minute=minute: minute * 60.0)
        monkeypatch.setattr(traffic, "age", lambda database, now: None)
        counting.note(LISTS if place % 2 else "/search", 200, 0.1)
        metrics.fallbacks.labels("search", "StorageError").inc()
        write(counting)


def test_a_month_is_kept_and_older_rows_go_a_few_hours_at_a_time(database, monkeypatch):
    counted_at(database, monkeypatch, 0, 1, 1_000, 1_020)
    now = (aging.KEEP_DAYS * 1440 + 1_020) * 60.0
    aging.age(database, now)
    assert {row["minute"] for row in rows(database, TRAFFIC)} == {960, 1_020}
    aging.age(database, now)
    assert (
        {row["minute"] for row in rows(database, TRAFFIC)}
        == {1_020}
        == {row["minute"] for row in rows(database, TALLIES)}
    )
    assert not rows(database, SERVING)


def test_after_two_days_an_hour_is_a_row_and_nothing_is_lost(database, monkeypatch):
    counted_at(database, monkeypatch, 60, 61, 62, 119, 120, 185)
    now = (aging.FINE + 180) * 60.0
    for _ in range(4):
        aging.age(database, now)
    found = {(row["minute"], row["route"]): (row["n"], row["process"]) for row in rows(database, TRAFFIC)}
    assert [key[0] for key in sorted(found)] == [60, 60, 120, 185] and found[60, LISTS] == (2, aging.MERGED)
    assert found[185, LISTS][1] != aging.MERGED
    assert sum(n for n, _ in found.values()) == 6
    hour = next(row for row in rows(database, TRAFFIC) if row["minute"] == 60)
    assert hour["ms_100"] == hour["n"] == 2 and hour["seconds"] == pytest.approx(0.2)
    assert sum(row["n"] for row in rows(database, TALLIES)) == 6


def test_the_gate_counts_each_answer_once_and_nothing_of_who_asked(shop):
    app = create_app(shop.path, ServeConfig(open=True, rate=0, deadline=20))
    with TestClient(app) as client:
        for path in ("/recommendations/Zoe%20Secret", "/recommendations/nobody", "/search?q=private", "/nowhere"):
            client.get(path)
    database = Database(database_url(shop.path))
    found = Counter()
    for row in rows(database, TRAFFIC):
        found[row["route"], row["status"]] += row["n"]
    assert found[LISTS, 200] == 2 and sum(found.values()) == 4 and ("unmatched", 404) in found
    standing = {row["part"]: row for row in rows(database, SERVING)}
    assert standing["recommendations"]["version"] and all(row["ended"] for row in standing.values())
    told = repr([rows(database, table) for table in (TRAFFIC, TALLIES, SERVING)])
    assert "Secret" not in told and "private" not in told
    with database.begin() as connection:
        lists = select(func.sum(TALLIES.c.n)).where(TALLIES.c.what == "list")
        assert connection.execute(lists).scalar_one() == 2
    database.close()


def test_a_process_ends_though_its_last_figures_cannot_be_written(database, monkeypatch):
    counting = Traffic(database, Metrics(), [slot()])
    monkeypatch.setattr(database, "begin", lambda: (_ for _ in ()).throw(StorageError("it is gone")))
    asyncio.run(traffic.end(counting))
