from engine.errors import DataError, MissingExtraError, NotBuiltError, ShelfwiseError, UnknownNameError, counted, shown


def test_a_data_error_names_the_place_and_the_value():
    error = DataError("is not a number", file="reviews.csv", line=12, column="rating", value="7 stars")
    assert str(error) == "reviews.csv, line 12, column 'rating': '7 stars' is not a number"


def test_an_unknown_name_offers_the_nearest():
    error = UnknownNameError("tagger", "linaer", ["prior", "linear"])
    assert error.nearest == "linear"
    assert "did you mean 'linear'?" in str(error)
    assert "known: linear, prior" in str(UnknownNameError("tagger", "xyz", ["prior", "linear"]))
    labels = {"silent": "No reviews", "gone": "Out of stock"}
    error = UnknownNameError("question", "silen", labels, labels=labels)
    assert (error.nearest, error.nearest_label) == ("silent", "No reviews")
    assert "did you mean 'No reviews'?" in str(error)
    assert "known: Out of stock, No reviews" in str(UnknownNameError("question", "xyz", labels, labels=labels))
    assert "none yet" in str(UnknownNameError("tagger", "xyz", []))


def test_long_and_many_line_values_are_shown_on_one_short_line():
    text = shown("a\nb\x00" + "x" * 10_000)
    assert len(text) <= 82
    assert "\n" not in text
    assert "\x00" not in text


def test_every_error_is_one_that_people_may_see():
    assert issubclass(NotBuiltError, ShelfwiseError)
    assert "make demo" in str(NotBuiltError("The demo", "make demo"))
    assert "pip install -e '.[graph]'" in str(MissingExtraError("ranker gat", "torch_geometric", "graph"))


def test_counts_have_the_right_number():
    assert [counted(n, "SKU") for n in (0, 1, 2, 1200)] == ["0 SKUs", "1 SKU", "2 SKUs", "1,200 SKUs"]
