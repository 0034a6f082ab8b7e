"""Tag review: queues, decisions by button, undo, bulk, deep links, the golden set and the export."""

import csv
import io
import re

import pytest
from reading import part, shown

from engine.data.demo import make_demo
from engine.data.demo.config import DemoConfig
from engine.decisions import Decisions
from engine.golden import evaluate_gold
from engine.settings import person
from engine.workflows import catalogue_predictions, train_tagger, trained_on
from engine.workspace import Workspace
from pages.parts import cache

SIZES = DemoConfig(n_items=90, n_users=60, n_reviews=1500, n_events=900, n_queries=5)
HOSTILE = '<img src=x onerror="window.broken = 1">'


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small demo store with both taggers, made once; tests write nothing but decisions to it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("home") / "demo")
    make_demo(workspace, seed=3, config=SIZES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        for model in ("prior", "linear"):
            train_tagger(workspace, model, seed=3)
    return workspace


@pytest.fixture
def decisions(trained, monkeypatch):
    """The decisions of that store, none at first."""
    monkeypatch.setenv("SHELFWISE_HOME", str(trained.path.parent))
    for file in trained.path.glob("state.sqlite*"):
        file.unlink()
    return Decisions(trained)


def pair(app):
    return app.query_params["sku"], app.query_params["tag"]


def click(app, label):
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def left(app, queue="Uncertain"):
    return int(re.search(rf'{queue} <b class="sw-num">([\d,]+)', part(app, "queues"))[1].replace(",", ""))


def test_a_pair_is_shown_with_its_reason_and_evidence_and_the_address_names_it(decisions, review):
    app = review()
    sku, tag = pair(app)
    assert f"“{tag}”" in part(app, "pair") and sku in part(app, "pair")
    assert re.search("Here because: .* its threshold", part(app, "pair"))
    assert "speaks for it" in part(app, "evidence")
    assert part(review(queue="uncertain", sku=sku, tag=tag), "pair") == part(app, "pair")


def test_confirm_keeps_who_and_goes_on_to_the_next_pair(decisions, review):
    app = review(who="Ann")
    first, before = pair(app), left(app)
    click(app, "Confirm")
    assert pair(app) != first
    assert left(app) == before - 1
    assert "Confirmed" in part(app, "said") and first[0] in part(app, "said")
    assert decisions.current()[["item_id", "tag", "verdict", "who"]].to_numpy().tolist() == [
        [*first, "confirmed", "Ann"]
    ]
    assert '<b class="sw-num">1</b> of' in part(app, "progress")


def test_reject_gives_the_chosen_reason_and_undo_brings_the_pair_back(decisions, review):
    app = review()
    first, before = pair(app), left(app)
    app.selectbox(key="reason").set_value("Too vague").run()
    click(app, "Reject")
    assert decisions.current()["reason"].tolist() == ["Too vague"]
    app.button(key="undo").click().run()
    assert decisions.current().empty
    assert pair(app) == first and left(app) == before
    assert app.button(key="undo").disabled
    assert "undone by" in part(app, "decided")


def test_skip_leaves_the_pair_for_later(decisions, review):
    app = review(queue="frequent")
    first, before = pair(app), left(app, "Frequent, unconfirmed")
    click(app, "Skip")
    assert pair(app) != first
    assert left(app, "Frequent, unconfirmed") == before
    assert decisions.history().empty


def test_rename_takes_the_new_name_from_the_dialog(decisions, review):
    app = review(who="Ann")
    sku, tag = pair(app)
    click(app, "Rename")
    app.text_input(key="rename-to").set_value("another name")
    click(app, "Save")
    rows = decisions.current()
    assert {(row.item_id, row.tag, row.verdict, row.reason) for row in rows.itertuples()} == {
        (sku, tag, "renamed", "another name"),
        (sku, "another name", "added", ""),
    }


def test_bulk_says_how_many_before_and_is_undone_as_one(decisions, review):
    tag = pair(review())[1]
    app = review(queue="frequent")
    tag = pair(app)[1]
    app = review(queue="frequent", only=tag)
    said = part(app, "bulk-said")
    count = int(re.search(r"([\d,]+) pairs", said)[1])
    assert count > 1
    click(app, f"Reject all {count}")
    assert decisions.current()["tag"].tolist() == [tag] * count
    assert "All done" in shown(app)
    app.button(key=f"undo-{decisions.batches(1)[0].id}").click().run()
    assert decisions.current().empty
    assert f"{count} pairs" in part(app, "bulk-said")


def test_an_empty_queue_says_what_would_be_in_it_and_shows_no_progress(decisions, review):
    app = review(queue="rejected")
    assert "What would be here: where tags are asserted" in shown(app)
    assert part(app, "progress") == ""


def test_filters_narrow_the_queue_and_its_pair(decisions, review, trained):
    categories = trained.read("items", ["item_id", "category"]).set_index("item_id")["category"]
    app = review(queue="disagree", category="Bags")
    assert categories[pair(app)[0]] == "Bags"
    app.get_by_key("at-category").set_value("Shoes").run()
    assert categories[pair(app)[0]] == "Shoes"
    assert app.query_params["category"] == "Shoes"


def test_the_name_is_kept_in_the_address(decisions, review):
    app = review()
    app.text_input(key="at-who").set_value("Ann").run()
    assert app.query_params["who"] == "Ann"
    click(app, "Confirm")
    assert decisions.current()["who"].tolist() == ["Ann"]
    assert app.query_params["who"] == "Ann"
    app.text_input(key="at-who").set_value(person()).run()
    click(app, "Confirm")
    assert decisions.current()["who"].tolist() == ["Ann", person()]


def test_a_name_that_nobody_could_read_is_refused_in_words(decisions, review):
    app = review(who="a\u202eb")
    click(app, "Confirm")
    assert "can&#39;t be a name" in part(app, "said")
    assert decisions.history().empty


def test_what_another_person_decided_is_seen_at_the_next_click(decisions, review):
    app = review(who="Ann")
    first = pair(app)
    decisions.reject([first], reason="Nobody says so", who="Bob")
    click(app, "Confirm")
    assert decisions.history()[["who", "verdict"]].to_numpy().tolist() == [["Ann", "confirmed"], ["Bob", "rejected"]]
    again = review(queue="uncertain", sku=first[0], tag=first[1])
    assert "Bob" in part(again, "decided") and "Ann" in part(again, "decided")


def test_unknown_names_in_a_link_are_named(decisions, review):
    assert "did you mean" in shown(review(queue="uncertian"))
    assert "There is no category named" in shown(review(category="Bagz"))
    sku = pair(review())[0]
    assert "There is no tag named" in shown(review(sku=sku, tag="no such tag at all"))
    assert "There is no SKU named" in shown(review(sku="XX-1", tag="any"))


def test_hostile_text_stays_text(decisions, review):
    sku, _ = pair(review())
    decisions.add([(sku, HOSTILE)], who=HOSTILE)
    page = shown(review(sku=sku, tag=HOSTILE))
    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_the_golden_set_counts_decided_pairs_apart_from_what_was_learned(decisions, review, trained):
    rows = catalogue_predictions(trained, "linear")
    asserted = rows[rows["probability"] >= rows["threshold"]].drop_duplicates("item_id").head(40)
    decided = list(zip(asserted["item_id"], asserted["tag"], strict=True))
    decisions.confirm(decided[:30], who="Ann")
    decisions.reject(decided[30:], reason="Nobody says so", who="Ann")
    table = part(review(), "gold")
    counts = [int(n) for n in re.findall(r"<b>linear</b>.*?>(\d+)</a>", table)]
    assert sum(counts) == 40
    assert "train-tags --workspace demo --model linear --with-decisions" in table
    assert "SKUs new to it" in table and "SKUs it learned from" in table
    opened = review(rows="gold:seen:linear")
    assert len(opened.dataframe[0].value) == counts[1]


def test_a_run_on_decisions_does_not_stand_for_the_taggers_own(decisions, review, trained, monkeypatch):
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)
    rows = catalogue_predictions(trained, "linear")
    held = trained_on(trained, "linear")["test"]
    decisions.confirm(
        rows.loc[rows["item_id"].isin(held), ["item_id", "tag"]].head(5).itertuples(index=False), who="Ann"
    )
    before = cache.tag_runs(trained)
    run = evaluate_gold(trained, "linear").run
    assert [line.id for line in cache.tag_runs(trained)] == [line.id for line in before]
    assert run.id not in [line.id for line in before]
    assert run.split == f"decisions {decisions.labels().digest}"


