import pytest

from engine.workspace import Workspace, list_workspaces, new_workspace
from scripts.import_data import main


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "items.csv"
    file.write_text("sku,title,category\n007,Tote,Bags\n,Boot,Shoes\n")
    return file


def test_what_was_read_kept_and_rejected_is_printed(home, file, capsys):
    arguments = ["plain", str(file), "--workspace", "shop", "--table", "items", "--map", "item_id=sku"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Read", "2", "rows"]
    assert lines[1].split() == ["Kept", "1", "items"]
    assert lines[2].split() == ["Rejected", "1", "item_id", "is", "missing"]
    assert f"{file}, line 3: item_id is missing" in lines[3]
    assert lines[-1] == f"Saved in {home / 'shop'}"
    assert Workspace.open(home / "shop").read("items")["item_id"].tolist() == ["007"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lamoda", "missing.csv"], "missing.csv: does not exist"),
        (["lamodа", "missing.csv"], "did you mean 'lamoda'?"),
        (["plain", "missing.csv"], "Plain files need --table"),
        (["plain", "missing.csv", "--table", "items", "--map", "sku"], "--map 'sku' isn't COLUMN=NAME"),
        (["lamoda", "missing.csv", "--sample", "0"], "--sample is 0; it must be 1 or more."),
        (["lamoda", "missing.csv", "--min-reviews", "-1"], "--min-reviews is -1"),
        (["lamoda", "missing.csv", "--seed", "-1"], "--seed is -1; it must be 0 or more."),
        (
            ["plain", "missing.csv", "--table", "items", "--map", "title=a", "--map", "title=b"],
            "'title' more than once",
        ),
        (["lamoda", "missing.csv", "--workspace", "../shop"], "can't name a workspace"),
        (["lamoda", "missing.csv", "--workspace", "x" * 300], "can't name a workspace"),
        (["lamoda", "missing.csv", "--workspace", " "], "can't name a workspace"),
        (["lamoda", "missing.csv", "--workspace", "a\nb"], "can't name a workspace"),
        (["lamoda", "x" * 300 + ".csv"], "can't be reached (File name too long)"),
        (["plain", __file__ + "/x.csv", "--table", "items"], "can't be reached (Not a directory)"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2_and_leaves_no_workspace(home, capsys, arguments, said):
    assert main(["--workspace", "shop", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert list_workspaces(home) == []


def test_a_failed_import_leaves_an_existing_workspace_alone(home, file, capsys):
    arguments = ["plain", str(file), "--workspace", "shop", "--table", "items", "--map", "item_id=sku"]
    assert main(arguments) == 0
    assert main([*arguments[:2], "--workspace", "shop", "--table", "tags"]) == 2
    assert list_workspaces(home) == ["shop"]
    assert len(Workspace.open(home / "shop").read("items")) == 1


def test_a_sample_from_the_command_line(home, tmp_path, capsys):
    file = tmp_path / "lamoda_reviews.csv"
    rows = [f"{n},A{n // 5},Тёплая {n},Шапка,Accs,HATS" for n in range(25)]
    file.write_text(
        "\n".join(["comment_id,product_sku,comment_text,name,good_type,good_subtype", *rows]), encoding="utf-8"
    )
    arguments = ["lamoda", str(file), "--workspace", "shop", "--sample", "20", "--min-reviews", "4", "--seed", "3"]
    assert main(arguments) == 0
    assert "Note: sample of at most 20 reviews per category, seed 3: 5 reviews left out" in capsys.readouterr().out
    assert Workspace.open(home / "shop").read("reviews")["item_id"].value_counts().min() >= 4


def test_a_failed_import_leaves_what_another_one_filled_meanwhile(home, file, monkeypatch):
    arguments = ["plain", str(file), "--workspace", "shop", "--table", "items", "--map", "item_id=sku"]
    assert main(arguments) == 0
    monkeypatch.setattr("scripts.import_data.list_workspaces", lambda _: [])  # as it was when this import began
    assert main(["lamoda", "missing.csv", "--workspace", "shop"]) == 2
    assert len(Workspace.open(home / "shop").read("items")) == 1


def test_a_failed_import_leaves_a_workspace_that_another_one_is_filling(home):
    with new_workspace(home, "shop").lock():
        assert main(["lamoda", "missing.csv", "--workspace", "shop"]) == 2
        assert list_workspaces(home) == ["shop"]
