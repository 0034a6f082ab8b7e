"""Recommendations: the list with its reasons, why and why not, stages, two models, what if, audiences, every state."""

import csv
import io
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.recommending.serving import open_pipeline
from engine.recommending.weighing import set_weights
from engine.workspace import Workspace
from tests.recommended import BAGS, EVIL, GONE, HOSTILE, NEW, SHOES, build

RECOMMEND = "pages/views/recommendations.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    build(home)
    return home


@pytest.fixture
def store(trained, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(trained))
    return Workspace.open(trained / "demo")


@pytest.fixture
def recommend(store):
    """Open the recommendations at an address."""
    return lambda **address: run(RECOMMEND, address)


def listed(app, key="list"):
    return re.findall(r'id="(?:rec|a|b|gone)-([^"]+)"', part(app, key))


def bought_by(store, user):
    events = store.read("events")
    return set(events[(events["user_id"] == user) & (events["event"] == "transaction")]["item_id"])


def test_without_a_user_there_are_presets_with_names_before_ids(recommend):
    app = recommend()
    presets = part(app, "presets")
    assert re.findall(r"<h3>([^<]+)</h3>", presets) == ["Warm", "Cold", "One category", "Big spender", "Latest"]
    assert re.search(r'user=U-\d\d">U-\d\d · \d orders? · mostly (Bags|Shoes)<', presets)
    assert 'user=cold">cold · 1 event · mostly Bags<' in presets


def test_a_user_has_a_portrait_a_list_of_their_taste_with_reasons_and_a_history(recommend, store):
    app = recommend(user="U-01")
    assert "U-01 · 1 order · mostly Bags" in part(app, "portrait")
    found = listed(app)
    assert len(found) == 10 and not bought_by(store, "U-01") & set(found)
    assert set(found[:3]) <= set(BAGS)
    first = part(app, "list").split('id="rec-')[1]
    assert re.search(r"Because they (viewed|put into the basket|bought) ", first)
    assert "100 % of their history in Bags" in first and ("more popular than" in first or "the most popular" in first)
    assert part(app, "timeline").count("sw-event") == 10
    assert "newest first, 10 of" in part(app, "timeline")
    assert recommend(user="U-01", all="1").query_params["all"] == "1"


def test_an_unknown_id_gets_the_cold_path_with_its_name_and_the_nearest(recommend):
    app = recommend(user="U-011")
    portrait = part(app, "portrait")
    assert "U-011 · no events yet" in portrait and "the list is the one for somebody new" in portrait
    assert re.search(r"Did you mean .*user=U-\d1\"", portrait)
    assert len(listed(app)) == 10
    assert "Popular, because nothing is known of this user yet" in part(app, "list")


def test_an_open_item_says_why_and_shows_its_stages(recommend):
    item = listed(recommend(user="U-01"))[1]
    app = recommend(user="U-01", sku=item)
    assert "Why it is at place 2" in part(app, "verdict")
    assert re.search(r"(Viewed|Put into the basket|Bought) “", part(app, "carried"))
    stages = part(app, "item-stages")
    assert "Item neighbours" in stages and '<td>In the list</td><td class="sw-r"></td><td class="sw-r">#2' in stages
    assert not part(app, "timeline")
    assert f'href="./recommend?workspace=demo&amp;sku={item}"' in part(app, "why-head")


@pytest.mark.parametrize(
    ("item", "stage", "said"),
    [
        (GONE, "excluded", "left out because it is unavailable"),
        (NEW, "not trained", "No source learned it"),
    ],
)
def test_an_item_that_is_not_there_says_which_stage_lost_it(recommend, item, stage, said):
    verdict = part(recommend(user="U-00", sku=item), "verdict")
    assert f"Why it isn’t in the list: {stage}" in verdict and said in verdict


