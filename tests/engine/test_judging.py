import threading

import pandas as pd
import pytest

from engine.errors import DataError, UnknownNameError
from engine.judging import Judging, good_answers, with_people

IMPORTED = pd.DataFrame(
    [
        ("Q-1", "Red bag", "A", 3.0, "import"),
        ("Q-1", "Red bag", "B", 0.0, "import"),
        ("Q-2", "toy", "A", 1.0, "import"),
    ],
    columns=["query_id", "query", "item_id", "relevance", "source"],
)


@pytest.fixture
def judging(workspace):
    return Judging(workspace)


def test_looking_at_judgments_makes_no_state(judging, workspace):
    assert judging.current().empty and judging.history().empty
    assert judging.of("red bag") == {} and judging.last("Ann") is None
    assert judging.version() == "0-0"
    assert not (workspace.path / "state.sqlite").exists()


def test_the_newest_judgment_of_each_person_counts(judging):
    judging.judge("Red bag", "A", "good", who="Ann")
    judging.judge("red  BAG", "A", "bad", reason="Too dear", who="Ann")
    judging.judge("red bag", "A", "partly", who="Bob")
    assert judging.current()[["verdict", "reason", "who"]].to_numpy().tolist() == [
        ["bad", "Too dear", "Ann"],
        ["partly", "", "Bob"],
    ]
    assert judging.of("RED bag")["A"].verdict == "partly"
    assert len(judging.history()) == 3


def test_an_undo_brings_back_what_counted_before(judging):
    judging.judge("bag", "A", "good", who="Ann")
    second = judging.judge("bag", "A", "bad", who="Ann")
    assert judging.last("Ann").id == second
    before = judging.version()
    assert judging.undo(second, who="Bob") is True
    assert judging.undo(second, who="Bob") is False
    assert judging.version() != before
    assert judging.of("bag")["A"].verdict == "good"
    assert judging.history().set_index("id").loc[second, "undone_by"] == "Bob"
    assert judging.last("Ann").id != second


@pytest.mark.parametrize(
    ("query", "verdict", "who", "error"),
    [
        ("bag", "great", "Ann", UnknownNameError),
        ("  ", "good", "Ann", DataError),
        ("b" * 301, "good", "Ann", DataError),
        ("bag", "good", " ", DataError),
        ("bag", "good", "a\u202eb", DataError),
    ],
)
def test_what_nobody_could_read_is_refused_and_nothing_is_written(judging, query, verdict, who, error):
    with pytest.raises(error):
        judging.judge(query, "A", verdict, who=who)
    assert judging.history().empty


def test_an_unknown_judgment_cannot_be_undone(judging):
    with pytest.raises(DataError, match="no judgment"):
        judging.undo(7, who="Ann")


def test_judgments_take_the_form_of_the_table(judging):
    judging.judge("red bag", "A", "partly", who="Ann")
    judging.judge("green bag", "B", "good", who="Bob")
    rows = judging.judgments(IMPORTED)
    assert list(rows.columns) == list(IMPORTED.columns)
    assert rows["relevance"].tolist() == [1.0, 2.0]
    assert rows["source"].tolist() == ["human:Ann", "human:Bob"]
    assert rows["query_id"].iloc[0] == "Q-1"
    assert rows["query_id"].iloc[1].startswith("H-")
    assert judging.judgments()["query_id"].str.startswith("H-").all()
    assert Judging(judging.workspace).judgments(IMPORTED).equals(rows)


def test_people_replace_imported_judgments_of_the_same_pair_on_its_scale(judging):
    judging.judge("red bag", "A", "bad", who="Ann")
    judging.judge("red bag", "A", "partly", who="Bob")
    judging.judge("toy", "C", "good", who="Ann")
    rows = with_people(IMPORTED, judging.judgments(IMPORTED))
    found = rows.set_index(["query_id", "item_id"])["relevance"].to_dict()
    assert found == {("Q-1", "A"): 0.75, ("Q-1", "B"): 0.0, ("Q-2", "A"): 1.0, ("Q-2", "C"): 3.0}


def test_without_people_the_imported_judgments_stay(judging):
    assert with_people(IMPORTED, judging.judgments(IMPORTED)).equals(IMPORTED)


def test_people_at_once_lose_nothing(judging):
    def work(who):
        for n in range(10):
            judging.judge("bag", f"I{n}", "good", who=who)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("Ann", "Bob", "Cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(judging.current()) == 30


def test_good_answers_lie_above_the_middle_of_the_grades():
    more = pd.concat([IMPORTED, IMPORTED.iloc[:1].assign(item_id="C", relevance=2.0)], ignore_index=True)
    assert good_answers(more) == {"red bag": ("A", "C")}
    assert good_answers(IMPORTED.head(0)) == {}
