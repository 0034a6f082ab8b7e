"""The explorer with trained taggers: bars, evidence, the switch, the comparison, limits and exports."""

import csv
import io
import re

import pandas as pd
import pytest
from reading import part, shown

from engine.data.demo import make_demo
from engine.data.demo.config import DemoConfig
from engine.tags.neural.lora import LoraConfig
from engine.workflows import catalogue_predictions, train_tagger, trained_on
from engine.workspace import Workspace
from tests.tagged import fill, made
from tests.tiny_model import SMALL, tiny_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small demo store with both taggers, made once; nothing writes to it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("home") / "demo")
    make_demo(workspace, seed=3, config=DemoConfig(n_items=90, n_users=60, n_reviews=1500, n_events=900, n_queries=5))
    for model in ("prior", "linear"):
        train_tagger(workspace, model, seed=3)
    return workspace


@pytest.fixture
def store(trained, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(trained.path.parent))
    return trained


@pytest.fixture
def asserted(store):
    """Asserted tags of the linear tagger on SKUs with some reviews, most probable first."""
    rows = catalogue_predictions(store, "linear")
    counts = store.read("reviews", ["item_id"])["item_id"].value_counts()
    rows = rows[(rows["probability"] >= rows["threshold"]) & (rows["item_id"].map(counts).fillna(0) >= 5)]
    return rows.sort_values("probability", ascending=False, ignore_index=True)


def test_cards_show_the_strongest_tags_filled_where_asserted(store, asserted, explorer):
    sku, tag = asserted.loc[0, "item_id"], asserted.loc[0, "tag"]
    grid = part(explorer(q=sku), "grid")
    assert f'class="sw-chip sw-on">{tag} ' in grid


def test_bars_stand_at_the_probability_with_a_line_at_the_threshold(store, asserted, explorer):
    row = asserted.loc[0]
    bars = part(explorer(sku=row["item_id"]), "tags")
    assert f'style="width:{100 * row["probability"]:.2f}%"' in bars
    assert f'style="left:{100 * row["threshold"]:.2f}%"' in bars


def test_choosing_a_tag_marks_its_evidence_in_the_reviews(store, asserted, explorer):
    row = asserted.loc[0]
    plain = explorer(sku=row["item_id"])
    assert "<mark" not in part(plain, "reviews")
    app = explorer(sku=row["item_id"], tag=row["tag"])
    head = part(app, "evidence")
    supporting = int(re.search(r"Based on (\d+) of (\d+) reviews", head)[1])
    assert supporting > 0
    articles = part(explorer(sku=row["item_id"], tag=row["tag"], all="1"), "reviews").split("<article")
    assert sum('class="sw-for"' in article for article in articles) == supporting
    assert app.selectbox(key="at-order").value == "evidence"


def test_the_switch_shows_the_other_tagger_and_keeps_the_sku(store, asserted, explorer):
    app = explorer(sku=asserted.loc[0, "item_id"])
    linear = part(app, "tags")
    app.get_by_key("at-tagger").set_value("prior").run()
    assert app.query_params["tagger"] == "prior"
    assert app.query_params["sku"] == asserted.loc[0, "item_id"]
    assert part(app, "tags") != linear


def test_a_better_tagger_than_the_one_in_use_is_named_with_both_figures(store, asserted, explorer):
    sku = asserted.loc[0, "item_id"]
    said = part(explorer(sku=sku, tagger="prior"), "better")
    assert re.search(r"Tags by prior: micro-F1 0\.\d\d on held-out SKUs\. Linear reaches 0\.\d\d", said)
    assert "tagger=linear" in said and f"sku={sku}" in said
    assert "on held-out SKUs" not in shown(explorer(sku=sku))