def test_the_export_is_the_whole_log_with_formulas_neutralised(decisions, review, monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update({key: make}))
    batch = decisions.add([("SKU-1", "=1+1")], who="@Ann")
    decisions.undo(batch, who="Bob")
    review()
    from engine.spreadsheet import to_csv

    (row,) = csv.DictReader(io.StringIO(to_csv(made["export"]()).decode("utf-8-sig")))
    assert (row["tag"], row["who"], row["undone_by"], row["verdict"]) == ("'=1+1", "'@Ann", "Bob", "added")
    assert row["workspace"] == "demo"


def test_the_passport_confirms_rejects_and_adds_and_shows_it_beside_the_bars(decisions, explorer, trained):
    rows = catalogue_predictions(trained, "linear")
    row = rows.sort_values("probability", ascending=False).iloc[0]
    app = explorer(sku=row["item_id"], tag=row["tag"], who="Ann")
    click(app, "Confirm")
    assert 'sw-badge sw-up"><span class="sw-icon" aria-hidden="true">check_circle</span> confirmed' in part(app, "tags")
    click(app, "Reject")
    assert "cancel</span> rejected" in part(app, "tags")
    assert "History: 2 decisions" in part(app, "decided")
    other = next(tag for tag in app.get_by_key("add-tag").options if tag != row["tag"])
    app.get_by_key("add-tag").set_value(other).run()
    click(app, "Add")
    rows = decisions.current()
    assert dict(zip(rows["tag"], rows["verdict"], strict=True)) == {row["tag"]: "rejected", other: "added"}
    assert set(rows["who"]) == {"Ann"}
    app.button(key="undo").click().run()
    assert other not in set(decisions.current()["tag"])
    assert app.query_params["sku"] == row["item_id"]


