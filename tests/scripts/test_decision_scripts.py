from __future__ import annotations

import csv
import io

import pytest

from engine.decisions import Decisions
from engine.runs import RunStore
from engine.workflows import catalogue_predictions, train_tagger, trained_on
from engine.workspace import Workspace
from scripts.evaluate_gold import main as evaluate
from scripts.export_decisions import main as export
from tests.tagged import fill, made


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    workspace = fill(Workspace.create(home / "shop"), made(200))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        for model in ("prior", "linear"):
            train_tagger(workspace, model, seed=3)
    return workspace


@pytest.fixture
def decisions(shop, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(shop.path.parent))
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)
    for file in shop.path.glob("state.sqlite*"):
        file.unlink()
    return Decisions(shop)


def asserted(shop, part):
    """The asserted pairs of the linear tagger on SKUs of a part of its split."""
    rows = catalogue_predictions(shop, "linear")
    rows = rows[(rows["probability"] >= rows["threshold"]) & rows["item_id"].isin(trained_on(shop, "linear")[part])]
    return list(zip(rows["item_id"], rows["tag"], strict=True))


def test_only_skus_that_no_tagger_learned_from_count_unless_asked_for(decisions, shop, capsys):
    held, learned = asserted(shop, "test")[:8], asserted(shop, "train")[:20]
    decisions.confirm([*held[:6], *learned], who="Ann")
    decisions.reject(held[6:], reason="Nobody says so", who="Ann")
    assert evaluate(["--workspace", "shop", "--model", "linear"]) == 0
    said = capsys.readouterr().out
    assert "precision               0.750" in said and "Against the prior" in said
    assert "outside train and valid of item" in said
    runs = RunStore(shop).list("tags")[:2]
    assert {run.model for run in runs} == {"prior", "linear"} and len({run.eligibility for run in runs}) == 1
    assert set(RunStore(shop).rows(runs[0].id)["item_id"]) == {item for item, _ in held}
    assert evaluate(["--workspace", "shop", "--model", "prior", "--seen"]) == 0
    said = capsys.readouterr().out
    assert f"SKUs     {len({item for item, _ in (*held, *learned)})}" in said and "learned from or not" in said


def test_without_decisions_or_without_new_skus_the_way_out_is_said(decisions, shop, capsys):
    assert evaluate(["--workspace", "shop"]) == 2
    assert "Tag review" in capsys.readouterr().err
    decisions.confirm(asserted(shop, "train")[:3], who="Ann")
    assert evaluate(["--workspace", "shop"]) == 2
    assert "--seen" in capsys.readouterr().err
    assert evaluate(["--workspace", "shop", "--model", "stacked"]) == 2
    assert "train-tags --workspace shop --model stacked" in capsys.readouterr().err


def test_the_log_is_written_whole_or_as_it_counts_with_formulas_neutralised(decisions, capsysbinary, tmp_path):
    decisions.undo(decisions.add([("A", "=1+1")], who="@Ann"), who="Bob")
    decisions.confirm([("A", "soft")], who="Ann")
    file = tmp_path / "out" / "decisions.csv"
    assert export(["--workspace", "shop", "--out", str(file)]) == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert [(row["tag"], row["who"], row["undone_by"]) for row in rows] == [
        ("soft", "Ann", ""),
        ("'=1+1", "'@Ann", "Bob"),
    ]
    assert export(["--workspace", "shop", "--current"]) == 0
    out, err = capsysbinary.readouterr()
    (row,) = csv.DictReader(io.StringIO(out.decode("utf-8-sig")))
    assert (row["tag"], row["workspace"]) == ("soft", "shop")
    assert b"1 decision of shop" in err