def test_pages_open_with_lora_where_it_is_trained(home, explorer, monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")
    workspace = fill(Workspace.create(home / "demo"), made(120))
    train_tagger(workspace, "linear", seed=3)
    train_tagger(workspace, "lora", config=LoraConfig(base=str(tiny_model()), **SMALL), seed=3)
    sku = workspace.read("items", ["item_id"])["item_id"][0]
    assert explorer(sku=sku).get_by_key("at-tagger").value == "lora"
    assert explorer(sku=sku, tagger="linear").get_by_key("at-tagger").value == "linear"


def test_limits_cut_the_bars(store, asserted, explorer):
    sku = asserted.loc[0, "item_id"]
    assert part(explorer(sku=sku, top="2"), "tags").count('class="sw-tag ') == 2
    nothing = explorer(sku=sku, min="1.0")
    assert "Show the strongest anyway" in part(nothing, "state-empty-tags")


def test_given_tags_are_hidden_until_asked_for(store, asserted, explorer):
    given = store.read("tags", ["item_id", "tag"])
    sku = asserted.loc[asserted["item_id"].isin(given["item_id"]), "item_id"].iloc[0]
    app = explorer(sku=sku)
    assert part(app, "given") == ""
    app.toggle(key="at-people").set_value(True).run()
    compared = part(app, "given")
    truth, model = set(given.loc[given["item_id"] == sku, "tag"]), set(asserted.loc[asserted["item_id"] == sku, "tag"])
    assert f"{len(truth & model)} both" in compared
    assert f"{len(model - truth)} only the tagger" in compared
    assert f"{len(truth - model)} only given" in compared
    assert app.query_params["people"] == "1"


@pytest.mark.parametrize(
    ("tagger_part", "said"), [("train", "Seen in training."), ("valid", "Seen in tuning."), ("test", "Held out.")]
)
def test_a_passport_says_what_the_tagger_knew_of_the_sku(store, explorer, tagger_part, said):
    sku = sorted(trained_on(store, "linear")[tagger_part])[0]
    assert said in part(explorer(sku=sku), "seen")


def test_an_unknown_tag_in_a_link_is_named_and_the_passport_stays(store, asserted, explorer):
    app = explorer(sku=asserted.loc[0, "item_id"], tag="no such tag")
    assert "There is no tag named" in shown(app)
    assert part(app, "tags") != ""


def test_the_export_gives_the_filtered_list_with_the_taggers_version(store, explorer, monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update(frame=make()))
    explorer(category="Bags", top="3")
    from engine.spreadsheet import to_csv

    rows = list(csv.DictReader(io.StringIO(to_csv(made["frame"]).decode("utf-8-sig"))))
    items = store.read("items", ["item_id", "category"])
    bags = set(items.loc[items["category"] == "Bags", "item_id"])
    assert {row["item_id"] for row in rows} == bags
    assert pd.Series([row["item_id"] for row in rows]).value_counts().max() <= 3
    assert len({row["version"] for row in rows}) == 1
    assert rows[0]["tagger"] == "linear"


def test_preset_questions_count_what_they_open_to(store, explorer):
    chips = part(explorer(), "questions")
    held = int(re.search(r'Held out for the test <b class="sw-num">(\d+)', chips)[1])
    assert f'<b class="sw-num">{held}</b> SKU' in part(explorer(ask="held"), "count")


def test_the_overview_shows_each_taggers_figure_beside_the_prior(store, overview):
    runs = part(overview(), "runs")
    assert "<b>linear</b>" in runs and "the baseline" in runs
    assert re.search(r"[+-]0\.\d{3} \(.* to .*\), \d+ SKUs better, \d+ worse", runs)


def test_a_run_opens_to_its_rows(store, overview):
    run = re.search(r"rows=run%3A([\w.-]+)", part(overview(), "runs"))[1]
    app = overview(rows=f"run:{run}")
    assert {"predicted", "true", "hit_rank"} <= set(app.dataframe[0].value.columns)
    assert "There is no run named" in shown(overview(rows="run:20260101-0000-x-0000"))


def test_a_tagger_of_older_tables_is_called_outdated(home, overview, explorer):
    workspace = Workspace.create(home / "demo")
    sizes = DemoConfig(n_items=70, n_users=20, n_reviews=500, n_events=90, n_queries=2)
    make_demo(workspace, seed=4, config=sizes)
    train_tagger(workspace, "prior", seed=4)
    assert "learned from tables that have changed" not in part(overview(), "built")
    make_demo(workspace, seed=5, config=sizes)
    assert "learned from tables that have changed" in part(overview(), "built")
    predicted = set(catalogue_predictions(workspace, "prior")["item_id"])
    items = workspace.read("items")["item_id"]
    assert "train it again" in part(explorer(sku=items[items.isin(predicted)].iloc[0]), "tags")
    new = explorer(sku=items[~items.isin(predicted)].iloc[0])
    assert "Newer than the tagger" in shown(new)
    assert new.code[0].value == ".venv/bin/train-tags --workspace demo --model prior"


def test_a_damaged_tagger_is_named_with_its_command_and_the_rest_goes_on(home, explorer, overview):
    workspace = Workspace.create(home / "demo")
    make_demo(workspace, seed=4, config=DemoConfig(n_items=70, n_users=20, n_reviews=500, n_events=90, n_queries=2))
    train_tagger(workspace, "prior", seed=4)
    next(workspace.path.glob("artifacts/taggers/prior/*/predictions.parquet")).write_bytes(b"?")
    for page in (shown(explorer()), shown(overview())):
        assert "predictions.parquet is damaged" in page
        assert "train-tags --workspace demo --model prior" in page
    assert "The prior tagger is damaged" in shown(explorer())
    assert "The prior tagger is damaged" in shown(explorer(tagger="prior"))
    assert "70 SKUs" in shown(explorer()).replace("</b>", "").replace('<b class="sw-num">', "")