def test_what_was_bought_is_left_out_and_says_so(recommend, store):
    item = next(iter(bought_by(store, "U-00")))
    assert "left out because it is bought" in part(recommend(user="U-00", sku=item), "verdict")
    rows = part(recommend(user="U-00", see="stages"), "left-out-rows")
    assert f"{item}</a>" in rows and "<td>bought</td>" in rows


def test_stages_add_up(recommend):
    app = recommend(user="U-01", see="stages")
    frame = app.dataframe[0].value
    places = frame["place"].dropna().tolist()
    assert places == list(range(1, 11))
    n = len(frame)
    assert re.search(rf"<b>{n}</b><span>candidates</span>", part(app, "way"))


def test_a_candidate_below_the_list_can_be_picked(recommend):
    app = recommend(user="U-01")
    below = next(item for item in (*BAGS, *SHOES) if any(item in one for one in app.get_by_key("at-sku").options))
    app.get_by_key("at-sku").set_value(below).run()
    assert app.query_params["sku"] == below
    assert "below the cut" in part(app, "verdict")


def test_two_models_are_compared_in_the_one_language(recommend):
    app = recommend(user="U-01", see="beside", beside="popular")
    a, b = listed(app, "list-A"), listed(app, "list-B")
    assert a == listed(recommend(user="U-01")) and a != b
    only = len(set(a) - set(b))
    assert f"{only} only in A" in part(app, "compared") and f"{only} only in B" in part(app, "compared")
    same = recommend(user="U-01", see="beside", by="popular", beside="pipeline")
    assert listed(same, "list-A") == b


def test_without_changes_what_if_is_what_serves_and_measures_nothing(recommend):
    app = recommend(user="U-01", see="what-if")
    assert "10 same place" in part(app, "compared")
    assert not part(app, "cost")


def test_taking_events_out_and_adding_some_changes_the_list_and_can_be_left(recommend, store):
    app = recommend(user="U-01", see="what-if")
    take_out = re.findall(r'href="[^"]*drop=([^"&]+)"', part(app, "timeline"))
    assert len(take_out) == 10
    events = store.read("events")
    mine = events[events["user_id"] == "U-01"]
    every = "|".join(sorted({f"{row.item_id}:{row.event}" for row in mine.itertuples()}))
    app = recommend(user="U-01", see="what-if", drop=every, add=f"{SHOES[4]}:transaction")
    assert "U-01 · 1 order · mostly Shoes" in part(app, "portrait")
    after = listed(app, "list-B")[:10]
    assert sum(item in SHOES for item in after) > 5
    assert "1 added" in part(app, "changes") and "taken out" in part(app, "changes")
    assert "sw-gone" in part(app, "timeline") and "Put back" in part(app, "timeline")
    assert 'href="./recommend?workspace=demo&amp;user=U-01&amp;see=what-if"' in part(app, "changes")
    opened = recommend(user="U-01", see="what-if", drop=every, add=f"{SHOES[4]}:transaction", sku=after[0])
    assert "Why it is at place 1" in part(opened, "verdict")
    assert f"Bought “The {SHOES[4]}”" in part(opened, "carried")


def test_a_new_visitor_starts_from_scratch(recommend):
    app = recommend(user="new visitor", see="what-if")
    assert "Somebody who just came in" in part(app, "portrait") and "Did you mean" not in part(app, "portrait")
    app.get_by_key("whatif-item").set_value(SHOES[3])
    app.get_by_key("whatif-event").set_value("addtocart")
    next(button for button in app.button if button.label == "Add").click().run()
    assert not app.exception
    assert app.query_params["add"] == f"{SHOES[3]}:addtocart"
    assert f"put into the basket “The {SHOES[3]}”" in part(app, "added")
    assert "new visitor · 1 event · mostly Shoes" in part(app, "portrait")


