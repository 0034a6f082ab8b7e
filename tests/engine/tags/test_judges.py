"""The judges of a pair: what a tag learns for itself, what it takes from all, and how the two judges count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from engine.tags.booster import Trees
from engine.tags.judges import Judges
from engine.tags.labels import label_matrix, vocabulary
from engine.tags.pieces import Reader
from engine.tags.signals import USUAL, Alike, Signals
from engine.tags.tagwise import Tagwise
from engine.tags.tfidf import Tfidf, characters, words
from tests.tagged import made as two_categories

TREES = Trees(rounds=10, leaves=4, rate=0.3, least=5)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def made(n_pairs, seed=0):
    """Signals (n_pairs, 3), the last without meaning, and labels 0 and 1 in turn."""
    signals = np.random.default_rng(seed).normal(size=(n_pairs, 3)).astype(np.float32)
    return signals, np.arange(n_pairs) % 2


def test_a_tag_with_many_pairs_reads_a_signal_its_own_way():
    signals, labels = made(2000)
    true = np.where(labels == 0, signals[:, 0] > 0, signals[:, 0] < 0)
    odds = Tagwise.fit(signals, labels, true, n_labels=2).log_odds(signals, labels)
    assert np.mean((odds > 0) == true) > 0.95


def test_a_tag_with_few_pairs_keeps_to_what_holds_for_all():
    signals, labels = made(1000)
    labels[:] = np.arange(1000) % 10
    true = signals[:, 0] > 0
    few = np.flatnonzero(labels == 3)[4:]
    kept = np.setdiff1d(np.arange(1000), few)
    fitted = Tagwise.fit(signals[kept], labels[kept], true[kept], n_labels=11)
    assert np.corrcoef(fitted.log_odds(signals[few], labels[few]), signals[few, 0])[0, 1] > 0.8
    assert np.isfinite(fitted.log_odds(signals[:5], np.full(5, 10))).all()  # a tag that no pair has


def test_how_usual_a_tag_is_counts_and_what_never_varies_does_not():
    signals, labels = made(1000)
    signals[:, :] = 7.0
    true = np.random.default_rng(0).random(1000) < np.where(labels == 0, 0.05, 0.6)
    fitted = Tagwise.fit(signals, labels, true, n_labels=2)
    expected = logit([true[labels == 0].mean(), true[labels == 1].mean()])
    assert fitted.log_odds(signals[:2], labels[:2]) == pytest.approx(expected, abs=0.15)
    assert np.array_equal(fitted.log_odds(signals[:2] + 1, labels[:2]), fitted.log_odds(signals[:2], labels[:2]))


def test_what_was_stored_says_the_same_and_another_vocabulary_is_refused():
    signals, labels = made(200)
    fitted = Tagwise.fit(signals, labels, signals[:, 0] > 0, n_labels=2)
    again = Tagwise.restore(fitted.arrays(), n_labels=2)
    assert np.array_equal(again.log_odds(signals, labels), fitted.log_odds(signals, labels))
    with pytest.raises(ValueError, match="don't fit the labels"):
        Tagwise.restore(fitted.arrays(), n_labels=3)


def test_both_judges_log_odds_count_alike_and_what_is_counted_over_others_is_kept_from_one():
    rng = np.random.default_rng(0)
    signals, labels = rng.normal(size=(400, 41)).astype(np.float32), np.arange(400) % 2
    signals[:, -2], signals[:, -1] = labels, 0
    judges = Judges.fit(signals, labels, signals[:, 0] > 0, 2, TREES)
    itself = np.delete(signals, [*USUAL, 39, 40], axis=1)
    both = (logit(judges.booster.probabilities(signals)) + judges.tagwise.log_odds(itself, labels)) / 2
    assert judges.probabilities(signals, labels) == pytest.approx(expit(both))


def test_what_is_counted_over_others_is_where_it_is_said_to_be():
    data = two_categories(60)
    labels = vocabulary(data, min_support=2)
    reader = Reader(Tfidf.fit(words(), data.items, min_items=1), Tfidf.fit(characters(3, 4), data.items, min_items=1))
    texts, true = reader.read(data.items), label_matrix(data.tags, labels)
    alike = Alike.of(texts, texts)
    found = Signals.fit(labels, reader, texts, true, alike).read(texts, alike)
    for category in set(texts.categories):
        here = found[[name == category for name in texts.categories]][:, :, :-2]
        same = (here == here[:1]).all(axis=(0, 1)) & here.any(axis=(0, 1))
        assert np.flatnonzero(same).tolist() == list(USUAL)
