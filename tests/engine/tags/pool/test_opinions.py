import pytest

from engine.tags.pool.extract import phrases
from engine.tags.pool.opinions import opinions


@pytest.mark.parametrize(
    ("review", "said"),
    [
        ("Очень мягкую подошву сделали", "мягкая подошва"),
        ("Подошва очень мягкая.", "мягкая подошва"),
        ("Взяла удобные ботинки", "удобные ботинки"),
        ("Не натирают. Удобные!", "не натирают"),
        ("Быстро сохнет", "быстро сохнет"),
        ("Крем без запаха", "без запаха"),
        ("Держит форму", "держит форму"),
        ("Маломерят", "маломерят"),
        ("цвет-яркий", "яркий цвет"),
        ("Soft foam, love it", "soft foam"),
        ("The foam is really soft.", "soft foam"),
        ("the zip jams", "zip jams"),
        ("It doesn't fade", "doesn't fade"),
        ("It is not soft", "not soft"),
        ("They run small", "run small"),
        ("keeps its shape", "keeps its shape"),
    ],
)
def test_what_a_review_says_of_the_product(review, said):
    assert said in opinions(review)


@pytest.mark.parametrize(
    "review", ["", "!!! 😀", "Спасибо, всё пришло вовремя", "Came on Tuesday, thanks", "x" * 100_000]
)
def test_nothing_said_gives_nothing(review):
    assert opinions(review) == []


def test_phrases_count_reviews_not_repetitions_and_join_forms():
    found = phrases(["Мягкая подошва. Мягкая подошва!", "мягкие подошвы", "подошва мягкая, жёсткий задник"])
    assert found == {"мягкая подошва": 3, "жесткий задник": 1}


def test_praise_of_the_thing_itself_is_no_tag():
    assert phrases(["Отличная сумка, отличный цвет", "great bag, great colour"]) == {
        "отличный цвет": 1,
        "great colour": 1,
    }
