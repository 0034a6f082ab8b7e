from engine.search.keyword_store import ReviewKeywords
from engine.search.keywords import Keywords, meaning
from engine.search.weighing import Heard, KeywordConfig, WordCounts, by_item


def said(*why, who=(), when=()):
    return Keywords(tuple(who), tuple(when), why)


ROWS = [
    ReviewKeywords("1", "A", said("soft sole", "nylon laces", who=("for mom",))),
    ReviewKeywords("2", "A", said("soles soft", "heel rubs")),
    ReviewKeywords("3", "A", said("soft sole")),
    ReviewKeywords("4", "B", said("heel rubs", "wooden toy")),
    ReviewKeywords("5", "C", said("heel rubs")),
]


def heard(config=None, item="A"):
    reviews = [row.keywords for row in ROWS if row.item_id == item]
    return Heard.of(reviews, WordCounts.of(ROWS), config or KeywordConfig())


def test_what_many_reviews_of_few_items_say_comes_first():
    assert heard().best() == ("for mom", "soft sole", "nylon laces", "heel rubs")


def test_wordings_of_one_meaning_count_together_under_the_most_frequent():
    assert [keyword for keyword in heard().best() if "sole" in keyword] == ["soft sole"]


def test_words_that_the_document_holds_already_are_left_out():
    assert heard().best(known=meaning("Soft soles")) == ("for mom", "nylon laces", "heel rubs")


def test_limits_hold():
    assert heard(KeywordConfig(most=2)).best() == ("for mom", "soft sole")
    assert heard(KeywordConfig(letters=17)).best() == ("for mom",)
    assert heard(KeywordConfig(context=0)).best() == ("soft sole", "nylon laces", "heel rubs")


def test_who_and_when_need_more_mentions_among_many_reviews():
    reviews = [said("soft", who=("for mom",)), *[said("soft", who=("for dad",))] * 2, *[said("soft")] * 20]
    best = Heard.of(reviews, WordCounts.of(ROWS), KeywordConfig()).best()
    assert "for dad" in best and "for mom" not in best


def test_without_a_review_its_own_keywords_are_gone_and_shared_ones_stay():
    best = heard().best(without=ROWS[0].keywords)
    assert best == ("soft sole", "heel rubs")


def test_without_equals_what_the_other_reviews_give():
    counts = WordCounts.of(ROWS)
    for row in ROWS[:3]:
        others = [other.keywords for other in ROWS[:3] if other is not row]
        assert set(heard().best(without=row.keywords)) == set(Heard.of(others, counts, KeywordConfig()).best())


def test_reviews_are_grouped_by_item():
    assert [(item, len(reviews)) for item, reviews in by_item(ROWS)] == [("A", 3), ("B", 1), ("C", 1)]
    assert list(by_item([])) == []