def test_sliders_move_the_list_and_say_what_they_would_cost(recommend):
    app = recommend(user="U-01", see="what-if")
    app.get_by_key("at-diversity").set_value(0.8).run()
    assert app.query_params["diversity"] == "0.8"
    cost = part(app, "cost")
    assert re.findall(r"<tr><td><b>([^<]+)</b>", cost) == [
        "Recall@20",
        "NDCG@10",
        "Coverage@5",
        "Novelty@5",
        "Diversity@5",
    ]
    assert "Read off test" in cost
    tried = re.findall(r'<a class="sw-link" href="[^"]*rows=cost%3And[^"]*">(0\.\d{3})</a>', cost)
    rows = recommend(user="U-01", see="what-if", diversity="0.8", rows="cost:ndcg@10").dataframe[0].value
    assert [f"{rows['ndcg@10 tried'].mean():.3f}"] == tried and rows["user_id"].is_unique
    wrong = recommend(user="U-01", see="what-if", diversity="0.8", rows="cost:ndcg@11")
    assert "did you mean &#39;cost:ndcg@10&#39;" in shown(wrong)
    assert re.search(r"[+-]\d\.\d{3} \(-?\d\.\d{3} to -?\d\.\d{3}\)", cost)
    assert "others than those that serve" in part(app, "changes")
    app.get_by_key("at-penalty").set_value(1.0).run()
    assert listed(app, "list-B")[:10] != listed(recommend(user="U-01")) and "10 same place" not in part(app, "compared")
    assert not part(recommend(user="U-01", diversity="0.8"), "cost")


def test_tried_weights_serve_for_everybody_with_a_reason_and_can_be_taken_back(trained, home):
    shutil.copytree(trained / "demo", home / "demo")
    before = run(RECOMMEND, {"user": "U-01", "see": "what-if"})
    assert "Fitted on valid" in part(before, "serving") and not part(before, "commit-title")
    app = run(RECOMMEND, {"user": "U-01", "see": "what-if", "diversity": "0.8", "penalty": "0.9"})
    tried = listed(app, "list-B")[:10]
    assert any("--keep-models" in code.value and " --diversity 0.8 " in code.value for code in app.code)
    assert "0 → 0.8" in part(app, "commit-title")
    commit(app)
    assert "The reason is empty; write one." in part(app, "said") and listed(run(RECOMMEND, {"user": "U-01"})) != tried
    app.text_input(key="weights-reason").set_value("All the same <b>bag</b>")
    commit(app)
    assert "These weights serve now" in part(app, "said") and "diversity" not in app.query_params
    assert "10 same place" in part(app, "compared")
    assert listed(run(RECOMMEND, {"user": "U-01"})) == tried
    told = part(app, "serving")
    assert "“All the same &lt;b&gt;bag&lt;/b&gt;”" in told and "Diversity <b" in told
    assert re.search(r"Novelty@5: [+-]\d\.\d{3} \(-?\d\.\d{3} to -?\d\.\d{3}\)", told)
    app.button(key="weights-back").click().run()
    assert "Back to the weights before" in part(app, "serving")
    assert listed(run(RECOMMEND, {"user": "U-01"})) == listed(before, "list-B")[:10]


def commit(app):
    next(button for button in app.button if button.label == "Let these weights serve").click().run()
    assert not app.exception


def test_a_change_by_somebody_else_meanwhile_is_said(trained, home):
    shutil.copytree(trained / "demo", home / "demo")
    app = run(RECOMMEND, {"user": "U-01", "see": "what-if", "diversity": "0.8"})
    shop, pipeline = open_pipeline(Workspace.open(home / "demo"))
    set_weights(Workspace.open(home / "demo"), shop, replace(pipeline.config, diversity=0.3), reason="Mine", who="Bob")
    app.text_input(key="weights-reason").set_value("Mine too")
    commit(app)
    assert "Other weights were put to serve meanwhile" in part(app, "said")
    assert "Bob let them serve" in part(app, "serving")


def test_who_is_shown_an_item_adds_up_with_the_lists(recommend):
    item = listed(recommend(user="U-01"))[0]
    app = recommend(sku=item)
    n = int(re.search(r"Who is shown it: (\d+)", part(app, "audience-title")).group(1))
    assert n == part(app, "audience").count("<tr><td>") > 0
    assert re.search(rf'user=U-01&amp;sku={item}">U-01 · .*?<td class="sw-r">1</td>', part(app, "audience"))


