from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import asdict

import pandas as pd
import pytest

from engine.decisions import Decisions
from engine.errors import DataError
from engine.settings import PROJECT
from engine.state import MIGRATIONS, State
from engine.workspace import Workspace

PAIR = ("SKU-1", "soft")
# One process decides on ten SKUs at a time, for ever, and says after each batch that it is saved.
ENDLESS = """
import sys
from itertools import count
from pathlib import Path
from engine.decisions import Decisions
from engine.workspace import Workspace
decisions = Decisions(Workspace.open(Path(sys.argv[1])))
for n in count():
    print(decisions.confirm([(f"SKU-{n}-{i}", "soft") for i in range(10)], who="Ann"), flush=True)
"""


@pytest.fixture
def decisions(workspace):
    return Decisions(workspace)


def said(decisions):
    """(verdict, who) that counts on PAIR, or None."""
    rows = decisions.current()
    rows = rows[(rows["item_id"] == PAIR[0]) & (rows["tag"] == PAIR[1])]
    return tuple(rows.iloc[0][["verdict", "who"]]) if len(rows) else None


def test_looking_at_decisions_makes_no_state(decisions, workspace):
    assert decisions.current().empty
    assert decisions.history().empty
    assert decisions.batches(5) == []
    assert decisions.version() == "0-0"
    assert not (workspace.path / "state.sqlite").exists()


