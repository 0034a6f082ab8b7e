from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.errors import UnknownNameError
from engine.schema import ItemText
from engine.tags.evidence import explain, item_sentences, without
from engine.tags.linear import LinearTagger
from engine.tags.prior import PriorTagger
from tests.tagged import FILLER, cut, made

ITEM = ItemText(
    "x",
    "Shoes",
    ("Ok. Маломерят, пришлось менять! The colour is so bright :)", "Берите на размер больше!", "норм)\nNice thing!"),
)


@cache
def linear():
    return LinearTagger().fit(*cut(made(320), 240, 80))


def probability(item, tag):
    return linear().probabilities([item])[0, list(linear().tags).index(tag)]


def test_an_effect_is_what_leaving_the_sentence_out_takes_away():
    (evidence,) = explain(linear(), ITEM, ["маломерит"])
    assert evidence.probability == pytest.approx(probability(ITEM, "маломерит"))
    for found in (*evidence.supporting, *evidence.opposing):
        lost = evidence.probability - probability(without(ITEM, found.sentence), "маломерит")
        assert found.effect == pytest.approx(lost, abs=1e-5)


def test_the_sentences_that_say_so_support_a_tag():
    tight, bright = explain(linear(), ITEM, ["маломерит", "bright colour"])
    assert {found.sentence.text for found in tight.supporting} == {
        "Маломерят, пришлось менять!",
        "Берите на размер больше!",
    }
    assert tight.based_on == "based on 2 of 3 reviews"
    assert bright.supporting[0].sentence.text == "The colour is so bright :)"
    assert bright.n_supporting == 1
    assert all(found.effect < 0 for found in (*tight.opposing, *bright.opposing))


def test_supporting_sentences_come_strongest_first_and_the_same_each_time():
    first, second = (explain(linear(), ITEM, ["маломерит"])[0] for _ in range(2))
    effects = [found.effect for found in first.supporting]
    assert effects == sorted(effects, reverse=True)
    assert first == second


def test_in_a_long_item_the_few_sentences_that_say_so_stand_out():
    said = ("Маломерят, пришлось менять", "Берите на размер больше!", "Маломерит на размер")
    item = replace(ITEM, reviews=said + tuple(FILLER) * 12)
    (evidence,) = explain(linear(), item, ["маломерит"])
    assert {found.sentence.text for found in evidence.supporting} == set(said)
    assert evidence.based_on == f"based on 3 of {len(item.reviews)} reviews"


def test_equal_sentences_have_equal_effects_in_reading_order():
    item = ItemText("x", "Shoes", ("Ok", "Маломерят, пришлось менять", "Маломерят, пришлось менять"))
    (evidence,) = explain(linear(), item, ["маломерит"])
    assert [found.sentence.review for found in evidence.supporting] == [1, 2]
    assert evidence.supporting[0].effect == pytest.approx(evidence.supporting[1].effect)


def test_a_tag_that_rests_on_the_category_alone_has_no_evidence():
    prior = PriorTagger().fit(*cut(made(320), 240, 80))
    item = ItemText("x", "Bags", ("Вместительная сумка", "Ok"))
    (evidence,) = explain(prior, item, ["вместительная"])
    assert evidence.probability > 0.8
    assert (evidence.supporting, evidence.opposing, evidence.n_supporting) == ((), (), 0)
    assert evidence.based_on == "based on 0 of 2 reviews"


def test_an_item_without_reviews_has_no_evidence():
    (evidence,) = explain(linear(), ItemText("x", "Bags", ()), ["вместительная"])
    assert (evidence.n_supporting, evidence.n_reviews) == (0, 0)


def test_an_unknown_tag_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="bright colour"):
        explain(linear(), ITEM, ["bright color"])


def test_all_variants_go_through_the_model_in_one_batch():
    calls = []

    class Counting:
        tags = ("a",)

        def probabilities(self, items):
            calls.append(len(items))
            return np.array([[len(" ".join(item.reviews)) / 1000] for item in items])

    explain(Counting(), ITEM, ["a"])
    assert calls == [1 + len(item_sentences(ITEM))]


def test_without_takes_out_the_sentence_and_nothing_else():
    found = item_sentences(ITEM)
    assert all(ITEM.reviews[one.review][one.start : one.end] == one.text for one in found)
    assert without(ITEM, found[0]).reviews[0] == ITEM.reviews[0].removeprefix("Ok.")
    assert without(ITEM, found[3]).reviews == (ITEM.reviews[0], ITEM.reviews[2])
