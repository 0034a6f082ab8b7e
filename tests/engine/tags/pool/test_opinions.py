import asyncio

import pytest

from engine.schema import ItemText
from engine.tags.pool.extract import MOST_ONCE, ExtractedTags, phrases
from engine.tags.pool.opinions import opinions


@pytest.mark.parametrize(
    ("review", "said"),
    [
        ("Очень мягкую подошву сделали", "мягкая подошва"),
        ("Подошва очень мягкая.", "мягкая подошва"),
        ("Взяла удобные ботинки", "удобные"),
        ("Цвет отличный, а ткань просто ужасная", "хороший цвет"),
        ("Качество отличное!", "качественный"),
        ("Приятно пахнет", "приятный запах"),
        ("Соответствует размеру", "соответствует размеру"),
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
        ("They run small", "runs small"),
        ("It's heavy even empty", "heavy"),
        ("Looks far more expensive", "looks expensive"),
        ("The material feels a bit plasticky", "material feels plasticky"),
        ("The straps dig in", "straps dig in"),
        ("Easy to adjust, long enough", "easy to adjust"),
        ("Great for travel", "good for travel"),
        ("too small for my laptop", "too small for laptop"),
        ("Nothing wobbles", "doesn't wobble"),
        ("The plating came off in ten days", "plating came off"),
        ("There are no loose parts to swallow", "no loose parts"),
        ("No chemical smell at all", "no chemical smell"),
        ("It smells of lavender", "smells of lavender"),
        ("Doesn't smell of chemicals", "no chemical smell"),
        ("Well worth every penny", "worth the price"),
        ("Way too expensive for what it is", "overpriced"),
        ("Not worth the money", "overpriced"),
        ("Colour exactly as pictured", "true to the photos"),
        ("Nothing like the photo", "differs from the photos"),
        ("Pieces missing", "missing pieces"),
        ("Beautifully painted, with real care", "beautifully painted"),
        ("keeps its shape", "keeps its shape"),
    ],
)
def test_what_a_review_says_of_the_product(review, said):
    assert said in opinions(review)


@pytest.mark.parametrize(
    "review",
    [
        "",
        "!!! 😀",
        "Спасибо, всё пришло вовремя",
        "Came on Tuesday, thanks",
        "x" * 100_000,
        "In short: I had to order",
        "Pleasant surprise: I kept it",
        "It replaced my old purse that fell apart",
        "My sister, who is hard to please, was delighted",
        "The website is slow on my phone",
        "There were tears on Boxing Day",
        "It came off, and nothing comes out",
    ],
)
def test_nothing_said_gives_nothing(review):
    assert opinions(review) == []


def test_phrases_count_reviews_not_repetitions_and_join_forms():
    found = phrases(["Мягкая подошва. Мягкая подошва!", "мягкие подошвы", "подошва мягкая, жёсткий задник"])
    assert found == {"мягкая подошва": 3, "жесткий задник": 1}


def test_praise_of_the_thing_itself_is_no_tag():
    assert phrases(["Отличная сумка, отличный цвет", "great bag, great colour"]) == {
        "хороший цвет": 1,
        "great colour": 1,
    }


def test_words_that_praise_an_aspect_count_as_one_and_the_name_of_the_thing_is_left_out():
    found = phrases(["Отличное качество", "прекрасное качество", "качественная", "Стильная сумка", "сумка стильная"])
    assert found == {"качественный": 3, "стильная": 2}


def test_what_only_one_review_says_takes_a_part_of_the_tags():
    said = [
        "Soft foam. Light. Zip jams. Sturdy. Roomy. Waterproof. Heavy buckle. Neat seams. Strap digs in.",
        "zip jams",
    ]
    made = asyncio.run(ExtractedTags().tags(ItemText("A", "Bags", tuple(said)))).tags
    assert made[0] == "zip jams"
    assert len(made) == 1 + MOST_ONCE
