"""What the service stored comes into the table once: over runs, kills, new imports, bad rows and wrong clocks."""

import os
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from recommended import BAGS, SHOES
from sqlalchemy import text
from told import NOW, event, tell

import engine.workspace
from engine.errors import StorageError, WorkspaceError
from engine.recommend.events import micros
from engine.recommending.shop import open_shop
from engine.retraining.ledger import OVERLAP, batch_of, fold, read_ledger
from engine.retraining.sample import read_known
from engine.retraining.stored import arrow_of, new_events
from engine.serve.storage import Database, database_url
from engine.workspace import Workspace

POSTGRES = os.environ.get("SHELFWISE_TEST_POSTGRES")


def bring_in(workspace, now=NOW):
    """What a run does: take what is new, and fold it."""
    ledger = read_ledger(workspace)
    batch = new_events(workspace, ledger, read_known(workspace), now=now)
    if batch.name:
        sha = workspace.tables["events"].sha256
        fold(workspace, arrow_of(batch.rows), ledger.after(batch.name, batch.arrived), expected=sha)
    return batch


def rows_of(workspace, user="fresh"):
    frame = Workspace.open(workspace.path).read("events")
    return frame[frame["user_id"] == user]


def reopened(workspace):
    return Workspace.open(workspace.path)


def test_events_come_in_once_over_runs(shop):
    before = shop.tables["events"].rows
    tell(shop, *(event(n, BAGS[n]) for n in range(5)))
    assert len(bring_in(shop).rows) == 5
    shop = reopened(shop)
    assert shop.tables["events"].rows == before + 5 and len(bring_in(shop).rows) == 0
    tell(shop, event(2, BAGS[2]), event(7, BAGS[7], "addtocart", quantity=2.0, price=9.5))  # one of them told again
    assert len(bring_in(shop).rows) == 1
    rows = rows_of(reopened(shop))
    assert Counter(rows["item_id"]) == Counter([*BAGS[:5], BAGS[7]])
    last = rows[rows["item_id"] == BAGS[7]].iloc[0]
    assert (last["event"], last["quantity"], last["price"]) == ("addtocart", 2.0, 9.5)


def test_the_time_is_kept_to_the_microsecond_so_that_nothing_counts_twice_for_a_list(shop):
    odd = event(1, BAGS[0], late=0.123457)
    tell(shop, odd)
    bring_in(shop)
    (when,) = read_known(reopened(shop)).query("user_id == 'fresh'")["micros"]
    assert when == odd.happened


def test_what_becomes_visible_late_is_not_lost(shop):
    """Another process may commit an event a moment after one that arrived later was read."""
    tell(shop, event(50, BAGS[0]))
    bring_in(shop)
    tell(shop, event(10, BAGS[1]))  # it arrived before the one that is in already
    assert len(bring_in(reopened(shop)).rows) == 1
    assert len(rows_of(shop)) == 2
    ledger = read_ledger(reopened(shop))
    later = ledger.after("b", {"new": ledger.until + OVERLAP + 1})
    assert set(later.recent) == {"new"}  # what can't come again isn't remembered


def test_the_same_thing_told_twice_with_two_ids_stays_two_rows(shop):
    tell(shop, event(1, BAGS[0]))
    bring_in(shop)
    one = event(1, BAGS[0])
    tell(shop, type(one)("other", one.user_id, one.item_id, one.event, one.happened, one.received))
    bring_in(reopened(shop))
    assert len(rows_of(shop)) == 2


def test_impressions_stay_with_the_service_and_clicks_come_without_weight(shop):
    tell(shop, event(1, BAGS[0], "impression"), event(2, BAGS[0], "click"), event(3, BAGS[0], "view"))
    batch = bring_in(shop)
    assert batch.stayed == {"impression": 1} and sorted(batch.rows["event"]) == ["click", "view"]
    log = open_shop(reopened(shop))
    assert "1 of kinds without a weight (click)" in log.report.summary


def test_only_impressions_change_nothing(shop):
    tell(shop, event(1, BAGS[0], "impression"))
    assert bring_in(shop).name == "" and batch_of(reopened(shop).tables["events"].origin) == ""


BAD = {
    "INSERT INTO events VALUES ('x1', '', 'bag-01', 'view', {t}, {t}, NULL, NULL)": "user_id is missing",
    "INSERT INTO events VALUES ('x2', 'u', 'bag-01', 'view', -5, {t}, NULL, NULL)": "before 1970",
    "INSERT INTO events VALUES ('x3', 'u', 'bag-01', 'view', 99999999999999999, {t}, NULL, NULL)": "timestamp",
    "INSERT INTO events VALUES ('x4', 'u', 'bag-01', 'view', {later}, {t}, NULL, NULL)": "is in the future",
    "INSERT INTO events VALUES ('x5', 'u', 'bag-01', 'view', {t}, {t}, NULL, 'cheap')": "is not a number",
}


