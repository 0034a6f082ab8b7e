import pandas as pd
import pytest

from engine.data.importer import ImportOptions, import_files
from engine.errors import DataError, SettingsError, UnknownNameError


def load(workspace, path, table, **columns):
    return import_files(workspace, "plain", [path], options=ImportOptions(table=table, columns=columns))


def test_three_formats_give_the_same_table(workspace, tmp_path):
    frame = pd.DataFrame(
        {"sku": ["007", "1e5"], "title": ["Tote", "Boot"], "category": ["Bags", "Shoes"], "price": [1.5, None]}
    )
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    hashes = set()
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        report = load(workspace, tmp_path / name, "items", item_id="sku")
        assert (report.read, dict(report.kept)) == (2, {"items": 2})
        hashes.add(pd.util.hash_pandas_object(workspace.read("items")[["item_id", "title", "category", "price"]]).sum())
    assert len(hashes) == 1
    assert workspace.read("items")["item_id"].tolist() == ["007", "1e5"]


def test_reviews_alone_get_ids_from_their_lines_and_a_catalogue_of_ids(workspace, tmp_path):
    file = tmp_path / "said.csv"
    file.write_text("sku,body\n00123,Soft\n2020-01-01,Warm\n00123,Good\n")
    report = load(workspace, file, "reviews", item_id="sku", text="body")
    assert workspace.read("reviews")["review_id"].tolist() == ["said-2", "said-3", "said-4"]
    items = workspace.read("items")
    assert items["item_id"].tolist() == ["00123", "2020-01-01"]
    assert items["title"].tolist() == ["00123", "2020-01-01"]
    assert set(items["category"]) == {"Uncategorised"}
    assert "items: the source has no catalogue; 2 SKUs named by id" in report.notes


def test_a_second_import_leaves_other_tables_and_counts_rows_without_item(workspace, items, tmp_path):
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    file = tmp_path / "tags.csv"
    file.write_text("item_id,tag\n007,soft\nX,warm\n")
    report = load(workspace, file, "tags")
    assert workspace.read("tags")["source"].tolist() == ["import", "import"]
    assert len(workspace.read("items")) == 2
    assert report.notes == [
        "tags: 1 row about 1 SKU that the catalogue doesn't hold",
        "not part of this import and unchanged: items",
    ]


def test_options_and_files_that_can_not_be_used(workspace, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("item_id,titles\n1,Tote\n")
    cases = [
        (SettingsError, "need --table", None, {}),
        (UnknownNameError, "'item'; did you mean 'items'", "item", {}),
        (UnknownNameError, "'titel'; did you mean 'title'", "items", {"titel": "titles"}),
        (DataError, "lacks column 'name'", "items", {"title": "name"}),
        (DataError, r"lacks column 'title' \(is it 'titles'\?\); column 'category'", "items", {}),
        (DataError, "lacks column 'brnd'", "items", {"title": "titles", "category": "titles", "brand": "brnd"}),
    ]
    for error, said, table, columns in cases:
        with pytest.raises(error, match=said):
            load(workspace, file, table, **columns)
    with pytest.raises(DataError, match="an ending that says nothing about its format"):
        load(workspace, tmp_path / "a.xml", "items")
    with pytest.raises(SettingsError, match="go with plain files only"):
        import_files(workspace, "lamoda", [file], options=ImportOptions(table="items"))
    assert not workspace.tables