def test_the_passport_renames_and_undoes_it(decisions, explorer, trained):
    row = catalogue_predictions(trained, "linear").iloc[0]
    app = explorer(sku=row["item_id"], tag=row["tag"], who="Ann")
    click(app, "Rename")
    app.text_input(key="rename-to").set_value("another name")
    click(app, "Save")
    assert f"Renamed “{row['tag']}” on {row['item_id']} to “another name”" in part(app, "said")
    assert decisions.labels().true == {row["item_id"]: {"another name"}}
    assert "edit</span> renamed" in part(app, "tags")
    assert app.query_params["tag"] == row["tag"]
    click(app, "Undo")
    assert decisions.current().empty


def test_a_tag_that_nobody_predicted_has_no_buttons(decisions, explorer, trained):
    sku = trained.read("items", ["item_id"])["item_id"].iloc[0]
    app = explorer(sku=sku, tag="no such tag")
    assert "Confirm" not in [button.label for button in app.button]


def test_all_skus_of_a_list_are_tagged_at_once_and_undone_as_one(decisions, explorer, trained):
    rows = catalogue_predictions(trained, "linear")
    items = trained.read("items", ["item_id", "category"])
    bags = items.loc[items["category"] == "Bags", "item_id"]
    rows = rows[(rows["probability"] >= rows["threshold"]) & rows["item_id"].isin(bags)]
    tag = rows["tag"].value_counts().index[0]
    having = set(rows.loc[rows["tag"] == tag, "item_id"])
    app = explorer(category="Bags")
    app.get_by_key("bulk-tag").set_value(tag).run()
    assert f"Of the {len(bags)} SKUs in this list, linear asserts it on {len(having)}." in part(app, "bulk-said")
    click(app, f"Reject it on these {len(having)}")
    assert set(decisions.current()["item_id"]) == having
    click(app, f"Add it to the other {len(bags) - len(having)}")
    assert set(decisions.current()["item_id"]) == set(bags)
    click(app, "Undo")
    assert set(decisions.current()["item_id"]) == having
    click(app, "Undo")
    assert decisions.current().empty


def test_without_a_tagger_the_command_is_named(shop, review):
    app = review()
    assert app.code[0].value == ".venv/bin/train-tags --workspace demo --model linear"