def test_bad_rows_are_left_out_with_reasons_and_break_nothing(shop):
    tell(shop, event(1, BAGS[0]))
    database = Database(database_url(shop.path))
    now = micros(NOW) - 5
    with database.begin() as connection:
        for sql in BAD:
            connection.execute(text(sql.format(t=now, later=now + 3 * 86_400_000_000)))
    database.close()
    batch = bring_in(shop)
    assert len(batch.rows) == 1 and sum(batch.report.rejected.values()) == len(BAD)
    for reason in BAD.values():
        assert any(reason in f"{why} {examples}" for why, examples in batch.report.examples.items()), reason
    assert len(bring_in(reopened(shop)).rows) == 0
    open_shop(reopened(shop))


def test_clocks_that_are_wrong(shop):
    """The service takes a clock that is ahead for its own; one that is behind, and one told of later, are kept."""
    tell(shop, event(1, BAGS[0], late=-200), event(2, BAGS[1], late=400 * 86_400))
    assert len(bring_in(shop).rows) == 2
    tell(shop, event(3, BAGS[2], at=NOW + timedelta(hours=5)))
    assert len(bring_in(reopened(shop)).rows) == 0  # as of NOW it hasn't arrived
    assert len(bring_in(reopened(shop), NOW + timedelta(hours=6)).rows) == 1


def test_a_new_import_takes_the_events_in_again_but_not_those_it_has(shop):
    tell(shop, *(event(n, BAGS[n]) for n in range(4)))
    bring_in(shop)
    imported = read_known(shop).query("user_id != 'fresh'")
    rows = reopened(shop).read("events")
    keep = rows[(rows["user_id"] != "fresh") | (rows["item_id"] == BAGS[0])]
    with shop.replace_tables("csv") as writer:
        writer.write("events", keep)
    batch = bring_in(reopened(shop))
    assert (len(batch.rows), batch.there) == (3, 1) and len(rows_of(shop)) == 4
    assert reopened(shop).tables["events"].rows == len(imported) + 4
    assert reopened(shop).tables["events"].origin.startswith("csv + service events ")


def test_a_lost_ledger_is_found_again_in_the_table(shop):
    tell(shop, *(event(n, BAGS[n]) for n in range(4)))
    bring_in(shop)
    (file,) = (shop.path / "retraining" / "folded").glob("*.json")
    file.write_text("{")
    with pytest.raises(WorkspaceError, match="remove it"):
        bring_in(reopened(shop))
    file.unlink()
    tell(shop, event(9, SHOES[0]))
    assert len(bring_in(reopened(shop)).rows) == 1 and len(rows_of(shop)) == 5


@pytest.mark.parametrize(("where", "call"), [("write_json", 0), ("_finish_commit", 1), ("write_json", 1)])
def test_a_kill_while_the_table_is_replaced_brings_all_in_or_none(shop, where, call, monkeypatch):
    tell(shop, *(event(n, BAGS[n]) for n in range(3)))
    real, calls = getattr(engine.workspace, where), []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) > call:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(engine.workspace, where, dies)
    with pytest.raises(KeyboardInterrupt):
        bring_in(shop)
    monkeypatch.undo()
    bring_in(reopened(shop))
    assert len(rows_of(shop)) == 3


def test_a_table_that_changed_meanwhile_is_not_written_over(shop):
    tell(shop, event(1, BAGS[0]))
    batch = new_events(shop, read_ledger(shop), read_known(shop), now=NOW)
    with pytest.raises(StorageError, match="was replaced"):
        fold(shop, arrow_of(batch.rows), read_ledger(shop).after(batch.name, batch.arrived), expected="other")
    assert len(rows_of(shop)) == 0


@pytest.mark.skipif(not POSTGRES, reason="SHELFWISE_TEST_POSTGRES names no database to test on")
def test_events_come_from_postgresql_as_well(shop, monkeypatch):
    server = Database(database_url(shop.path, POSTGRES))
    name = f"test_{uuid.uuid4().hex[:12]}"
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = database_url(shop.path, POSTGRES).set(database=name)
    monkeypatch.setenv("SHELFWISE_DATABASE", url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        assert bring_in(shop).name == ""  # the service has made no table yet
        tell(shop, *(event(n, BAGS[n]) for n in range(5)), event(9, BAGS[0], "impression"), url=url)
        batch = bring_in(shop)
        assert len(batch.rows) == 5 and batch.stayed == {"impression": 1}
        assert len(bring_in(reopened(shop)).rows) == 0 and len(rows_of(shop)) == 5
    finally:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
        server.close()