def test_what_nobody_is_shown_has_its_reason(recommend):
    app = recommend(see="nobody")
    assert "t be bought now" in part(app, "nobody-why") and "too few events" in part(app, "nobody-why").lower()
    assert f"{GONE} · Shoes" in part(app, "nobody") and f"{NEW} · Bags" in part(app, "nobody")
    assert "Nobody is shown it" in part(recommend(sku=NEW), "state-empty-audience")
    assert "keeps nothing away" in part(recommend(see="nobody", ask="magic"), "state-empty-nobody")


def test_the_sku_explorer_leads_to_the_audience(store):
    app = run("pages/views/sku_explorer.py", {"sku": BAGS[0]})
    assert f'href="./recommend?workspace=demo&amp;sku={BAGS[0]}"' in part(app, "passport")


@pytest.mark.parametrize(
    ("address", "said", "way"),
    [
        ({"user": "U-01", "sku": "bag-000"}, "There is no SKU named &#39;bag-000&#39;", "sku=bag-00"),
        ({"sku": "bag-000"}, "There is no SKU named &#39;bag-000&#39;", "sku=bag-00"),
        ({"user": "U-01", "see": "besid"}, "There is no view named &#39;besid&#39;", "see=beside"),
        ({"user": "U-01", "see": "beside", "beside": "populr"}, "did you mean &#39;popular&#39;?", "beside=popular"),
        ({"user": "U-01", "see": "beside", "by": "populr"}, "There is no recommender named", "by=popular"),
        (
            {"user": "U-01", "see": "what-if", "add": "bag-000:view"},
            "There is no added event named &#39;bag-000:view&#39;",
            "add=bag-00%3Aview",
        ),
        ({"user": "U-01", "see": "what-if", "add": "bag-00:peek"}, "did you mean &#39;bag-00:view&#39;?", ""),
    ],
)
def test_bad_values_in_a_link_are_named_with_a_way_out(recommend, address, said, way):
    page = shown(recommend(**address))
    assert said in page
    assert way in page


def test_sliders_in_a_link_that_are_no_numbers_are_passed_over(recommend):
    app = recommend(user="U-01", see="what-if", diversity="nan", penalty="lots", affinity="7", drop="nothing:at all")
    assert app.get_by_key("at-diversity").value == 0.0
    assert app.get_by_key("at-affinity").value == 1.0


def test_hostile_text_stays_text(recommend):
    for page in (
        recommend(),
        recommend(user=HOSTILE),
        recommend(user="<script>alert(1)</script>"),
        recommend(user="U-01", see="what-if", add=f"{EVIL}:view"),
        recommend(user="U-01", sku=EVIL),
        recommend(user="U-01", sku=HOSTILE),
        recommend(see="nobody", ask=HOSTILE),
    ):
        assert HOSTILE not in shown(page) and "<script>alert" not in shown(page)
    assert "&lt;img src=x" in part(recommend(user="U-01", sku=EVIL), "why-head")


def exports(monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update({key: make}))
    return made


def test_the_export_is_the_list_with_reasons_and_versions(recommend, monkeypatch):
    made = exports(monkeypatch)
    app = recommend(user="=U-01", see="what-if", add=f"{BAGS[4]}:view", diversity="0.5")
    from pages.parts.export import to_csv

    rows = list(csv.DictReader(io.StringIO(to_csv(made["export"]()).decode("utf-8-sig"))))
    assert [row["item_id"] for row in rows] == listed(app, "list-B")[:10]
    assert rows[0]["user_id"] == "'=U-01" and rows[0]["known"] == "False"
    assert rows[0]["because"].startswith("Because they viewed “The bag-04”") or "this very item" in rows[0]["because"]
    assert (rows[0]["added"], rows[0]["diversity"]) == (f"{BAGS[4]}:view", "0.5")
    assert rows[0]["pipeline"] and rows[0]["data"] and rows[0]["workspace"] == "demo"


