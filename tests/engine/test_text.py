from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import chunks, normalise, sentences, stem, terms

INFORMAL = st.text(st.sampled_from("абВёT o.. !?…\n)(:;D😍,\"'3x-т."), max_size=60)


@given(st.one_of(st.text(max_size=80), INFORMAL))
def test_every_character_but_space_is_in_exactly_one_sentence(text):
    spans = sentences(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    inside = "".join(text[start:end] for start, end in spans)
    assert "".join(inside.split()) == "".join(text.split())


@given(INFORMAL)
def test_a_sentence_says_something_unless_nothing_does(text):
    said = [any(letter.isalnum() for letter in text[start:end]) for start, end in sentences(text)]
    assert all(said) or len(said) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("😍", ["😍"]),
        ("Хорошее, милое. Для пляжа, нести) \nСпасибо", ["Хорошее, милое.", "Для пляжа, нести)", "Спасибо"]),
        ("Тонкое.Брала на юг и т.д. для багажа. Да", ["Тонкое.", "Брала на юг и т.д. для багажа.", "Да"]),
        ("супер!!!рекомендую", ["супер!!!", "рекомендую"]),
        ("отлично.рекомендую всем", ["отлично.", "рекомендую всем"]),
        ("ну... так себе...Не очень", ["ну... так себе...", "Не очень"]),
        ("размер 3.5 см. по ширине, site.com ок", ["размер 3.5 см. по ширине, site.com ок"]),
        ("Great.Love it! Mr. Smith came. ok", ["Great.", "Love it!", "Mr. Smith came.", "ok"]),
        ("Nice bag 😍😍 Buy it :) Now", ["Nice bag 😍😍", "Buy it :)", "Now"]),
        ("Супер))) Берите (очень) Хорошо", ["Супер)))", "Берите (очень) Хорошо"]),
        ("Малая! 😍\n😍\nЕщё", ["Малая! 😍\n😍", "Ещё"]),
        ('"What?!" No way… A. Smith', ['"What?!"', "No way…", "A. Smith"]),
    ],
)
def test_informal_reviews_are_split_where_people_would(text, expected):
    assert [text[start:end] for start, end in sentences(text)] == expected


@pytest.mark.parametrize("run", [")", " ", ".", "😍", ":)", "\n \n", "(a) ", "x"])
def test_long_runs_of_anything_take_no_quadratic_time(run):
    text = run * 60_000 + "x"  # quadratic time would run into the time limit of tests
    assert sentences(text)
    assert len("".join(chunks(text))) <= len(text)


def test_normalising_makes_forms_equal():
    assert normalise("ЁЛКА don’t") == "елка don't"
    assert normalise("e\u0301") == unicodedata.normalize("NFC", "é")


def test_stems_follow_the_language_of_each_word():
    assert {stem(word) for word in ("легкая", "легкий", "легкие")} == {"легк"}
    assert stem("running") == stem("runs") == "run"
    assert terms("Лёгкие shoes") == ["легк", "shoe"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("не тяжёлая", ["¬тяжел"]),
        ("isn't very soft", ["¬veri", "¬soft"]),
        ("без запаха, приятный", ["¬запах", "приятн"]),
        ("Не. Хорошая", ["хорош"]),
        ("not bad but soft", ["¬bad", "but", "soft"]),
        ("нет", []),
    ],
)
def test_a_negation_marks_the_word_that_it_is_about(text, expected):
    assert terms(text) == expected


def test_chunks_keep_punctuation_and_marks():
    assert chunks("Супер!!! Не тяжёлая, ура") == ["супер!!!", "¬тяжелая,", "ура"]
