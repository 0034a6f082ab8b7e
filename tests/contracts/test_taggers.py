"""What every tagger does, on items whose tags are known by construction."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

from engine.errors import ArtifactError, DataError
from engine.metrics.classification import micro_f1
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.labels import label_matrix
from engine.tags.registry import TAGGERS
from engine.tags.storage import ARRAYS_FILE, JSON_FILE
from tests.tagged import TAGS, cut, made
from tests.tiny_model import SMALL, tiny_model

FLOORS = {
    "prior": 0.45,
    "ensemble": 0.9,
    "linear": 0.9,
    "stacked": 0.9,
    "lora": 0.9,
    "transformer": 0.9,
}  # micro-F1 on test
TRAIN, VALID, TEST = cut(made(400), 240, 80, 80)


@pytest.fixture(autouse=True)
def _quiet_home(home, monkeypatch):
    """Checkpoints go to a folder of the test's own; one thread learns the same as two."""
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def fresh(kind, **changed):
    """A tagger that has learned nothing: the default settings, over a tiny model where it needs one."""
    over = {"base": str(tiny_model()), **SMALL} if hasattr(kind.Config, "base") else {}
    over |= {"members": ("prior", "linear")} if hasattr(kind.Config, "members") else {}
    return kind(kind.Config(**over, **changed))


@cache
def fitted(name):
    return fresh(TAGGERS.load(name)).fit(TRAIN, VALID)


@pytest.fixture(params=sorted(TAGGERS.parts))
def tagger(request):
    return fitted(request.param)


def item(*reviews, category="Bags"):
    return ItemText("x", category, reviews)


def test_probabilities_are_a_number_from_0_to_1_for_each_item_and_tag(tagger):
    probabilities = tagger.probabilities(TEST.items)
    assert list(tagger.tags) == sorted(TAGS)
    assert list(tagger.categories) == ["Bags", "Shoes"]
    assert probabilities.shape == (len(TEST.items), len(TAGS))
    assert tagger.thresholds.shape == (len(TAGS),)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert ((tagger.thresholds > 0) & (tagger.thresholds < 1)).all()


def test_it_is_as_good_on_test_as_the_data_allow(tagger):
    spoken = [place for place, one in enumerate(TEST.items) if one.reviews]
    true = label_matrix(TEST.tags, tagger.tags)[spoken]
    predicted = (tagger.probabilities(TEST.items) >= tagger.thresholds)[spoken]
    assert micro_f1(true, predicted) >= FLOORS[tagger.name]
    assert tagger.valid_f1 >= FLOORS[tagger.name] - 0.1


def test_it_is_calibrated(tagger):
    true, probabilities = label_matrix(TEST.tags, tagger.tags), tagger.probabilities(TEST.items)
    assert abs(probabilities.mean() - true.mean()) < 0.05
    brier, base = np.mean((probabilities - true) ** 2), true.mean() * (1 - true.mean())
    assert brier < base


def test_saved_and_loaded_it_is_the_same(tagger, tmp_path):
    tagger.save(tmp_path)
    again = type(tagger).load(tmp_path)
    assert again.config == tagger.config
    assert list(again.tags) == list(tagger.tags)
    assert again.valid_f1 == tagger.valid_f1
    assert np.array_equal(again.thresholds, tagger.thresholds)
    assert np.array_equal(again.probabilities(TEST.items), tagger.probabilities(TEST.items))


def test_every_setting_survives_saving(tagger, tmp_path):
    changed = {"min_support": 7, "tag_shrinkage": 12.5}
    other = fresh(type(tagger), **changed).fit(TRAIN, VALID)
    other.save(tmp_path)
    assert type(tagger).load(tmp_path).config == replace(tagger.config, **changed)
    assert all(field.default is not None for field in fields(tagger.Config))


@pytest.mark.parametrize("file", [JSON_FILE, ARRAYS_FILE])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_damaged_files_are_named(tagger, tmp_path, file, damage):
    tagger.save(tmp_path)
    path = tmp_path / file
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other": b'{"model": "x"}'}[damage])
    with pytest.raises(ArtifactError, match=tmp_path.name):
        type(tagger).load(tmp_path)


def test_arrays_that_dont_fit_the_words_are_refused(tagger, tmp_path):
    tagger.save(tmp_path)
    path = tmp_path / JSON_FILE
    path.write_text(path.read_text(encoding="utf-8").replace('"маломерит"', '"маломерит", "ещё"'), encoding="utf-8")
    with pytest.raises(ArtifactError, match="train it again"):
        type(tagger).load(tmp_path)


