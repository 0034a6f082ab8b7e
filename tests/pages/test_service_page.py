"""Service: whether it runs, what it answered, what users did, experiments, retrainings; each number with its rows."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import unquote

import pandas as pd
import pytest
from conftest import APP, run
from reading import part, shown

from engine.retraining.folder import RunFolder, RunState, Step
from engine.serve.exposures import EXPOSURES
from engine.serve.storage import FILE, Database, Event, database_url
from engine.serve.traffic_tables import BUCKETS, SERVING
from engine.serve.variants import Experiment, Variant, start_experiment, stop_experiment
from engine.watching import store as watching
from engine.watching.answers import ROWS
from tests.watched import LISTS, count, tally

SERVICE = "pages/views/service.py"


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    for name in ("SHELFWISE_PROMETHEUS", "SHELFWISE_DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def database(shop):
    made = Database(database_url(shop.path))
    made.create()
    yield made
    made.close()


@pytest.fixture
def served(database):
    """A service that runs, with some answers of the last minutes."""
    now = time.time()
    parts = {
        "recommendations": {"version": "<b>v1</b>", "made": now - 7200},
        "tags": {"version": "v0", "problem": "ArtifactError: the files are <i>damaged</i>"},
        "search": {"problem": "The index isn't built yet; build it with: x"},
    }
    with database.begin() as connection:
        for name, told in parts.items():
            row = {
                "version": "",
                "made": 0.0,
                "problem": "",
                "ended": False,
                "started": now - 90_000,
                "seen": now,
                **told,
            }
            connection.execute(SERVING.insert(), {"process": "1-a", "part": name, **row})
    count(
        database,
        (1, LISTS, 200, {"ms_5": 90, "ms_50": 8}),
        (1, LISTS, 503, {"ms_5": 2}),
        (1, "/health", 200, {"ms_1": 50}),
        (2, "/search", 200, {"ms_100": 20}),
        (2, "unmatched", 404, {"ms_1": 3}),
        now=now,
    )
    tally(database, (1, "fallback", "recommendations", "DeadlineExceeded", 7), (1, "list", "", "cold", 49), now=now)
    tally(database, (1, "list", "", "known", 49), now=now)
    return database


@pytest.fixture
def sold(database):
    """Two days of events: CTR of 10 % and of 20 %."""
    now = time.time()
    kinds = [(1, "impression", 20), (1, "click", 2), (0, "impression", 10), (0, "click", 2), (0, "transaction", 1)]
    rows = [(days, kind, f"U-{n}") for days, kind, many in kinds for n in range(many)]
    noon = datetime.now(UTC).replace(hour=0, minute=0, second=1) if time.gmtime(now).tm_hour < 1 else None
    today = noon.timestamp() if noon else now
    database.add(
        [
            Event(
                f"e{n}",
                user,
                "SK-001",
                kind,
                int((today - 86_400 * days) * 1e6),
                1,
                2,
                10.0 if kind == "transaction" else None,
            )
            for n, (days, kind, user) in enumerate(rows)
        ]
    )
    return database


@pytest.fixture
def experiment(shop, database):
    """Fifty users each; those of the second variant click more."""
    started = datetime.now(UTC) - timedelta(days=2)
    one = Experiment("spring", "salt", started.isoformat(), (Variant("control", 0.5), Variant("new", 0.5, "v2")))
    start_experiment(shop.path, one)
    first = int(started.timestamp() * 1e6)
    with database.begin() as connection:
        for n in range(100):
            variant = "control" if n % 2 else "new"
            told = {"experiment": "spring", "user_id": f"U-{n:02d}", "variant": variant, "model": "v"}
            connection.execute(EXPOSURES.insert(), {**told, "happened": first, "lists": 3, "instead": 0})
    kinds = ["impression"] * 5
    database.add(
        [
            Event(f"e{n}-{k}", f"U-{n:02d}", "SK-001", kind, first + 1 + k, 1)
            for n in range(100)
            for k, kind in enumerate([*kinds, *(["click"] * (1 if n % 2 else 3))])
        ]
    )
    return one


def links_in(app, key):
    """Where the links of a part lead: the text after `rows=` of each."""
    markup = unescape(part(app, key))
    return [one.split("&")[0].split('"')[0] for one in markup.split("rows=")[1:]]


def test_a_service_that_never_ran_is_told_with_its_command(shop):
    for see in ("", "traffic", "business"):
        app = run(SERVICE, {"see": see})
        assert "It never ran here" in part(app, "never") and part(app, "trust")
        assert any("scripts/serve.py --open --workspace demo" in code.value for code in app.code)
    assert not (shop.path / FILE).exists()


def test_now_says_what_runs_and_what_serves(served):
    app = run(SERVICE, {})
    assert "It runs: up for 1 day" in part(app, "up")
    tiles, parts = part(app, "tiles"), part(app, "parts")
    assert "123 answers" in tiles and "1.6 %" in tiles and "50.0 %" in tiles and "too many" in tiles
    assert "&lt;b&gt;v1" in parts and "2 hours ago" in parts and "see=versions" in parts and "<b>v1" not in shown(app)
    assert (
        "the newest can’t serve" in parts and "so the version before serves on" in parts and "&lt;i&gt;damaged" in parts
    )
    assert "isn&#39;t built yet" in parts and "trust" in str([one.key for one in app.get("bidi_component")])


def test_a_service_that_stopped_is_told_apart_from_one_that_was_killed(served):
    with served.begin() as connection:
        connection.execute(SERVING.update().values(seen=time.time() - 300))
    assert "didn’t stop in order" in part(run(SERVICE, {}), "up")
    with served.begin() as connection:
        connection.execute(SERVING.update().values(seen=time.time() - 301, ended=True))
    import streamlit as st

    st.cache_data.clear()
    app = run(SERVICE, {})
    assert "it was stopped 5 minutes ago" in part(app, "up") and "scripts/serve.py" in app.code[0].value
    assert "What served last" in part(app, "parts-title") and " serves</span>" not in part(app, "parts")


def test_each_number_opens_rows_that_give_it(served):
    for see, key in (("", "tiles"), ("traffic", "tiles"), ("traffic", "routes")):
        found = {unquote(one) for one in links_in(run(SERVICE, {"see": see}), key)}
        assert found and {one.partition(":")[0] for one in found} <= set(ROWS)
    rows = run(SERVICE, {"see": "traffic", "rows": f"answers:{LISTS}"}).dataframe[0].value
    assert rows["n"].sum() == 100 and rows.loc[rows["status"] >= 500, "n"].sum() == 2
    assert run(SERVICE, {"rows": "fallback"}).dataframe[0].value["n"].sum() == 7
    now = run(SERVICE, {"rows": "answers"})
    tile = float(part(now, "tiles").partition("<b>")[2].partition("</b>")[0])
    assert now.dataframe[0].value["per_second"].sum() == pytest.approx(tile, rel=0.05)


def test_traffic_by_route_in_a_window(served):
    app = run(SERVICE, {"see": "traffic"})
    routes = part(app, "routes")
    assert routes.index("Recommendations") < routes.index("Search") < routes.index("Unknown addresses")
    assert "/health 50" in part(app, "watchers") and "DeadlineExceeded" in part(app, "fallback")
    assert "Nothing failed" in part(app, "error") and len(app.get("plotly_chart")) == 2
    one = run(SERVICE, {"see": "traffic", "part": "/search", "window": "24h"})
    assert "20" in part(one, "tiles") and "Search" in part(one, "line-title")


def test_unknown_routes_windows_and_figures_are_named(served):
    route = shown(run(SERVICE, {"see": "traffic", "part": "/serch"}))
    assert "did you mean" in route and "part=%2Fsearch" in route and "Leave it out" in route
    window = shown(run(SERVICE, {"see": "traffic", "window": "24"}))
    assert "No such window" in window and "window=24h" in window
    assert "No such figure" in shown(run(SERVICE, {"see": "traffic", "rows": "everything"}))


def test_a_quiet_service_says_so(database):
    app = run(SERVICE, {"see": "traffic"})
    assert "answered nobody" in shown(app) and "30 days" in shown(app)
    assert "No events yet" in shown(run(SERVICE, {"see": "business"}))
    assert "it has written nothing yet" in shown(run(SERVICE, {}))


def test_business_by_day_opens_the_events(sold):
    app = run(SERVICE, {"see": "business"})
    tiles, days = part(app, "tiles"), part(app, "days")
    assert "13.3 %" in tiles and "1 of 20 users bought" in tiles and "20.00" in tiles
    assert "10.0 %" in days and "20.0 %" in days and "28 of 30 days have no event" in part(app, "days-shown")
    rows = run(SERVICE, {"see": "business", "rows": "all:click"}).dataframe[0].value
    assert len(rows) == 4 and set(rows["event"]) == {"click"} and "event_id" not in rows
    day = datetime.now(UTC).date()
    assert len(run(SERVICE, {"see": "business", "rows": f"{day}:all"}).dataframe[0].value) == 13
    assert "No such figure" in shown(run(SERVICE, {"see": "business", "rows": "1999-01-01:click"}))


def test_people_are_masked_where_the_session_masks_them(sold):
    app = run(SERVICE, {"see": "business", "rows": "all:click", "mask": "1"})
    assert app.dataframe[0].value["user_id"].str.startswith("user-").all()


def test_variants_with_intervals_and_differences_in_words(experiment):
    app = run(SERVICE, {"see": "experiment"})
    variants = part(app, "variants")
    assert "20.0 %" in variants and "60.0 %" in variants and "v2" in variants and "what serves everyone" in variants
    assert "chance explains that" in part(app, "split")
    assert "clearly better" in part(app, "differences") and "can’t be told yet" in part(app, "differences")
    users = run(SERVICE, {"see": "experiment", "rows": "new:clicks"}).dataframe[0].value
    assert len(users) == 50 and users["clicks"].sum() == 150
    assert "No such figure" in shown(run(SERVICE, {"see": "experiment", "rows": "old:clicks"}))


def test_an_uneven_split_is_an_alarm(experiment, database):
    with database.begin() as connection:
        connection.execute(EXPOSURES.delete().where(EXPOSURES.c.variant == "new", EXPOSURES.c.user_id < "U-60"))
    app = run(SERVICE, {"see": "experiment"})
    assert "sw-against" in part(app, "split") and "mean nothing" in part(app, "alarmed")


def test_an_experiment_that_ended_stays_readable(experiment, shop):
    stop_experiment(shop.path)
    app = run(SERVICE, {"see": "experiment"})
    assert "until" in part(app, "experiment-title") and "60.0 %" in part(app, "variants")
    assert "did you mean" in shown(run(SERVICE, {"see": "experiment", "part": "sprin"}))


def test_no_experiment_and_no_retraining_have_their_commands(shop):
    for see, script in (("experiment", "scripts/experiment.py"), ("retraining", "scripts/retrain.py")):
        app = run(SERVICE, {"see": see})
        assert any(script in code.value for code in app.code), see


def test_retrainings_say_why_the_new_version_serves_or_does_not(shop):
    for place, (outcome, words) in enumerate((("kept", "worse by <b>0.1</b>"), ("refused", "the prices drifted"))):
        name = f"2026-11-2{place}"
        folder = RunFolder(shop.path / "retraining" / name)
        folder.path.mkdir(parents=True)
        step = Step("refused" if outcome == "refused" else "done", "k", words, "2026-11-20", 12.0)
        state = RunState(name, f"{name}T03:00:00", f"{name}T03:00:00", {}, {"validate": step})
        folder.save(RunState(**{**state.__dict__, "outcome": outcome, "words": words, "finished": "x"}))
        (folder.path / "report.md").write_text(f"# <i>{words}</i>", encoding="utf-8")
    app = run(SERVICE, {"see": "retraining"})
    table = part(app, "retrainings")
    assert table.index("2026-11-21") < table.index("2026-11-20") and "the data was refused" in table
    assert "the prices drifted" in part(app, "steps") and "12 seconds" in part(app, "steps")
    older = run(SERVICE, {"see": "retraining", "part": "2026-11-20"})
    assert "the old version serves on" in part(older, "run-title") and "<b>0.1" not in shown(older)
    assert any("<i>worse" in code.value for code in older.code)
    assert "No such retraining" in shown(run(SERVICE, {"see": "retraining", "part": "2026-11-29"}))


def test_a_prometheus_that_is_down_is_said_and_the_own_figures_are_shown(served, monkeypatch):
    for address, said in (("http://127.0.0.1:1", "doesn&#39;t answer"), ("file:///etc", "must be an http")):
        monkeypatch.setenv("SHELFWISE_PROMETHEUS", address)
        app = run(SERVICE, {})
        assert said in part(app, "trouble") and "123 answers" in part(app, "tiles")


def test_what_prometheus_knows_is_shown_though_the_database_is_gone(shop, monkeypatch):
    from engine.watching import prometheus
    from engine.watching.answers import COUNTED, TALLIED, Answers

    def answers(self, window):
        rows = [(pd.Timestamp(window.start, unit="s", tz="UTC"), LISTS, 200, 40.0)]
        latency = pd.DataFrame([(rows[0][0], LISTS, *(4.0 for _ in BUCKETS))], columns=["at", "route", *BUCKETS])
        tallies = pd.DataFrame(columns=TALLIED)
        return Answers(window, pd.DataFrame(rows, columns=COUNTED), latency, tallies, "Prometheus")

    monkeypatch.setattr(prometheus.Prometheus, "answers", answers)
    monkeypatch.setenv("SHELFWISE_PROMETHEUS", "http://prometheus:9090")
    app = run(SERVICE, {})
    assert "40 answers" in part(app, "tiles") and "can’t be told here" in part(app, "standing")
    assert "UTC from Prometheus" in part(app, "read")


def test_a_database_that_is_locked_damaged_or_distant_fails_with_a_way_out(served, shop, monkeypatch):
    monkeypatch.setattr(watching, "WAIT", 0.05)
    monkeypatch.setenv("SHELFWISE_DATABASE", "postgresql://u:secret@127.0.0.1:1/x")
    app = run(SERVICE, {})
    assert "SHELFWISE_DATABASE names it" in shown(app) and "secret" not in shown(app)
    monkeypatch.delenv("SHELFWISE_DATABASE")
    served.close()
    for file in shop.path.glob(f"{FILE}*"):
        file.unlink()
    (shop.path / FILE).write_bytes(b"no database" * 1000)
    assert "/ready of the service says more" in shown(run(SERVICE, {}))


def test_what_is_needed_and_missing_is_said_with_its_command(shop, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sqlalchemy" else found(name))
    app = run(SERVICE, {})
    assert "Not installed yet" in shown(app) and any(".[ops]" in code.value for code in app.code)


def test_other_pages_load_nothing_of_the_service():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()\n"
        "print(*sorted({'sqlalchemy', 'fastapi', 'torch', 'prometheus_client'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=APP.parent
    )
    assert loaded.stdout.split() == [], loaded.stderr[-500:]


def test_the_page_loads_no_library_that_it_can_do_without(served):
    code = (
        "import sys, pages.parts.service_now, pages.parts.service_traffic\n"
        "print(*sorted({'fastapi', 'scipy.stats', 'torch', 'uvicorn'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=APP.parent
    )
    assert loaded.returncode == 0 and loaded.stdout.split() == [], loaded.stderr[-500:]
