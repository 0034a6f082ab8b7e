import pytest

from engine.search.keywords import MOST, embedded_keywords, informative, meaning


@pytest.mark.parametrize(
    ("review", "who", "when"),
    [
        (
            "Bought it as a gift for my 7-year-old granddaughter.",
            {"for 7 year olds", "for my granddaughter"},
            {"as a gift"},
        ),
        (
            "My husband wears it on camping trips in the rain",
            {"for my husband"},
            {"for camping", "for travel", "in the rain"},
        ),
        ("Купила дочке на день рождения, для дачи", {"для дочки"}, {"на день рождения", "для дачи"}),
        ("Брала мужу на подарок к Новому году", {"для мужа"}, {"в подарок", "на новый год"}),
        ("A 20 year old album, the present tense, failed to work", set(), set()),
    ],
)
def test_who_and_when(review, who, when):
    said = embedded_keywords(review)
    assert (set(said.who), set(said.when)) == (who, when)


@pytest.mark.parametrize(
    ("review", "why"),
    [
        (
            "The zipper jams, it isn't waterproof. Easy to clean!",
            ("easy to clean", "zipper jams", "not waterproof", "easy", "clean"),
        ),
        ("Мягкая подошва, без запаха", ("мягкая подошва", "без запаха")),
        ("I dont see sturdy straps &amp; <b>roomy</b> pockets", ("sturdy straps", "roomy pockets")),
    ],
)
def test_why_is_concrete_phrases_with_their_denials(review, why):
    assert embedded_keywords(review).why == why


@pytest.mark.parametrize(
    "review",
    [
        "Great product, love it! Highly recommend, five stars.",
        "Fast delivery, arrived on time, the seller answered.",
        "Отличное качество, рекомендую! Доставка быстрая.",
        "",
        "!!! 12 34 :)",
        "Nice",
    ],
)
def test_what_would_fit_any_product_is_left_out(review):
    assert embedded_keywords(review).all == ()


@pytest.mark.parametrize(
    "keyword", ["great product", "good quality", "fast shipping", "love", "", "x" * 200, "отличное качество", "12"]
)
def test_generic_keywords_are_refused(keyword):
    assert not informative(keyword)


@pytest.mark.parametrize("keyword", ["soft sole", "keeps cats busy", "мягкая подошва", "not waterproof"])
def test_concrete_keywords_are_kept(keyword):
    assert informative(keyword)


def test_meaning_joins_wordings_and_keeps_denials_apart():
    assert meaning("sturdy strap") == meaning("straps, sturdy") == meaning("great sturdy straps")
    assert meaning("waterproof") != meaning("not waterproof")


def test_long_and_hostile_reviews_end_quickly_and_stay_small():
    for text in ("a" * 100_000, "word " * 50_000, "<" * 50_000, "soft. " * 30_000, "\ud800 bad", "'-" * 40_000):
        assert len(embedded_keywords(text).all) <= MOST
