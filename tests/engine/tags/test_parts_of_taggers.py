"""The pieces that taggers are made of, against a reference library or a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from engine.errors import DataError
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.calibration import Calibration
from engine.tags.labels import label_matrix, sampled, vocabulary
from engine.tags.mentions import Mentions
from engine.tags.prior import STRENGTHS, CategoryPrior
from engine.tags.svm import LeastSquaresSvm
from engine.tags.tfidf import TextFeatures, Tfidf, characters, words
from engine.tags.thresholds import choose_thresholds

TEXTS = ("soft soft bag", "the bag is warm", "soft warm coat", "a coat", "warm warm warm bag coat")
ITEMS = [ItemText(str(n), "Bags", (text,)) for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("analyser", "options"),
    [
        (words(), {"token_pattern": r"\w+"}),
        (characters(3, 5), {"analyzer": "char_wb", "ngram_range": (3, 5)}),
    ],
)
def test_tfidf_is_that_of_scikit_learn(analyser, options):
    ours = Tfidf.fit(analyser, ITEMS, min_items=2)
    theirs = TfidfVectorizer(sublinear_tf=True, min_df=2, **options).fit(TEXTS)
    assert list(ours.columns) == list(theirs.get_feature_names_out())
    expected = theirs.transform(TEXTS).toarray()
    assert np.allclose(ours.weigh(ours.counts(TEXTS)).toarray(), expected)


def test_an_item_counts_as_all_its_reviews_together():
    text = TextFeatures(Tfidf.fit(words(), ITEMS, min_items=1), Tfidf.fit(characters(3, 4), ITEMS, min_items=1), 0.25)
    split = ItemText("a", "Bags", ("soft bag", "the coat", "soft bag"))
    whole = ItemText("b", "Bags", ("soft bag the coat soft bag",))
    features = text.read([split, whole, ItemText("c", "Bags", ())]).features.toarray()
    assert np.allclose(features[0], features[1])
    assert not features[2].any()
    n_words = len(text.words.columns)
    assert (features[0, :n_words] ** 2).sum() == pytest.approx(0.75)
    assert (features[0, n_words:] ** 2).sum() == pytest.approx(0.25)


@pytest.mark.parametrize("affinity", [0.0, 2.0])
def test_the_machines_are_kernel_ridge_regressions(affinity):
    rng = np.random.default_rng(0)
    features = sparse.csr_array(rng.random((30, 8)).astype(np.float32))
    categories = rng.choice(["a", "b"], 30).tolist()
    labels = rng.random((30, 4)) < 0.3
    ours = LeastSquaresSvm.fit(features, categories, labels, ridge=0.7, affinity=affinity)
    same = np.array(categories)[:, None] == np.array(categories)
    kernel = (features @ features.T).toarray() * (1 + affinity * same)
    theirs = KernelRidge(alpha=0.7, kernel="precomputed").fit(kernel, labels - labels.mean(axis=0))
    expected = theirs.predict(kernel) + labels.mean(axis=0)
    assert np.allclose(ours.scores(features, categories), expected, atol=1e-5)


def test_the_prior_is_counted_and_smoothed_by_hand():
    prior = CategoryPrior(("a", "b"), np.array([[3.0], [0.0]]), np.array([4.0, 2.0]), strength=2.0)
    overall = 3.5 / 7
    assert prior.rates(["a", "b", "?"])[:, 0] == pytest.approx([(3 + 2 * overall) / 6, 2 * overall / 4, overall])


def test_the_priors_strength_is_the_likeliest_when_each_item_is_left_out():
    rng = np.random.default_rng(1)
    categories = rng.choice(["a", "b", "c"], 60, p=[0.6, 0.3, 0.1])
    labels = rng.random((60, 5)) < np.where(categories == "a", 0.5, 0.15)[:, None]

    def likelihood(strength):
        total = 0.0
        for left in range(60):
            rest = np.arange(60) != left
            here = labels[rest][categories[rest] == categories[left]]
            overall = (labels[rest].sum(axis=0) + 0.5) / 60
            rate = (here.sum(axis=0) + strength * overall) / (len(here) + strength)
            total += np.log(np.where(labels[left], rate, 1 - rate)).sum()
        return total

    assert CategoryPrior.learn(categories.tolist(), labels).strength == max(STRENGTHS, key=likelihood)


def test_mentions_weigh_a_tags_words_and_count_reviews():
    block = Tfidf.fit(words(), ITEMS, min_items=1)
    text = TextFeatures(block, Tfidf.fit(characters(3, 3), ITEMS, min_items=1), 0.5)
    reading = text.read([ItemText("x", "Bags", ("Softest bag", "A soft bag!", "warm")), ItemText("y", "Bags", ())])
    share, log_reviews = Mentions.of(["soft bag", "soft coat", "unheard", "!"], block).count(reading)
    soft, coat = (block.idf[block.columns[word]] for word in ("soft", "coat"))
    assert share[0] == pytest.approx([1.0, soft / (soft + coat), 0.0, 0.0])
    assert log_reviews[0] == pytest.approx([np.log(2), 0.0, 0.0, 0.0])
    assert not share[1].any() and not log_reviews[1].any()


def test_calibration_with_one_input_is_platt_scaling():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 3, 1))
    true = rng.random((200, 3)) < expit(2 * scores[..., 0] - 1)
    allowed = rng.random((200, 3)) < 0.9
    ours = Calibration.fit(scores, true, allowed)
    theirs = LogisticRegression(C=np.inf).fit(scores[allowed], true[allowed])
    assert ours.weights == pytest.approx(theirs.coef_[0], rel=0.01)
    assert ours.bias == pytest.approx(theirs.intercept_[0], rel=0.02)
    assert (ours.probabilities(scores, allowed)[~allowed] == 0).all()


@pytest.mark.parametrize("answer", [True, False])
def test_calibration_needs_true_and_false_labels(answer):
    with pytest.raises(DataError, match="can't calibrate"):
        Calibration.fit(np.zeros((3, 2, 1)), np.full((3, 2), answer), np.ones((3, 2), dtype=bool))


def test_a_tags_own_threshold_counts_as_far_as_it_has_items():
    true = np.array([[1, 1], [1, 0], [1, 0], [0, 0], [0, 0]], dtype=bool)
    probabilities = np.array([[0.9, 0.8], [0.8, 0.7], [0.7, 0.1], [0.2, 0.1], [0.1, 0.1]])
    chosen = choose_thresholds(["a", "b"], true, probabilities, shrinkage=2.0)
    assert chosen.overall == 0.7
    own = [expit(0.6 * logit(0.7) + 0.4 * logit(0.7)), expit(logit(0.8) / 3 + 2 * logit(0.7) / 3)]
    assert chosen.own == pytest.approx(own)
    assert chosen.micro_f1 == 1.0
    assert chosen.of(["b", "new"]) == pytest.approx([own[1], 0.7])


def test_the_allow_list_has_what_a_category_had():
    allowed = CategoryPrior.learn(["a", "a", "b"], np.array([[1, 0], [0, 0], [0, 1]], dtype=bool)).allow_list
    assert allowed.mask(["b", "a", "?"], 2).tolist() == [[False, True], [True, False], [True, True]]
    assert allowed.mask([], 2).shape == (0, 2)


def test_more_items_than_can_be_learned_from_are_drawn_at_random_and_in_order():
    items = TaggedItems([ItemText(f"{n:03}", "Bags", ()) for n in range(100)], [{str(n)} for n in range(100)])
    drawn = sampled(items, 10)
    ids = [item.item_id for item in drawn.items]
    assert len(set(ids)) == 10
    assert ids == sorted(ids)
    assert ids[-1] > "049"  # not just the first ones
    assert [min(tags) for tags in drawn.tags] == [str(int(id_)) for id_ in ids]
    assert sampled(items, 100) is items


def test_the_vocabulary_has_tags_of_enough_items():
    data = TaggedItems(ITEMS[:3], [{"a", "b"}, {"a"}, {"c", "a"}])
    assert vocabulary(data, min_support=1) == ["a", "b", "c"]
    assert vocabulary(data, min_support=2) == ["a"]
    assert label_matrix([["a", "?"], []], ["a", "b"]).tolist() == [[True, False], [False, False]]