def test_the_newest_decision_counts_and_the_others_stay_in_the_history(decisions):
    decisions.confirm([PAIR], who="Ann")
    decisions.reject([PAIR], reason="Too vague", who="Bob")
    assert said(decisions) == ("rejected", "Bob")
    history = decisions.history("SKU-1")
    assert history[["verdict", "who", "reason"]].to_numpy().tolist() == [
        ["rejected", "Bob", "Too vague"],
        ["confirmed", "Ann", ""],
    ]
    assert history["decided"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").all()
    assert decisions.history("SKU-2").empty


def test_undo_brings_back_what_counted_before_and_is_itself_kept(decisions):
    decisions.confirm([PAIR], who="Ann")
    second = decisions.reject([PAIR], reason="Too vague", who="Bob")
    before = decisions.version()
    assert decisions.undo(second, who="Ann") is True
    assert said(decisions) == ("confirmed", "Ann")
    assert decisions.history()["undone_by"].tolist() == ["Ann", ""]
    assert decisions.version() != before
    assert decisions.undo(second, who="Bob") is False
    assert decisions.history()["undone_by"].tolist() == ["Ann", ""]


def test_undoing_an_older_decision_leaves_the_newer_one(decisions):
    first = decisions.confirm([PAIR], who="Ann")
    decisions.reject([PAIR], reason="Too vague", who="Bob")
    decisions.undo(first, who="Ann")
    assert said(decisions) == ("rejected", "Bob")


def test_what_was_decided_together_is_undone_together(decisions):
    batch = decisions.add([(f"SKU-{i}", "warm") for i in range(500)], who="Ann")
    kept = decisions.confirm([PAIR], who="Ann")
    (last, bulk) = decisions.batches(2)
    assert (last.id, last.pairs) == (kept, 1)
    assert (bulk.id, bulk.pairs, bulk.tag, bulk.verdict, bulk.undone_by) == (batch, 500, "warm", "added", "")
    decisions.undo(batch, who="Bob")
    assert decisions.current()["tag"].tolist() == ["soft"]
    assert decisions.batches(2)[1].undone_by == "Bob"


def test_renaming_takes_the_old_tag_away_and_gives_the_new_one_and_undoes_both(decisions):
    batch = decisions.rename([PAIR, ("SKU-2", "soft")], " very  soft ", who="Ann")
    rows = decisions.current().set_index(["item_id", "tag"])["verdict"].to_dict()
    assert rows == {
        ("SKU-1", "soft"): "renamed",
        ("SKU-1", "very soft"): "added",
        ("SKU-2", "soft"): "renamed",
        ("SKU-2", "very soft"): "added",
    }
    (shown,) = decisions.batches(5)
    assert (shown.pairs, shown.tag, shown.verdict, shown.reason) == (2, "soft", "renamed", "very soft")
    decisions.undo(batch, who="Ann")
    assert decisions.current().empty


def test_decisions_are_labels(decisions):
    decisions.confirm([PAIR], who="Ann")
    decisions.add([("SKU-1", "light")], who="Ann")
    decisions.reject([("SKU-2", "soft")], reason="Too vague", who="Ann")
    decisions.rename([("SKU-3", "warmish")], "warm", who="Ann")
    labels = decisions.labels()
    assert labels.true == {"SKU-1": {"soft", "light"}, "SKU-3": {"warm"}}
    assert labels.false == {"SKU-2": {"soft"}, "SKU-3": {"warmish"}}
    assert labels.count == 5
    digest = labels.digest
    assert Decisions(decisions.workspace).labels().digest == digest
    decisions.confirm([("SKU-2", "soft")], who="Bob")
    assert decisions.labels().digest != digest


@pytest.mark.parametrize("tag", ["", "  \n ", "x" * 101, "a\x00b", "a\u202eb"])
def test_a_tag_that_nobody_could_read_is_refused(decisions, tag):
    with pytest.raises(DataError, match="tag"):
        decisions.add([PAIR, ("SKU-1", tag)], who="Ann")
    with pytest.raises(DataError, match="tag"):
        decisions.rename([PAIR], tag, who="Ann")
    assert decisions.history().empty


def test_decisions_need_a_name_a_reason_a_sku_and_a_known_batch(decisions):
    with pytest.raises(DataError, match="name is empty"):
        decisions.confirm([PAIR], who=" ")
    with pytest.raises(DataError, match="reason is empty"):
        decisions.reject([PAIR], reason="", who="Ann")
    with pytest.raises(DataError, match="nothing to decide"):
        decisions.confirm([], who="Ann")
    with pytest.raises(DataError, match="already"):
        decisions.rename([PAIR], "soft", who="Ann")
    with pytest.raises(DataError, match="no batch"):
        decisions.undo("nothing", who="Ann")
    assert decisions.history().empty


def test_people_at_once_lose_nothing(workspace):
    together = threading.Barrier(4)

    def work(who):
        mine = Decisions(Workspace.open(workspace.path))
        together.wait()
        for n in range(15):
            mine.confirm([(f"SKU-{n}", "soft")], who=who)

    people = [threading.Thread(target=work, args=(f"P{n}",)) for n in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    history = Decisions(workspace).history()
    assert history.groupby("who").size().to_dict() == {f"P{n}": 15 for n in range(4)}
    newest = history.drop_duplicates("item_id").set_index("item_id")["who"]
    assert Decisions(workspace).current().set_index("item_id")["who"].to_dict() == newest.to_dict()


def test_a_kill_loses_no_decision_and_halves_no_batch(workspace):
    command = [sys.executable, "-c", ENDLESS, str(workspace.path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        saved = [process.stdout.readline().strip() for _ in range(12)]
        process.send_signal(signal.SIGKILL)
        saved += process.stdout.read().split("\n")[:-1]
    sizes = Decisions(workspace).current().groupby("batch").size()
    assert set(saved) <= set(sizes.index)
    assert set(sizes) == {10}
    assert Decisions(workspace).confirm([PAIR], who="Ann")


def test_decisions_survive_another_import(decisions, workspace, items):
    decisions.confirm([("007", "soft"), ("gone", "soft")], who="Ann")
    for _ in range(2):
        with workspace.replace_tables("test") as writer:
            writer.write("items", items)
    assert Decisions(Workspace.open(workspace.path)).labels().true == {"007": {"soft"}, "gone": {"soft"}}


def test_a_state_from_before_decisions_is_brought_up_to_date(workspace, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("engine.state.MIGRATIONS", MIGRATIONS[:1])
        with State.open(workspace) as state:
            state.write(
                "INSERT INTO answers (key, prompt, model, answer, tokens_in, tokens_out) VALUES (?,?,?,?,?,?)",
                [("k", "p", "m", "{}", 1, 1)],
            )
    Decisions(workspace).confirm([PAIR], who="Ann")
    with State.open(workspace) as state:
        assert state.read("SELECT key FROM answers") == [("k",)]


def test_hostile_text_is_kept_as_it_is(decisions):
    tag = "'); DROP TABLE decisions; --<b>=1+1"
    decisions.add([("SKU-1", tag)], who="=cmd()")
    assert decisions.current()["tag"].tolist() == [tag]
    assert isinstance(decisions.current(), pd.DataFrame)
    assert asdict(decisions.batches(1)[0])["who"] == "=cmd()"
