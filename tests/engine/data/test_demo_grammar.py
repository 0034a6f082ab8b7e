"""Templates: alternatives, nesting, slots, and brackets that don't match."""

import numpy as np
import pytest

from engine.data.demo.grammar import Dice, expand, parse
from engine.data.demo.vocabulary import load_vocabulary
from engine.data.demo.writing import MANY, ONE


def dice(seed: int = 1) -> Dice:
    return Dice(np.random.default_rng(seed))


def test_alternatives_nest_and_may_be_empty():
    rolls = dice()
    said = {expand("[a|b[c|d]|]!", {}, rolls) for _ in range(200)}
    assert said == {"a!", "bc!", "bd!", "!"}


def test_slots_are_filled():
    assert expand("the {n} {is} fine", {"n": "boots", "is": "are"}, dice()) == "the boots are fine"


@pytest.mark.parametrize("template", ["[a|b", "[a|[b]", "a [b"])
def test_open_brackets_are_refused(template):
    with pytest.raises(ValueError, match="unbalanced"):
        parse(template)


def test_weights_decide_how_often():
    rolls = dice()
    drawn = [rolls.weighted("ab", [1.0, 3.0]) for _ in range(4000)]
    assert drawn.count("b") / 4000 == pytest.approx(0.75, abs=0.03)


def test_draws_continue_past_a_block():
    rolls = dice()
    drawn = [rolls.unit() for _ in range(40_000)]
    assert len(set(drawn)) > 39_000


def test_every_template_of_the_vocabulary_can_be_expanded():
    vocabulary, rolls = load_vocabulary(), dice()
    slots = dict.fromkeys(
        [*ONE, *MANY, *vocabulary.language["slots"], "n", "colour", "material", "brand", "Material"], "x"
    )
    for kind in vocabulary.kinds:
        for attribute in kind.attributes:
            poles = [attribute.good, *([attribute.bad] if attribute.bad else [])]
            templates = [one for pole in poles for one in (*pole.said, pole.brief)]
            for template in (*templates, *attribute.irony, *attribute.claims, *attribute.asked):
                for _ in range(5):
                    assert "[" not in expand(template, slots, rolls)


def test_conditions_of_details_name_attributes_of_their_kind():
    for kind in load_vocabulary().kinds:
        keys = {attribute.key for attribute in kind.attributes}
        wanted = {detail.partition("@")[2] for detail in kind.words["details"]} - {""}
        assert wanted <= keys, kind.name


def test_poles_of_one_kind_have_tags_of_their_own():
    for kind in load_vocabulary().kinds:
        tags = [pole.tag for a in kind.attributes for pole in ([a.good, a.bad] if a.bad else [a.good])]
        assert len(tags) == len(set(tags)), kind.name
