import gzip
import json

import pandas as pd
import pytest

from engine.data.importer import import_files

OLD = {
    "reviewerID": "A1",
    "asin": "B1",
    "reviewText": "Fine",
    "overall": 5.0,
    "summary": "Good",
    "unixReviewTime": 1158019200,
}
NEW = {
    "user_id": "A1",
    "asin": "B2",
    "parent_asin": "P1",
    "text": "Fine",
    "rating": 4,
    "title": "Good",
    "timestamp": 1602133857705,
}


@pytest.fixture
def write(tmp_path):
    def write(name, *records):
        text = "".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records)
        file = tmp_path / name
        file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return file

    return write


def load(workspace, *paths):
    return import_files(workspace, "amazon", paths)


def test_reviews_of_2014_have_seconds_and_their_own_names(workspace, write):
    report = load(workspace, write("reviews_Digital_Music_5.json.gz", OLD))
    review = workspace.read("reviews").iloc[0]
    assert [review["item_id"], review["user_id"], review["text"], review["title"], review["rating"]] == [
        "B1",
        "A1",
        "Fine",
        "Good",
        5,
    ]
    assert review["timestamp"] == pd.Timestamp("2006-09-12", tz="UTC")
    item = workspace.read("items").iloc[0]
    assert [item["title"], item["category"]] == ["B1", "Digital Music"]
    assert any("no metadata" in note for note in report.notes)


def test_variants_of_2023_share_their_parent(workspace, write):
    other = NEW | {"asin": "B3", "text": "Too big"}
    report = load(workspace, write("Subscription_Boxes.jsonl", NEW, other))
    assert dict(report.kept) == {"items": 1, "reviews": 2}
    reviews = workspace.read("reviews")
    assert set(reviews["item_id"]) == {"P1"}
    assert reviews["timestamp"][0] == pd.Timestamp("2020-10-08T05:10:57.705", tz="UTC")


def test_metadata_of_three_releases(workspace, write):
    files = [
        write(
            "meta_a.json",
            "{'asin': 'B1', 'title': \"It's\", 'price': 9.49, 'imUrl': 'http://x/i.jpg', "
            "'categories': [['CDs', 'New Age'], ['Pop']]}",
        ),
        write(
            "meta_b.json",
            {
                "asin": "B2",
                "title": "Two",
                "price": "$1,012.99",
                "category": ["Toys", "Dolls"],
                "feature": ["soft"],
                "description": ["a", "b"],
            },
        ),
        write(
            "meta_c.jsonl",
            {
                "parent_asin": "P1",
                "main_category": "Shoes",
                "title": "Three",
                "price": "from 9.99",
                "store": "Ecco",
                "images": [{"large": "https://x/l.jpg"}],
                "categories": [],
            },
            {"parent_asin": "P2", "title": None},
        ),
    ]
    report = load(workspace, *files)
    items = workspace.read("items").set_index("item_id").astype(object)
    assert list(items.loc["B1", "category_path"]) == ["CDs", "New Age"]
    assert items.loc["B1", ["title", "category", "price", "image"]].tolist() == ["It's", "CDs", 9.49, "https://x/i.jpg"]
    assert items.loc["B2", ["category", "subcategory", "price", "description"]].tolist() == [
        "Toys",
        "Dolls",
        1012.99,
        "a\nb",
    ]
    assert items.loc["P1", ["category", "brand", "image"]].tolist() == ["Shoes", "Ecco", "https://x/l.jpg"]
    assert pd.isna(items.loc["P1", "price"])
    assert items.loc["P2", ["title", "category"]].tolist() == ["P2", "c"]
    assert "items: 1 SKU without a title, named by id" in report.notes


def test_reviews_without_their_metadata_are_kept_and_counted(workspace, write):
    files = write("a.jsonl", NEW, OLD), write("meta_a.jsonl", {"parent_asin": "P1", "title": "Box"})
    report = load(workspace, *files)
    assert report.kept == {"items": 1, "reviews": 2}
    assert "reviews: 1 row about 1 SKU that the catalogue doesn't hold" in report.notes


def test_bad_lines_are_rejected_and_exact_repeats_are_kept_once(workspace, write):
    file = write(
        "a.jsonl",
        NEW,
        '{"user_id": "A1", ',
        NEW,
        NEW | {"text": "Other"},
        NEW | {"timestamp": -5},
        NEW | {"text": "\ud800"},
    )
    report = load(workspace, file)
    assert report.kept["reviews"] == 1
    assert sum(report.rejected.values()) == 4
    assert report.rejected["holds broken characters (half of a surrogate pair), as text"] == 1
    assert f"{file}, line 2" in report.examples["is not a JSON object"][0]
    assert "'-5' is before 1970" in report.examples["is before 1970, as timestamp"][0]
    assert any("1 row repeating an earlier row exactly" in note and "line 3" in note for note in report.notes)


def test_the_real_files(workspace, real_data):
    report = load(workspace, real_data / "amazon_2014_digital_music")
    assert dict(report.kept) == {"items": 7419, "reviews": 6907}
    assert not any("catalogue" in note for note in report.notes)
    report = load(workspace, real_data / "amazon_2023_subscription_boxes")
    assert dict(report.kept) == {"items": 641, "reviews": 16005}
    assert dict(report.rejected) == {"text is missing": 11}
