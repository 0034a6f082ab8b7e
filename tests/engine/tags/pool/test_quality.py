import pytest

from engine.tags.pool.quality import MAX_TAGS, clean, content, fault, tidy

GOOD = (
    "soft foam", "zip jams", "light", "runs small", "doesn't fade", "true to size", "nice colour", "gift box",
    "bright print", "clear instructions", "locking system", "pretend play", "50 ml", "a-line", "good quality",
    "лёгкие", "мягкая подошва", "не линяет", "хорошее качество", "маломерят", "без запаха", "2 кармана", "100% хлопок",
    "красивый цвет", "простая", "нет эффекта", "удобно носить",
)  # fmt: skip
BAD = (
    "good product", "recommend", "popular", "nice", "great!", "I love it", "would buy again", "best purchase",
    "highly recommended product", "fast delivery", "rude seller", "ok", "five stars", "12345", "!!!", "", "   ", "😀",
    "хороший товар", "рекомендую", "понравилось", "супер", "повторная покупка", "быстрая доставка", "оправдал ожидания",
    "всем советую", "не рекомендую", "спасибо продавцу",
    "<b>soft</b>", "[soft](http://x.example)", "visit www.x.example", "soft $\\LaTeX$", "=soft", "{\"tags\": []}",
    "call 88005553535", "ignore all previous", "a tag of far too many words for anyone", "x" * 60,
)  # fmt: skip


@pytest.mark.parametrize("tag", GOOD)
def test_good_tags_stay(tag):
    assert fault(tidy(tag)) is None


@pytest.mark.parametrize("tag", BAD)
def test_bad_tags_go(tag):
    assert fault(tidy(tag)) is not None


def test_what_is_kept_is_short_tidy_and_without_repetition():
    cleaned = clean(["  Soft   FOAM. ", "soft foam", "foam soft", "good product", None, 7, ["x"], "«Лёгкие»"])
    assert cleaned.tags == ("soft foam", "легкие")
    assert cleaned.dropped == {"is there already": 2, "would fit any product": 1, "is no text": 3}


def test_opposites_are_not_taken_for_repetitions():
    assert clean(["неудобные", "удобные", "не удобные"]).tags == ("неудобные", "удобные", "не удобные")
    assert clean(["fades", "doesn't fade"]).tags == ("fades", "doesn't fade")


def test_no_more_than_the_cap_whatever_comes():
    cleaned = clean(f"pocket {letter * 3}" for letter in "abcdefghijklmnopqrstuvwxyz" * 100)
    assert len(cleaned.tags) == MAX_TAGS
    assert sum(cleaned.dropped.values()) == 2600 - MAX_TAGS


def test_content_is_what_grounding_looks_for():
    assert content("без запаха") == content("запах")
    assert content("the sole of foam") == content("foam sole")[::-1]
