import numpy as np
import pandas as pd
import pytest

from engine.search.explain import closest_by_meaning, closest_by_words, spans, why_above
from engine.search.terms import terms


def marked(text, query):
    return [text[start:end] for start, end in spans(text, set(terms(query)))]


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Warm boots for winters", "winter boot", ["boots", "winters"]),
        ("Кожаная сумка и сумки", "сумок", ["сумка", "сумки"]),
        ("The bag of the year", "the of", []),
        ("12-inch pan", "12 in pan", ["12", "pan"]),
        ("<b>bag</b> BAG", "bag", ["bag", "BAG"]),
        ("", "bag", []),
        ("bag", "", []),
    ],
)
def test_words_are_marked_in_the_form_in_which_they_are_compared(text, query, found):
    assert marked(text, query) == found


@pytest.fixture
def reviews():
    rows = [
        ("A", "R1", "Nice. Keeps my feet warm in the snow. Warm."),
        ("A", "R2", "Too small for me."),
        ("B", "R3", "The colour is bright!"),
        ("C", "R4", "Warm enough, and a long sentence about everything else that one may say of boots."),
    ]
    return pd.DataFrame(rows, columns=["item_id", "review_id", "text"])


def test_the_closest_sentence_holds_most_of_the_query(reviews):
    found = closest_by_words(reviews, set(terms("warm in snow")))
    assert found["A"].text == "Keeps my feet warm in the snow."
    assert [found["A"].text[a:b] for a, b in found["A"].matches] == ["warm", "snow"]
    assert (found["A"].review_id, found["A"].by, found["A"].closeness) == ("R1", "words", 1.0)
    assert 0 < found["C"].closeness < 1
    assert "B" not in found


def test_of_equal_sentences_the_shorter_is_closer(reviews):
    assert closest_by_words(reviews, {"warm"})["A"].text == "Warm."


@pytest.mark.parametrize(
    ("text", "query"),
    [("It is 12 inches wide.", "12in"), ("Warme Bücher. Two shelves.", "shelf"), ("Мягкие ЁЛКИ.", "ёлка")],
)
def test_a_sentence_is_found_in_whatever_form_its_words_are(text, query):
    reviews = pd.DataFrame([("A", "R1", text), ("A", "R2", "Nothing.")], columns=["item_id", "review_id", "text"])
    found = closest_by_words(reviews, set(terms(query)))
    assert found["A"].review_id == "R1" and found["A"].matches


def test_without_terms_or_reviews_there_is_no_sentence(reviews):
    assert closest_by_words(reviews, set()) == {}
    assert closest_by_words(reviews.head(0), {"warm"}) == {}


class Letters:
    """Vectors of how often each letter stands in a text: near texts share letters."""

    def encode_queries(self, texts):
        made = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return (made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1)).astype(np.float32)


def test_by_meaning_the_nearest_vectors_come_first(reviews):
    found = closest_by_meaning(reviews[reviews["item_id"] == "A"], "warm", Letters(), wanted={"warm"}, n=2)
    assert found[0].text == "Warm."
    assert found[0].closeness == pytest.approx(1.0) and found[0].by == "meaning"
    assert found[0].closeness >= found[1].closeness
    assert found[0].matches == ((0, 4),)
    assert closest_by_meaning(reviews.head(0), "warm", Letters()) == ()


def test_why_above_tells_the_largest_differences_first():
    found = why_above({"dense": 0.9, "title": 0.4, "price": 0.1}, {"dense": 0.1, "rating": 0.5, "price": 0.1})
    assert [(one.name, round(one.difference, 3)) for one in found] == [("dense", 0.8), ("rating", -0.5), ("title", 0.4)]


def test_contributions_add_up_to_the_difference_of_scores():
    first, second = {"a": 1.25, "b": -0.5}, {"a": 0.5, "c": 0.25}
    told = sum(one.difference for one in why_above(first, second))
    assert told == pytest.approx(sum(first.values()) - sum(second.values()))