def test_lists_for_many_users_name_those_that_nobody_knows(recommend, monkeypatch):
    made = exports(monkeypatch)
    app = recommend()
    app.text_area(key="many").set_value("U-01\nnobody, U-02;U-01").run()
    assert "3 users; 1 name that no event has, such as nobody: cold path" in part(app, "many-said")
    frame = made["export-many"]()
    assert frame.groupby("user_id").size().to_dict() == {"U-01": 10, "U-02": 10, "nobody": 10}
    assert frame.groupby("user_id")["known"].first().to_dict() == {"U-01": True, "U-02": True, "nobody": False}
    assert frame["pipeline"].nunique() == 1


def test_what_is_not_built_has_its_command(home):
    build(home, trained=False)
    app = run(RECOMMEND, {})
    assert app.code[0].value == ".venv/bin/python scripts/train_recommender.py --workspace demo"
    assert "The recommender isn&#39;t there yet" in shown(app)


def test_a_damaged_model_and_another_catalogue_say_what_to_do(trained, home):
    shutil.copytree(trained / "demo", home / "demo")
    workspace = Workspace.open(home / "demo")
    with workspace.replace_tables("test") as writer:
        writer.write("items", workspace.read("items").iloc[1:])
        writer.write("events", workspace.read("events"))
    app = run(RECOMMEND, {})
    assert "was fitted on another catalogue" in part(app, "state-empty-damaged")
    assert app.code[0].value == ".venv/bin/python scripts/train_recommender.py --workspace demo"
    for file in (home / "demo" / "artifacts" / "recommenders" / "pipeline").rglob("pipeline.json"):
        file.write_text("{oops")
    assert "is damaged" in part(run(RECOMMEND, {}), "state-empty-damaged")


def test_newer_events_are_said_and_count_at_once(trained, home):
    shutil.copytree(trained / "demo", home / "demo")
    workspace = Workspace.open(home / "demo")
    events = workspace.read("events")
    more = events[events["user_id"] == "U-01"].assign(user_id="U-99")
    strange = events.head(3).assign(event="peek")
    moments = pd.date_range("2024-04-01", periods=5005, freq="s", tz="UTC")
    bot = pd.DataFrame({"user_id": "bot", "item_id": BAGS[1], "event": "view", "timestamp": moments})
    with workspace.replace_tables("test") as writer:
        writer.write("items", workspace.read("items"))
        writer.write("events", pd.concat([events, more, strange, bot], ignore_index=True))
    app = run(RECOMMEND, {"user": "U-99"})
    assert "train_recommender.py --workspace demo" in part(app, "outdated")
    assert "3 of kinds without a weight (peek)" in part(app, "left-out")
    assert listed(app) == listed(run(RECOMMEND, {"user": "U-01"}))
    assert "Has 5,005 events" in part(run(RECOMMEND, {"user": " bot "}), "portrait")


def test_without_tables_the_import_is_named(home):
    Workspace.create(home / "demo")
    assert "prepare_demo.py" in run(RECOMMEND, {}).code[0].value


def test_a_hidden_item_leaves_every_list_until_it_is_shown_again(recommend):
    item = listed(recommend(user="U-01"))[0]
    app = recommend(user="U-01", sku=item)
    app.button(key="hide").click().run()
    assert f"{item} is kept out of all lists" in part(app, "said")
    assert item not in listed(app) and "because it is hidden" in part(app, "verdict")
    assert "Kept out of all lists by" in part(app, "hidden-by")
    assert item not in listed(recommend(user="U-02"))
    assert "Kept out of all lists by somebody" in part(recommend(see="nobody"), "nobody-why")
    app.button(key="hide").click().run()
    assert item in listed(app) and f"{item} may be shown again" in part(app, "said")
