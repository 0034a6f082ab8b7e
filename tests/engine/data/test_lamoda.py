import json

import pytest

from engine.data.importer import ImportOptions, import_files
from engine.data.lamoda import read_mappings, read_pools
from engine.errors import DataError
from engine.schema import GOOD_TYPES

RAW = "comment_id{0}product_sku{0}comment_text{0}name{0}good_type{0}good_subtype\r\n"
GROUPED = "product_sku,comment_id,comment_text,name,good_type,good_subtype"


def cell(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


@pytest.fixture
def write(tmp_path):
    def write(name, *rows, header=GROUPED):
        file = tmp_path / name
        file.write_text("\n".join([header, *(",".join(map(cell, row)) for row in rows)]), encoding="utf-8")
        return file

    return write


def load(workspace, *paths, **options):
    return import_files(workspace, "lamoda", paths, options=ImportOptions(**options))


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_raw_reviews_one_per_row(workspace, tmp_path, delimiter):
    file = tmp_path / "lamoda_reviews.csv"
    lines = [
        ["1", "A1", '"Мягкая, тёплая; беру"', "Шапка", "Accs", "HATS"],
        ["2", "A1", "Колется", "Шапка", "Accs", "HATS"],
    ]
    text = "\ufeff" + RAW.format(delimiter) + "\r\n".join(delimiter.join(line) for line in lines)
    file.write_bytes(text.encode())
    report = load(workspace, file)
    assert (report.read, dict(report.kept)) == (2, {"items": 1, "reviews": 2})
    item = workspace.read("items").iloc[0]
    assert [item.item_id, item.title, item.category, item.subcategory] == ["A1", "Шапка", "Accs", "HATS"]
    assert workspace.read("reviews")["text"].tolist() == ["Мягкая, тёплая; беру", "Колется"]


def test_two_tag_files_in_one_command_give_both_sources_and_each_review_once(workspace, write):
    row = ["A1", [1, 2], ["Мягкая", "Тёплая"], "Шапка", "Accs", "HATS"]
    free = write("lamoda_reviews_sampled_with_tags.csv", [*row, "Мягкая; ; Тёплая"], header=GROUPED + ",tags")
    pooled = write("lamoda_reviews_sampled_with_pull_tags.csv", [*row, "мягкий"], header=GROUPED + ",tags")
    report = load(workspace, free, pooled)
    assert dict(report.kept) == {"items": 1, "reviews": 2, "tags": 3}
    assert not report.rejected
    assert sum("repeating an earlier row exactly" in note for note in report.notes) == 1
    tags = workspace.read("tags")
    assert list(zip(tags["tag"], tags["source"], strict=True)) == [
        ("Мягкая", "llm"),
        ("Тёплая", "llm"),
        ("мягкий", "pool"),
    ]


def test_cells_that_hold_no_list_are_rejected_with_their_line(workspace, write):
    file = write(
        "lamoda_reviews_sampled.csv",
        ["A1", [1], '["Мягкая', "Шапка", "Accs", ""],
        ["A2", [1, 2], ["Мягкая"], "Шапка", "Accs", ""],
        ["A3", [3], ["Тёплая"], "Шапка", "Accs", ""],
    )
    report = load(workspace, file)
    assert dict(report.rejected) == {
        "comment_text starts like a JSON array and isn't one": 1,
        "comment_id and comment_text hold different numbers of values": 1,
    }
    assert f"{file}, line 2" in report.examples["comment_text starts like a JSON array and isn't one"][0]
    assert workspace.read("items")["item_id"].tolist() == ["A3"]


def test_an_unknown_good_type_is_kept_and_noted_with_the_nearest(workspace, write):
    report = load(workspace, write("lamoda_reviews_sampled.csv", ["A1", [1], ["Тёплая"], "Шапка", "Shoe", ""]))
    assert "good type 'Shoe' isn't a known one, kept for 1 SKU; did you mean 'Shoes'?" in report.notes
    assert workspace.read("items")["category"].tolist() == ["Shoe"]


def test_duplicate_skus_are_rejected_with_their_line(workspace, write):
    file = write(
        "lamoda_reviews_sampled.csv",
        ["A1", [1], ["Тёплая"], "Шапка", "Accs", ""],
        ["A1", [2], ["Мягкая"], "Шарф", "Accs", ""],
    )
    report = load(workspace, file)
    ((message,),) = report.examples.values()
    assert (
        message
        == f"{file}, line 3: 'A1' repeats the item_id of an earlier row with other values; the first one is kept"
    )
    assert dict(report.kept) == {"items": 1, "reviews": 2}


def test_labelled_examples_take_their_good_type_from_the_file_name(workspace, write):
    file = write(
        "etalon_beauty.csv",
        [["Пахнет", " "], ["Легкий аромат", ""]],
        ["Сушит\nНе сушит", []],
        header="text,tags",
    )
    report = load(workspace, file)
    assert dict(report.kept) == {"items": 2, "reviews": 3, "tags": 1}
    assert set(workspace.read("items")["category"]) == {"Beauty_Accs"}
    assert workspace.read("tags")["source"].tolist() == ["import"]
    unnamed = write("etalon_cars.csv", ["a", []], header="text,tags")
    with pytest.raises(DataError, match=r"name it like etalon_shoes\.csv"):
        load(workspace, unnamed)


def test_pools_and_mappings_are_no_tables_but_can_be_read(workspace, write):
    pools = write("tag_pulls_best.csv", ["Accs", "мягкий; тёплый;"], header="good_type,tags")
    mappings = write("tag_mappings.csv", ["Accs", "мягкая; мягко", "мягкий"], header="good_type,old_tags,new_tag")
    for file, what in ((pools, "pools of tags"), (mappings, "a map of synonyms")):
        with pytest.raises(DataError, match=f"{what}, which are no table; import the review files"):
            load(workspace, file)
    assert read_pools(pools) == {"Accs": ["мягкий", "тёплый"]}
    assert read_mappings(mappings) == {"Accs": {"мягкая": "мягкий", "мягко": "мягкий"}}
    with pytest.raises(DataError, match="lacks column 'old_tags'"):
        read_mappings(pools)
    pools.write_text("good_type,tags\nAccs\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: '1' too few fields"):
        read_pools(pools)


def test_missing_columns_are_named_with_what_is_there(workspace, write):
    file = write("lamoda_reviews.csv", ["1", "2"], header="sku,comment_texts")
    with pytest.raises(DataError) as caught:
        load(workspace, file)
    assert "column 'comment_text' (is it 'comment_texts'?)" in str(caught.value)
    assert "it has 'sku', 'comment_texts'" in str(caught.value)


def test_a_sample_is_the_same_for_a_seed_and_obeys_both_limits(workspace, write):
    texts = [f"Отзыв {n}" for n in range(10)]
    rows = [
        [f"S{s}", [s * 10 + n for n in range(10)], texts, "Сумка", "Bags" if s < 8 else "Shoes", ""] for s in range(10)
    ]
    file = write("lamoda_reviews_sampled.csv", *rows)
    report = load(workspace, file, sample=30, min_reviews=4, seed=1)
    reviews = workspace.read("reviews")
    per_sku = reviews["item_id"].value_counts()
    assert per_sku.min() >= 4
    assert set(per_sku.index) == set(workspace.read("items")["item_id"])
    assert (per_sku[["S8", "S9"]] == 10).all()  # 20 Shoes are under the limit of 30
    assert per_sku.drop(["S8", "S9"]).sum() <= 30
    assert any("at most 30 reviews per category, seed 1: 50 reviews left out" in note for note in report.notes)
    load(workspace, file, sample=30, min_reviews=4, seed=1)
    assert workspace.read("reviews")["review_id"].tolist() == reviews["review_id"].tolist()
    load(workspace, file, sample=30, min_reviews=4, seed=2)
    assert workspace.read("reviews")["review_id"].tolist() != reviews["review_id"].tolist()


def test_the_real_files(workspace, real_data):
    folder = real_data / "lamoda"
    tagged = [folder / f"lamoda_reviews_sampled_with_{name}.csv" for name in ("tags", "pull_tags")]
    report = load(workspace, *tagged)
    assert report.kept["items"] == 2103
    assert report.kept["reviews"] == 15781  # one of 15,782 has no text
    assert set(workspace.read("items")["category"]) == set(GOOD_TYPES)
    assert set(workspace.read("tags")["source"]) == {"llm", "pool"}
    assert dict(load(workspace, folder / "test_examples.csv").kept) == {"items": 3, "reviews": 59}
    assert load(workspace, *folder.glob("etalon_*.csv")).kept["items"] == 6777
    assert set(read_pools(folder / "tag_pulls_raw.csv")) == set(GOOD_TYPES)
    assert set(read_mappings(folder / "tag_mappings.csv")) == set(GOOD_TYPES)
