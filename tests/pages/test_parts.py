"""Markup, marked reviews and charts: whatever goes in, text comes out as text."""

from html.parser import HTMLParser

import pandas as pd
import pytest
from shop import HOSTILE

from engine.schema import Evidence, Sentence, SentenceEffect
from pages.parts import cards, charts, compare, reviews
from pages.parts.markup import html, icon, join, show


def effect(text, start, end, by, review=0):
    return SentenceEffect(Sentence(review, start, end, text[start:end]), by)


class _Page(HTMLParser):
    """What a browser would make of markup: its tags with their attributes, and its text."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(str(markup))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_escapes_every_value(text):
    page = _Page(html('<p title="{}">{}</p>', text, text))
    assert page.tags == [("p", {"title": text})]
    assert page.text == text


def test_markup_nests_without_escaping_twice():
    assert html("<b>{}</b>", html("<i>{}</i>", "a & b")) == "<b><i>a &amp; b</i></b>"
    assert join(["<", html("<br>")], " & ") == "&lt; &amp; <br>"
    assert icon("<x>", 'a"b') == '<span class="sw-icon" role="img" aria-label="a&#34;b">&lt;x&gt;</span>'


def test_plain_text_cannot_be_shown_as_markup():
    with pytest.raises(TypeError, match="takes Markup"):
        show("<b>text</b>", key="x")


@pytest.mark.parametrize("text", HOSTILE)
def test_reviews_are_escaped_inside_and_outside_marks(text):
    half = len(text) // 2
    page = _Page(reviews.marked(text, [effect(text, half, len(text), 0.1)], 0.2))
    assert [tag for tag, _ in page.tags] == ["mark", "span"]
    assert page.tags[0][1]["style"] == "--weight:62%"
    assert page.text == f"{text[:half]}add_circle {text[half:]}"


def test_marks_stand_where_the_sentences_are_and_say_which_side():
    text = "Warm. Too small. Nice."
    made = str(reviews.marked(text, [effect(text, 6, 16, -0.05), effect(text, 0, 5, 0.2)], 0.2))
    assert (
        made.index('class="sw-for"') < made.index("Warm.") < made.index('class="sw-against"') < made.index("Too small.")
    )
    assert made.endswith("</mark> Nice.")
    assert "speaks against it: -5.0 points" in made


def test_marks_that_overlap_or_leave_the_text_are_left_out():
    text = "Warm and soft."
    wild = SentenceEffect(Sentence(0, 5, 99, "x"), 0.1)
    made = str(reviews.marked(text, [effect(text, 0, 8, 0.1), effect(text, 4, 14, -0.1), wild], 0.1))
    assert made.count("<mark") == 1
    assert made.endswith(" soft.")


def test_evidence_comes_first_when_asked_and_keeps_the_reviews_numbers():
    frame = pd.DataFrame({"text": ["a", "b", "c"], "rating": [3.0, None, 5.0], "timestamp": pd.NaT})
    found = Evidence("t", 0.5, (SentenceEffect(Sentence(2, 0, 1, "c"), 0.3),), (), 1, 3)
    assert list(reviews.order(frame, "evidence", found).index) == [2, 0, 1]
    assert list(reviews.order(frame, "worst", None).index) == [0, 2, 1]
    assert list(reviews.order(frame, "best", None).index) == [2, 0, 1]


def test_counter_evidence_is_apart_the_strongest_open_and_weak_ones_left_out():
    against = [SentenceEffect(Sentence(0, n, n + 1, f"no {n}"), by) for n, by in enumerate((-0.3, -0.1, -0.02, -0.001))]
    made = str(reviews.against(Evidence("t", 0.5, (), tuple(against), 0, 3)))
    assert made.count("<blockquote") == 3
    assert made.index("no 0") < made.index("The next 2 sentences") < made.index("no 1")
    alone = str(reviews.against(Evidence("t", 0.5, (), tuple(against[3:]), 0, 3)))
    assert alone.count("<blockquote") == 1 and "<details>" not in alone
    assert reviews.against(Evidence("t", 0.5, (), (), 0, 3)) == ""


def test_without_supporting_sentences_the_head_says_so():
    assert "No sentence raises this tag" in reviews.evidence_head(Evidence("t", 0.5, (), (), 0, 3))
    one = (SentenceEffect(Sentence(0, 0, 1, "a"), 0.1),)
    assert "Based on 1 of 3 reviews" in reviews.evidence_head(Evidence("t", 0.5, one, (), 1, 3))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.996, ">99 %"), (1, "100 %"), (0.01, "1 %")],
)
def test_percent_never_rounds_to_all_or_nothing(share, said):
    assert charts.percent(share) == said


def test_a_curve_of_one_value_and_of_many_is_drawn():
    assert "<path" in charts.curve([5], alt="a", left="l", right="r")
    many = charts.curve(list(range(50_000, 0, -1)), alt="a", left="l", right="r")
    assert many.count(",") < 1000
    assert "nan" not in many


def test_stars_are_read_aloud_and_missing_ones_are_silent():
    assert 'aria-label="3.6 of 5 stars"' in cards.stars(3.6)
    assert cards.stars(3.6).count("★") == 5
    assert cards.stars(None) == cards.stars(float("nan")) == ""


def test_comparison_badges_have_icon_words_and_colour():
    made = compare.badge("only B", "<only>")
    assert 'class="sw-badge sw-only-b"' in made and "chevron_right" in made and "&lt;only&gt;" in made


def test_a_meter_of_nothing_is_empty():
    assert "sw-fill" not in charts.meter(0)
    assert "sw-fill" in charts.meter(0.0001, mark=0.5)
