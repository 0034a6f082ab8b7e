"""What a query is understood to ask for."""

import pandas as pd
import pytest

from engine.search.fields import read_fields
from engine.search.query import QueryReader
from engine.search.spelling import Speller
from engine.search.terms import terms, words

TITLES = (
    "Delta kitchen faucet 12 in.",
    "White shower curtain, 2 ft. x 4 ft.",
    "Wall oven with light",
    "Сумка дорожная 60 см",
    "Кроссовки детские",
)


@pytest.fixture(scope="module")
def reader():
    return QueryReader(read_fields(pd.DataFrame({"title": TITLES}), "1"))


@pytest.mark.parametrize(
    "written", ["12 in", "12in", '12"', "12-inch", "12 inches", "12 in.", "12''", "12″", "12.0 in"]
)
def test_a_size_is_one_term_however_it_is_written(written):
    assert terms(written) == ["12in", "12"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5 gal", ["5gal", "5"]),
        ("3/4", ["0.75"]),
        ("3-1/2 in. x 2ft", ["3.5in", "3.5", "2ft", "2"]),
        ("2½ ft", ["2.5ft", "2.5"]),
        ("2x4", ["2", "4"]),
        ("2 in. x 4 in. x 8 ft.", ["2in", "2", "4in", "4", "8ft", "8"]),
        ("10 мм", ["10mm", "10"]),
        ("60см", ["60cm", "60"]),
        ("1,000 sq. ft.", ["1000sqft", "1000"]),
        ("18.2 cu. ft.", ["18.2cuft", "18.2"]),
        ("12v", ["12v", "12"]),
        ("2-in-1", ["2", "1"]),
        ("7&#39; chain", ["7ft", "7", "chain"]),
        ("m18 kit", ["m18", "kit"]),
    ],
)
def test_numbers_and_units_have_one_form(written, expected):
    assert terms(written) == expected


@pytest.mark.parametrize("forms", ["сумка сумки сумку сумок", "shelf shelves", "men's man men", "battery batteries"])
def test_forms_of_a_word_are_one_term(forms):
    assert len(set(terms(forms))) == 1


def test_composed_and_decomposed_letters_are_the_same():
    assert terms("детский") == terms("детский") and terms("ёлка") == terms("елка")


def test_typing_errors_are_corrected_and_told(reader):
    read = reader.read("kichen fawcet")
    assert read.terms == ("kitchen", "faucet")
    assert read.instead == "searched for “kitchen faucet” instead of “kichen fawcet”"
    assert reader.read("кросовки").terms == reader.read("кроссовки").terms


def test_words_written_together_are_taken_apart(reader):
    assert reader.read("walloven").terms == ("wall", "oven")


def test_known_words_stay_as_they_are(reader):
    assert reader.read("showers curtain ovens").corrections == ()


def test_short_words_and_numbers_are_never_corrected():
    speller = Speller({"cat": 5, "12in": 5, "table": 5})
    assert [speller.correct(word) for word in ("cta", "13in", "tabel", "the", "qqqqqqq")] == [
        None,
        None,
        "table",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Type what you are looking for"),
        ("   ", "Type what you are looking for"),
        ("for the", "nothing to look for"),
        ("!!!", "no words"),
        ("в", "nothing to look for"),
        ("z", "One letter says little"),
        ("红色的包", "near in meaning"),
        ("faucet " * 3000, "only its first"),
    ],
)
def test_a_query_with_little_to_go_on_gets_a_message(reader, query, said):
    assert said in reader.read(query).message


def test_a_plain_query_gets_none(reader):
    read = reader.read("white shower curtain")
    assert read.message is None and read.instead is None and read.known == 3


def test_ten_thousand_characters_are_cut(reader):
    assert len(reader.read("faucet light " * 1000).terms) <= 256
    assert len(reader.read("a" * 10_000).text) <= 2_000


def test_words_keep_their_form():
    assert words("The White curtains, 2 ft.") == ["white", "curtains", "2ft"]


def test_a_division_by_nothing_is_no_number():
    assert terms("1/0 lamp")[-1] == "lamp"
