import pandas as pd
import pytest
from shop import make_shop

from engine import explore
from engine.errors import UnknownNameError
from engine.explore import Filters
from engine.sql import Queries
from engine.workspace import Workspace

PREDICTIONS = pd.DataFrame(
    [
        ("SK-000", "warm", 0.9, 0.5),  # no reviews, asserted
        ("SK-002", "warm", 0.8, 0.5),  # two reviews, asserted
        ("SK-002", "Светлый ёж", 0.6, 0.5),
        ("SK-002", "soft", 0.1, 0.5),
        ("SK-002", "odd", 0.05, 0.5),
        ("SK-004", "soft", 0.47, 0.5),  # four reviews, just below
    ],
    columns=["item_id", "tag", "probability", "threshold"],
)


@pytest.fixture
def queries(home):
    return Queries(make_shop(home))


@pytest.fixture
def catalogue(queries):
    return explore.catalogue(queries, PREDICTIONS, {"train": ["SK-000"], "test": ["SK-004"]})


def ids(found):
    return list(found["item_id"])


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Чёрный   КОТ! ", "черный кот"),
        ("йод", "йод"),
        ("Café—noir", "cafe noir"),
        ("SK-001", "sk 001"),
        ("ﬁne", "fine"),
        ("a\x00b", "ab"),
        ("%_'\"", ""),
    ],
)
def test_normalise(text, normal):
    assert explore.normalise(text) == normal


def test_everything_is_found_without_filters_the_most_reviewed_first(catalogue):
    found = explore.find(catalogue, Filters())
    assert len(found) == 30
    assert found["reviews"].is_monotonic_decreasing


def test_a_sku_is_found_by_its_id_before_others(catalogue):
    found = explore.find(catalogue, Filters(query="sk-002"))
    assert ids(found) == ["SK-002"]
    assert list(found["matched"]) == ["SKU"]


@pytest.mark.parametrize(
    ("query", "matched"),
    [("item NUMBER 7", "title"), ("светлый еж", "tag"), ("toys item number 8", "several"), ("shoes", "category")],
)
def test_search_says_where_it_found_the_words(catalogue, query, matched):
    assert matched in set(explore.find(catalogue, Filters(query=query))["matched"])


@pytest.mark.parametrize("query", ["nothing like it", ".*", "Item(", "warm soft odd zzz"])
def test_every_word_must_be_there_and_signs_mean_nothing(catalogue, query):
    expected = {".*": 30, "Item(": 29}.get(query, 0)
    assert len(explore.find(catalogue, Filters(query=query))) == expected


def test_tags_below_the_threshold_are_not_searched(catalogue):
    assert explore.find(catalogue, Filters(query="soft")).empty


def test_without_a_tagger_given_tags_are_searched(queries):
    found = explore.find(explore.catalogue(queries), Filters(query="soft"))
    assert ids(found) == ["SK-000"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("few", ["SK-002", "SK-000"]),
        ("close", ["SK-004"]),
        ("held", ["SK-004"]),
        ("seen", ["SK-000"]),
        ("silent", ["SK-000", "SK-005", "SK-010", "SK-015", "SK-020", "SK-025"]),
        ("gone", [f"SK-{i:03d}" for i in (4, 24, 8, 28, 12, 16, 0, 20)]),
    ],
)
def test_preset_questions(catalogue, question, expected):
    found = explore.find(catalogue, Filters(question=question))
    assert sorted(ids(found)) == sorted(expected)
    assert explore.question_counts(catalogue)[question] == len(expected)


def test_questions_that_the_catalogue_cannot_answer_are_left_out(queries):
    assert set(explore.question_counts(explore.catalogue(queries))) == {"silent", "disliked", "gone", "faceless"}


def test_filters_hold_together(catalogue):
    found = explore.find(catalogue, Filters(query="item", category="Toys", question="silent", sort="title"))
    assert ids(found) == ["SK-020", "SK-005"]


