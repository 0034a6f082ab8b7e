import csv
from pathlib import Path

import pytest

from engine.tags.pool.polarity import compatible, signature

OPPOSITES = list(csv.reader(Path(__file__).with_name("opposites.csv").read_text(encoding="utf-8").splitlines()))


def test_the_list_of_opposites_is_long_and_in_both_languages():
    russian = sum(any("а" <= letter <= "я" for letter in one) for one, _ in OPPOSITES)
    assert russian >= 100
    assert len(OPPOSITES) - russian >= 100


def test_opposites_are_never_compatible():
    assert [pair for pair in OPPOSITES if compatible(*pair) or compatible(*reversed(pair))] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("удобный", "удобные"),
        ("неудобный", "не удобная"),
        ("мягкая подошва", "подошва мягкая"),
        ("лёгкие", "легкий"),
        ("быстро сохнет", "быстро сохнут"),
        ("не линяет", "не линяют"),
        ("без запаха", "нет запаха"),
        ("хорошо увлажняет", "увлажняет"),
        ("отличное качество", "хорошее качество"),
        ("нежный крем", "нежные кремы"),
        ("soft foam", "foam is soft"),
        ("doesn't fade", "does not fade"),
        ("pockets", "two pockets"),
        ("fragrance-free", "without fragrance"),
        ("underwire", "underwired"),
    ],
)
def test_tags_that_say_the_same_are_compatible(one, other):
    assert compatible(one, other), (signature(one), signature(other))


def test_a_denial_reaches_to_the_next_comma():
    assert signature("not soft, warm") == signature("warm, not soft")
    assert "temperature:warm" in signature("not soft, warm")


def test_an_intensifier_is_not_what_is_denied():
    assert signature("не очень мягкий") == signature("не мягкий")
