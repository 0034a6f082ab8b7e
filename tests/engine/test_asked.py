import pytest

from engine.asked import Asked
from engine.state import State


@pytest.fixture
def asked(workspace):
    return Asked(workspace)


def test_queries_that_go_badly_are_counted_most_often_first(asked):
    asked.note("Unicorn saddle", found=0, weak=False)
    asked.note("warm boots", found=12, weak=False)
    asked.note("unicorn  SADDLE", found=0, weak=False)
    asked.note("hoverboard", found=3, weak=True)
    rows = asked.troubled(10)
    assert rows[["query", "times", "empty", "weak"]].to_numpy().tolist() == [
        ["unicorn SADDLE", 2, 2, 0],
        ["hoverboard", 1, 0, 1],
    ]
    assert rows["last"].str.endswith("Z").all()
    assert asked.answered(10)["query"].tolist() == ["warm boots"]


@pytest.mark.parametrize(
    "query", ["", "  ", "ann@example.com", "call +7 (900) 123-45-67", "order 123456789", "x" * 201]
)
def test_what_may_be_personal_or_is_no_query_is_not_counted(asked, query):
    assert asked.note(query, found=0, weak=False) is False
    assert asked.troubled(10).empty


def test_sizes_and_years_are_no_telephone_numbers(asked):
    assert asked.note("12 x 24 in tile 2026", found=0, weak=False)


def test_the_log_keeps_what_was_asked_last(workspace):
    asked = Asked(workspace, cap=3)
    with State.open(workspace) as state:
        rows = [(f"old {n}", f"old {n}", f"2020-01-0{n}T00:00:00.000Z") for n in range(1, 4)]
        state.write("INSERT INTO asked (key, query, times, empty, weak, last) VALUES (?, ?, 1, 1, 0, ?)", rows)
    asked.note("new", found=0, weak=False)
    assert asked.troubled(10)["query"].tolist() == ["new", "old 3", "old 2"]


def test_looking_makes_no_state(asked, workspace):
    assert asked.troubled(5).empty and asked.answered(5).empty
    assert not (workspace.path / "state.sqlite").exists()


def test_nothing_is_kept_of_who_asked(asked, workspace):
    asked.note("bag", found=1, weak=False)
    with State.open(workspace) as state:
        columns = {row[1] for row in state.read("PRAGMA table_info(asked)")}
    assert columns == {"key", "query", "times", "empty", "weak", "last"}