@pytest.mark.parametrize(
    "filters", [Filters(category="Bagz"), Filters(question="few?"), Filters(sort="price")], ids=str
)
def test_unknown_filters_are_named(catalogue, filters):
    with pytest.raises(UnknownNameError):
        explore.find(catalogue, filters)


def test_sorting_puts_what_is_missing_last(catalogue):
    assert explore.find(catalogue, Filters(sort="best"))["rating"].tail(6).isna().all()
    assert ids(explore.find(catalogue, Filters(sort="dear")))[0] == "SK-029"


def test_a_passport_has_the_reviews_and_given_tags_of_its_sku(queries):
    passport = explore.passport(queries, "SK-004")
    assert passport.item["title"] == "Item number 4"
    assert passport.item["brand"] is None
    assert len(passport.reviews) == passport.item["reviews"] == 4
    assert passport.reviews["timestamp"].is_monotonic_decreasing
    assert list(passport.given["tag"]) == ["warm"]


def test_an_unknown_sku_is_named_with_the_nearest(queries):
    with pytest.raises(UnknownNameError) as caught:
        explore.passport(queries, "SKU-022")
    assert caught.value.nearest == "SK-022"


def test_item_tags_are_the_strongest_above_the_minimum(catalogue):
    rows = explore.item_tags(PREDICTIONS, "SK-002", top=3, minimum=0.1)
    assert list(rows["tag"]) == ["warm", "Светлый ёж", "soft"]
    assert list(rows["asserted"]) == [True, True, False]
    assert explore.item_tags(PREDICTIONS, "SK-029", top=3).empty


def test_agreement_puts_each_tag_in_its_place():
    compared = explore.agreement(["warm", "odd"], {"soft", "warm"})
    assert list(compared.itertuples(index=False, name=None)) == [
        ("warm", "same"),
        ("odd", "only A"),
        ("soft", "only B"),
    ]
    assert explore.agreement([], []).empty


def test_an_export_holds_the_found_skus_in_order_and_nothing_else(catalogue):
    found = explore.find(catalogue, Filters(question="few"))
    rows = explore.export_rows(found, PREDICTIONS, top=2, minimum=0.0, origin={"version": "v1"})
    assert list(zip(rows["item_id"], rows["tag"], strict=True)) == [
        ("SK-002", "warm"),
        ("SK-002", "Светлый ёж"),
        ("SK-000", "warm"),
    ]
    assert set(rows["version"]) == {"v1"}


def test_part_of_tells_held_out_from_seen(catalogue, queries):
    assert explore.part_of(catalogue, "SK-004") == "test"
    assert explore.part_of(catalogue, "SK-000") == "train"
    assert explore.part_of(catalogue, "SK-002") == ""
    assert explore.part_of(explore.catalogue(queries), "SK-004") == ""
    assert explore.part_of(catalogue, "nobody") == ""


def test_pictures_stay_under_the_workspace(home):
    root = make_shop(home).path
    (root.parent / "outside.svg").write_text("<svg/>", encoding="utf-8")
    (root / "images" / "link.svg").symlink_to(root.parent / "outside.svg")
    (root / "images" / "note.txt").write_text("hello", encoding="utf-8")
    (root / "images" / "huge.svg").write_bytes(b" " * (explore.MAX_PICTURE_BYTES + 1))
    assert explore.picture(root, "images/SK-000.svg")[0] == "image/svg+xml"
    refused = (
        "../outside.svg",
        str(root.parent / "outside.svg"),
        "images/link.svg",
        "images/note.txt",
        "images/huge.svg",
        "images/none.svg",
        "images",
        "https://example.com/a.svg",
        "images/\0.svg",
        "",
        None,
    )
    assert [explore.picture(root, image) for image in refused] == [None] * len(refused)


def test_a_catalogue_of_bare_items_answers_what_it_can(home, items):
    workspace = Workspace.create(home / "bare")
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    catalogue = explore.catalogue(Queries(workspace))
    assert ids(explore.find(catalogue, Filters(query="1e5"))) == ["1e5"]
    assert explore.question_counts(catalogue) == {"silent": 2}
