"""Notes on runs: the newest counts, and what can't be one is refused."""

import pandas as pd
import pytest

from engine.errors import DataError, UnknownNameError
from engine.run_notes import RunNotes
from engine.runs import RunStore, new_run


@pytest.fixture
def run_id(workspace):
    run = new_run("search", "bm25", config={}, data_hash="d", split="s", seed=1, eligibility="all")
    rows = pd.DataFrame({"query_id": ["q"], "hits": [["a"]], "relevant": [["a"]]})
    return RunStore(workspace).save(run, rows).id


def test_the_newest_note_counts(workspace, run_id):
    notes = RunNotes(workspace)
    notes.write(run_id, "first", ["baseline"], who="Ann")
    notes.write(run_id, " the one to beat ", ["baseline", "spring", "baseline"], who="Bob")
    note = notes.current()[run_id]
    assert (note.text, note.tags, note.who) == ("the one to beat", ("baseline", "spring"), "Bob")
    notes.write(run_id, "", [], who="Bob")
    assert notes.current() == {}


def test_bad_notes_are_refused(workspace, run_id):
    notes = RunNotes(workspace)
    with pytest.raises(UnknownNameError):
        notes.write(run_id[:-1] + "!", "x", [], who="Ann")
    with pytest.raises(DataError, match="2,001 characters"):
        notes.write(run_id, "x" * 2001, [], who="Ann")
    with pytest.raises(DataError, match="11 tags"):
        notes.write(run_id, "x", [f"t{n}" for n in range(11)], who="Ann")
    assert notes.current() == {}
