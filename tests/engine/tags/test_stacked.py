"""The stacked tagger beyond the contract: nothing leaks, rare tags are found, damaged trees are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ArtifactError, DataError
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.booster import FILE, Booster, Trees
from engine.tags.labels import label_matrix, vocabulary
from engine.tags.pieces import Pieces, Reader
from engine.tags.signals import DENIED, MARGIN, OWN_WORDS, Alike, Signals
from engine.tags.stacked import StackedConfig, StackedTagger, held_out
from engine.tags.tfidf import Tfidf, characters, words
from tests.tagged import cut, made

QUICK = StackedConfig(rounds=20, folds=4)
TREES = Trees(rounds=10, leaves=4, rate=0.3, least=5)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def reader_of(items):
    return Reader(Tfidf.fit(words(), items, min_items=1), Tfidf.fit(characters(3, 4), items, min_items=1))


def fitted(data, labels=None):
    labels = labels or vocabulary(data, min_support=2)
    reader, true = reader_of(data.items), label_matrix(data.tags, labels)
    texts = reader.read(data.items)
    return Signals.fit(labels, reader, texts, true, Alike.of(texts, texts)), texts, true


def test_signals_to_learn_from_have_not_seen_the_items_own_tags():
    data = made(60)
    labels, reader = vocabulary(data, min_support=5), reader_of(data.items)
    texts, true = reader.read(data.items), label_matrix(data.tags, labels)
    config = replace(QUICK, folds=5, candidates=2)
    before = held_out(labels, reader, texts, true, config)
    changed = true.copy()
    changed[7] = ~changed[7]
    after = held_out(labels, reader, texts, changed, config)
    same_fold = np.flatnonzero(before.folds == before.folds[7])
    assert len(same_fold) == 12
    for row in same_fold:
        assert np.array_equal(before.mask[row], after.mask[row])
        assert np.array_equal(before.signals[rows_of(before, row)], after.signals[rows_of(after, row)])
    other = np.flatnonzero(before.folds != before.folds[7])[0]
    assert not np.array_equal(before.signals[rows_of(before, other)], after.signals[rows_of(after, other)])


def rows_of(pairs, row):
    return np.nonzero(pairs.mask)[0] == row


def test_thresholds_come_from_trees_that_have_not_seen_the_item():
    rng = np.random.default_rng(0)
    data = TaggedItems(
        [ItemText(str(n), "Bags", (f"word{rng.integers(1000)} ok",)) for n in range(150)],
        [frozenset({"a"} if rng.random() < 0.5 else {"b"}) for _ in range(150)],
    )
    tagger = StackedTagger(replace(QUICK, rounds=100, least=5)).fit(*cut(data, 100, 50))
    assert tagger.valid_f1 < 0.75  # always asserting both tags gives 2/3; more would have been learned by heart


def test_rare_tags_are_found_by_their_words_below_the_support_that_linear_asks_for():
    data = made(200)
    rare = [place for place, item in enumerate(data.items) if item.category == "Bags" and item.reviews][:4]
    items, tags = list(data.items), list(data.tags)
    for place in rare:
        items[place] = replace(items[place], reviews=(*items[place].reviews, "Карман скрипит при ходьбе"))
        tags[place] = tags[place] | {"скрипит карман"}
    tagger = StackedTagger(replace(QUICK, min_support=2, rounds=60)).fit(*cut(TaggedItems(items, tags), 150, 50))
    column = list(tagger.tags).index("скрипит карман")
    said, unsaid = (ItemText("x", "Bags", (text, "ok")) for text in ("Скрипит карман", "Ремень короткий"))
    yes, no = tagger.probabilities([said, unsaid])[:, column]
    assert yes > 0.3 and yes > 10 * no
    assert "скрипит карман" not in StackedTagger(QUICK).fit(*cut(TaggedItems(items, tags), 150, 50)).tags


def test_few_candidates_are_the_best_of_each_source_and_the_rest_gets_0():
    data = made(80)
    signals, texts, _ = fitted(data)
    found = signals.read(texts, signals.alike(texts))
    most = signals.candidates(texts, found, 1)
    assert most[np.arange(len(most)), found[:, :, MARGIN].argmax(axis=1)].mean() > 0.9
    assert most.sum(axis=1).max() <= len(signals.labels)
    assert most.sum() < signals.candidates(texts, found, len(signals.labels)).sum()


def test_a_tags_own_words_in_one_sentence_are_a_signal_and_denials_another():
    data = TaggedItems(
        [
            ItemText(str(n), "Bags", (text,))
            for n, text in enumerate(["soft foam", "foam. soft", "not soft foam", "bag"])
        ],
        [frozenset({"soft foam"}), frozenset(), frozenset(), frozenset({"bag"})],
    )
    signals, texts, _ = fitted(data, ["bag", "soft foam"])
    found = signals.read(texts, signals.alike(texts))[:, 1]
    whole, apart, denied, none = found[:, OWN_WORDS]
    assert whole == pytest.approx(1) and none == 0
    assert 0 < apart < 1 and 0 < denied < 1
    assert found[:, DENIED] == pytest.approx([0, 0, np.log(2), 0], abs=1e-3)


def test_pieces_are_summed_up_by_hand():
    scores = np.array([[0.1], [0.5], [0.3], [0.9]], dtype=np.float32)
    pieces = pieces_of([[0, 1, 2, 3], [1], []], 4)
    best = pieces.best(scores)
    assert best[0, 0] == pytest.approx([0.9, (0.9 + 0.5 + 0.3) / 3, 0.45, 0.1, np.log(4)])
    assert best[1, 0] == pytest.approx([0.5, 0.5, 0.5, 0.5, np.log(2)])
    assert not best[2].any()
    many = pieces_of([list(range(20))], 20).best(np.arange(20, dtype=np.float32)[:, None])
    assert many[0, 0] == pytest.approx([19, 18, 15.5, 0, np.log(20)])


def pieces_of(held, n_pieces):
    from scipy import sparse

    of_item = sparse.lil_array((len(held), n_pieces))
    for row, columns in enumerate(held):
        of_item[row, columns] = 1
    nothing = sparse.csr_array((n_pieces, 1))
    return Pieces(nothing, nothing, nothing, of_item.tocsr())


def test_some_of_the_items_read_as_if_alone():
    data = made(30)
    reader = reader_of(data.items)
    rows = np.array([3, 11, 4])
    taken, alone = reader.read(data.items).take(rows), reader.read([data.items[row] for row in rows])
    assert taken.categories == alone.categories
    assert np.allclose(taken.words.toarray(), alone.words.toarray())
    assert np.array_equal(taken.n_reviews, alone.n_reviews)
    ones = np.ones((taken.sentences.words.shape[0], 1), dtype=np.float32)
    assert taken.sentences.best(ones).shape == alone.sentences.best(ones[: alone.sentences.words.shape[0]]).shape


def test_damaged_trees_are_told_and_end_nothing(tmp_path):
    tagger = StackedTagger(QUICK).fit(*cut(made(120), 90, 30))
    tagger.save(tmp_path)
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    for damaged in ("", text[: len(text) // 2], text.replace("tree", "eert", 1)):
        (tmp_path / FILE).write_text(damaged, encoding="utf-8")
        with pytest.raises(ArtifactError, match="train it again"):
            StackedTagger.load(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(ArtifactError, match="train it again"):
        StackedTagger.load(tmp_path)


def test_threads_change_no_tree(monkeypatch):
    rng = np.random.default_rng(0)
    signals = rng.random((400, 5)).astype(np.float32)
    signals[:, 3:] = rng.integers(0, 4, (400, 2))
    true = signals[:, 0] > 0.6
    grown = []
    for threads in ("1", "2"):
        monkeypatch.setenv("SHELFWISE_THREADS", threads)
        grown.append(Booster.fit(signals, true, kinds=[3, 4], trees=TREES))
    one, two = grown
    assert np.array_equal(one.probabilities(signals), two.probabilities(signals))
    assert one.probabilities(signals[true]).mean() > 0.8 > 0.2 > one.probabilities(signals[~true]).mean()


@pytest.mark.parametrize("true", [[True] * 5, [False] * 5, []])
def test_with_nothing_to_tell_apart_it_says_so(true):
    with pytest.raises(DataError, match="nothing to tell apart"):
        Booster.fit(np.zeros((len(true), 3), np.float32), np.array(true, dtype=bool), kinds=[1, 2], trees=TREES)
