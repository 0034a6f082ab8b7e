import pytest

from engine.search.plain_text import lead, line, plain, shortened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\nTwo."),
        ("Tom &amp;amp; Jerry&nbsp;&#34;x&#34;", 'Tom & Jerry "x"'),
        ("a<br />b<script>alert(1)</script>c", "a\nb c"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("<style>p{}", ""),
        ("x<!-- hidden -->y", "x y"),
        ("cafe\u0301 \x00 bar\t", "café bar"),
        ("", ""),
    ],
)
def test_markup_is_taken_out(text, expected):
    assert plain(text) == expected


def test_line_is_one_line():
    assert line("<li>a</li>\n<li>b</li>") == "a b"


def test_shortened_cuts_at_a_space():
    assert shortened("one two three", 9) == "one two"
    assert shortened("one two three", 13) == "one two three"
    assert shortened("abcdefgh", 3) == "abc"


def test_lead_is_whole_sentences_or_the_beginning_of_the_first():
    assert lead("First one. Second one. Third.", 22) == "First one. Second one."
    assert lead("A very long first sentence.", 10) == "A very"
    assert lead("", 10) == ""


def test_a_run_of_open_brackets_takes_no_time():
    assert plain("<" * 20_000).startswith("<")
    assert plain("<!--" * 5_000) == ""