def test_before_fit_it_says_so(tagger, tmp_path):
    with pytest.raises(ArtifactError, match="learned nothing"):
        fresh(type(tagger)).probabilities([item("x")])
    with pytest.raises(ArtifactError, match="learned nothing"):
        fresh(type(tagger)).save(tmp_path)


def test_no_items_give_no_rows(tagger):
    assert tagger.probabilities([]).shape == (0, len(TAGS))


def test_without_reviews_it_knows_what_is_usual_in_the_category(tagger):
    (row,) = tagger.probabilities([item()])
    assert tagger.tags[int(row.argmax())] == "вместительная"
    assert row.max() == pytest.approx(0.9, abs=0.1)
    assert np.array_equal(tagger.probabilities([item("  ", "\n")])[0], row)


def test_a_tag_that_a_category_never_had_gets_0(tagger):
    (row,) = tagger.probabilities([item("Маломерят, берите на размер больше. Keeps warm.")])
    assert {tag for tag, p in zip(tagger.tags, row, strict=True) if p == 0} == {"маломерит", "keeps warm"}


def test_an_unknown_category_may_have_any_tag(tagger):
    (row,) = tagger.probabilities([item("Вместительная, маломерит", category="Lamps")])
    assert (row > 0).all() and np.isfinite(row).all()


def test_tags_that_train_never_had_are_left_out_and_cost_nothing(tagger):
    strange = TaggedItems(VALID.items, [tags | {"never seen"} for tags in VALID.tags[:4]] + list(VALID.tags[4:]))
    again = fresh(type(tagger)).fit(TRAIN, strange)
    assert "never seen" not in again.tags
    assert np.allclose(again.probabilities(TEST.items), tagger.probabilities(TEST.items))


def test_the_items_beside_one_dont_change_its_probabilities(tagger):
    together = tagger.probabilities(TEST.items)
    alone = np.vstack([tagger.probabilities([one]) for one in TEST.items])
    assert np.allclose(together, alone, atol=1e-5)


def test_learning_twice_gives_the_same(tagger):
    again = fresh(type(tagger)).fit(TRAIN, VALID)
    assert np.array_equal(again.probabilities(TEST.items), tagger.probabilities(TEST.items))


def test_equal_texts_leave_the_category_as_the_only_difference(tagger):
    def constant(data):
        return TaggedItems([replace(one, reviews=("same",)) for one in data.items], data.tags)

    again = fresh(type(tagger)).fit(constant(TRAIN), constant(VALID))
    probabilities = again.probabilities(constant(TEST).items)
    for category in ("Bags", "Shoes"):
        rows = probabilities[[one.category == category for one in TEST.items]]
        assert np.allclose(rows, rows[0], atol=1e-6)
    assert np.isfinite(probabilities).all()


def test_without_a_tag_to_learn_it_says_what_is_needed(tagger):
    few, valid = cut(made(12), 4, 4)
    with pytest.raises(DataError, match="needs 5 items"):
        fresh(type(tagger)).fit(few, valid)


@pytest.mark.parametrize(
    "text", ["\0", "ё" * 100_000, "😍" * 50, "=cmd|' /C calc'!A0", "<b>**x**</b>", "a\u0301\u202e"]
)
def test_any_text_is_read(tagger, text):
    assert np.isfinite(tagger.probabilities([item(text)])).all()


def test_what_reviews_say_counts_in_both_languages():
    linear = fitted("linear")
    shoes = [item("Жаль, маломерят"), item("Very warm, toasty"), item("Ok")]
    rows = linear.probabilities([replace(one, category="Shoes") for one in shoes])
    tight, warm = (list(linear.tags).index(tag) for tag in ("маломерит", "keeps warm"))
    assert rows[0, tight] > 0.5 > max(rows[1, tight], rows[2, tight])
    assert rows[1, warm] > 0.5 > max(rows[0, warm], rows[2, warm])


def test_a_negated_word_says_nothing_for_its_tag():
    linear = fitted("linear")
    column = list(linear.tags).index("лёгкая")
    yes, no = linear.probabilities([item("Сумка лёгкая"), item("Сумка не легкая")])[:, column]
    assert yes > 0.8 and no < yes - 0.3
