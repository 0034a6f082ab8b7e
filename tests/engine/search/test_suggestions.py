import pytest

from engine.search.suggestions import Suggester


@pytest.fixture
def suggester():
    return Suggester(
        asked=["warm boots"],
        judged=["leather bag", "warm boots"],
        tags=["keeps warm", "leather"],
        titles=["Brown leather bag", "Boots of the north", "Кожаная сумка", "Leather boots", "x" * 200],
    )


def texts(suggester, typed, **more):
    return [suggestion.text for suggestion in suggester.suggest(typed, **more)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lea", ["leather bag", "leather", "Leather boots", "Brown leather bag"]),
        ("warm b", ["warm boots"]),
        ("BOO", ["warm boots", "Boots of the north", "Leather boots"]),
        ("bag lea", ["leather bag", "Brown leather bag"]),
        ("сумк", ["Кожаная сумка"]),
        ("laether b", ["leather bag", "Brown leather bag", "Leather boots"]),
        ("lethe", ["leather bag", "leather", "Brown leather bag", "Leather boots"]),
        ("zzzzzz", []),
        ("", []),
        ("  ,;", []),
        ("leather bag", ["Brown leather bag"]),
    ],
)
def test_suggestions_fit_what_was_typed(suggester, typed, found):
    assert texts(suggester, typed) == found


def test_sources_are_told_and_a_text_of_two_sources_comes_once(suggester):
    assert [(one.text, one.source) for one in suggester.suggest("warm")] == [
        ("warm boots", "asked"),
        ("keeps warm", "tag"),
    ]


def test_no_more_than_asked_for(suggester):
    assert len(texts(suggester, "l", n=2)) == 2


def test_long_and_odd_input_gives_nothing(suggester):
    assert texts(suggester, "leather " * 1000) == []
    assert texts(suggester, "*(\\[") == []


def test_an_empty_catalogue_suggests_nothing():
    assert Suggester([], [], [], []).suggest("bag") == ()
