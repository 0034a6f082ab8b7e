"""Ranking lab: members, weights, features, one decision, why above, tuning, every state; numbers equal their rows."""

import csv
import io
import re
import shutil

import numpy as np
import pytest
from conftest import run
from reading import part, shown

from engine.artifacts import ArtifactStore
from engine.ranking.cache import ENSEMBLE, KIND
from engine.ranking.config import load_config
from engine.ranking.opening import open_lab
from engine.ranking.second_stage import open_second_stage
from engine.ranking.source import open_source
from engine.ranking.training import train_ensemble
from engine.ranking.tuning import tune_member
from engine.recommend.evaluation import histories_of
from engine.recommending.serving import open_pipeline
from engine.workspace import Workspace
from pages.parts.rows import ROWS_SHOWN
from tests.given import write_config, write_given
from tests.ranked_shop import SETTINGS
from tests.recommended import EVIL, HOSTILE, build

RANK, RECOMMEND = "pages/views/ranking_lab.py", "pages/views/recommendations.py"


@pytest.fixture
def lab(ranked_home, monkeypatch):
    """Open the ranking lab at an address."""
    monkeypatch.setenv("SHELFWISE_HOME", str(ranked_home))
    return lambda **address: run(RANK, address)


@pytest.fixture(scope="module")
def opening(ranked_home):
    return open_lab(Workspace.open(ranked_home / "demo"))


@pytest.fixture
def copied(ranked_home, home):
    """A workspace of one's own to change."""
    shutil.copytree(ranked_home / "demo", home / "demo")
    return Workspace.open(home / "demo")


def candidates(app):
    return re.findall(r'id="row-([^"]+)"', part(app, "candidates"))


def exports(monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update({key: make}))
    return made


def test_members_stand_beside_each_other_with_intervals_and_the_baseline(lab, opening):
    app = lab()
    n = len(opening.lab.lists)
    assert f"<b>{n}</b><span>lists of test</span>" in part(app, "tiles")
    figures = part(app, "figures")
    names = re.findall(r"<td><b>([^<]+)</b></td>", figures)
    assert sorted(names) == ["Ensemble", "LightGBM", "Recommend’s order", "XGBoost"]
    value = opening.lab.table[f"{ENSEMBLE} ndcg@5"].mean()
    assert f'rows=ranker%3Aensemble">{value:.3f}</a>' in figures
    assert re.search(r"<small>0\.\d{3} to 0\.\d{3}</small>", figures) and "the baseline" in figures
    assert re.search(r"(Than|Beside) <b>Recommend’s order</b>: NDCG@5 [+-]0\.\d{3} \(", part(app, "verdict"))
    assert part(app, "reliability").count("sw-said-so") <= 10 and 'style="left:' in part(app, "reliability")
    assert part(app, "balance").count("<tr>") == 3
    assert not part(app, "outdated")


def test_numbers_open_to_rows_that_give_them(lab, opening, monkeypatch):
    made = exports(monkeypatch)
    app = lab(rows="ranker:xgboost")
    rows = app.dataframe[0].value
    assert rows["ndcg@5"].mean() == pytest.approx(opening.lab.table["xgboost ndcg@5"].mean())
    assert len(rows) == len(opening.lab.lists) and set(made["rows-export"]()["workspace"]) == {"demo"}
    assert len(lab(rows="wanted").dataframe[0].value) == int(opening.lab.lists.known.sum())
    lost = lab(rows="lost")
    missing = int(opening.lab.lists.sought.sum() - opening.lab.lists.known.sum())
    if missing:
        rows = lost.dataframe[0].value
        assert (rows["wanted"] - rows["found"]).sum() == missing
    binned = lab(rows="bin:ensemble:0").dataframe[0].value
    assert 0 < len(binned) < len(opening.lab.lists.items)
    assert len(lab(rows="chances:ensemble").dataframe[0].value) == min(len(opening.lab.lists.items), ROWS_SHOWN)
    chances = made["rows-export"]()
    figure = next(line for line in opening.lab.lines() if line.name == "ensemble").figures["ece"].value
    gaps = (chances["chance"] - chances["wanted"]).groupby(chances["bin"]).sum().abs()
    assert gaps.sum() / len(chances) == pytest.approx(figure)
    prices = lab(rows="feature:item_price").dataframe[0].value
    assert {"value", "lightgbm part", "xgboost part"} <= set(prices)
    assert len(lab(rows="train").dataframe[0].value) == len(opening.train)


def test_a_row_opens_its_decision(lab):
    app = lab(rows="wanted")
    first = app.dataframe[0].value.iloc[0]
    app = lab(see="decision", list=first["list_id"], sku=first["item_id"])
    assert f"Place {first['ensemble place']} of" in part(app, "why-head")


def test_weights_are_tried_live_and_say_what_they_would_cost(lab, opening):
    app = lab(see="weights")
    assert "These are the weights that serve" in part(app, "changes") and not part(app, "cost")
    app.get_by_key("weight-lightgbm").set_value(0.0).run()
    app.get_by_key("weight-xgboost").set_value(1.0).run()
    assert app.query_params["weights"] == "lightgbm:0|xgboost:1"
    assert "XGBoost 1.00" in part(app, "changes")
    value = opening.lab.table["xgboost ndcg@5"].mean()
    assert f'<td class="sw-r">{value:.3f}</td>' in part(app, "cost") and "Read off test" in part(app, "cost")
    alone = lab(see="weights", weights="lightgbm:0|xgboost:1")
    assert part(alone, "cost") == part(app, "cost")
    moved = opening.lab.moved({"lightgbm": 0.0, "xgboost": 1.0})
    assert f"Lists that change: {len(moved)}" in part(alone, "moved-title")
    assert part(alone, "moved").count("see=decision") == min(len(moved), 20)


@pytest.mark.parametrize("weights", ["lightgbm:nan", "lightgbm:much", "lightgbm:0|xgboost:0", "lightgbm"])
def test_weights_that_are_no_numbers_or_nothing_are_passed_over(lab, weights):
    assert "These are the weights that serve" in part(lab(see="weights", weights=weights), "changes")


def test_features_and_agreement(lab, opening):
    app = lab(see="features")
    shares = opening.lab.importances
    table = part(app, "importance")
    assert table.index(str(shares.index[0]).replace("_", " ")) < table.index(str(shares.index[3]).replace("_", " "))
    assert f"Show all {len(shares)}" in table
    assert lab(see="features", all="1").get("bidi_component")
    assert part(app, "agreement").count("1.00") == 4 and "Agreement on orders" in part(app, "agreement")


def test_presets_lead_to_lists_and_lists_to_decisions(lab, opening):
    app = lab(see="decision")
    counts = dict(re.findall(r">([^<>]+) <b class=\"sw-num\">(\d+)</b>", part(app, "questions")))
    table = opening.lab.table
    better = int((table[f"{ENSEMBLE} ndcg@5"] > table["baseline ndcg@5"]).sum())
    assert counts["Better than the baseline"] == str(better)
    asked = lab(see="decision", ask="better")
    assert part(asked, "lists").count("list=") == min(better, 25)
    none = next((name for name in ("lost",) if (table["found"] > 0).all()), None)
    if none:
        assert "No list answers this" in part(lab(see="decision", ask=none), "state-empty-lists")


def test_a_user_has_a_decision_with_candidates_places_and_history(lab, opening):
    app = lab(see="decision", user="U-00")
    found = opening.lab.decision(opening.lab.lists_of("U-00")[0])
    head = part(app, "decision-head")
    assert "U-00 · " in head and "mostly Shoes" in head and "2024-04-23" in head
    wanted = found.candidates.loc[found.candidates["wanted"], "item_id"].tolist()
    assert candidates(app)[:10] == found.candidates["item_id"].tolist()[:10] and set(wanted) <= set(candidates(app))
    assert "wanted</span>" in part(app, "candidates") and "Recommend’s order <b" in part(app, "candidates")
    everything = candidates(lab(see="decision", user="U-00", all="1"))
    assert everything == found.candidates["item_id"].tolist()
    assert "viewed · " in part(app, "timeline")


def test_an_open_candidate_says_what_each_member_and_feature_adds(lab, opening):
    found = opening.lab.decision(opening.lab.lists_of("U-00")[0]).candidates
    app = lab(see="decision", user="U-00", sku=found["item_id"].iloc[1])
    assert f"Place 2 of {len(found)}" in part(app, "why-head")
    parts = part(app, "member-parts")
    assert f"{found['score'].iloc[1]:+.3f}" in parts and f"{found['xgboost part'].iloc[1]:+.3f}" in parts
    assert "sw-lean-" in part(app, "feature-parts") and "All others together" in part(app, "feature-parts")
    assert not part(app, "timeline")


def test_why_one_is_above_another_and_what_would_swap_them(lab, opening):
    found = opening.lab.decision(opening.lab.lists_of("U-00")[0]).candidates
    upper, lower = found["item_id"].iloc[0], found["item_id"].iloc[1]
    app = lab(see="decision", user="U-00", sku=lower, above=upper)
    said = part(app, "pair")
    assert re.search(r"Why “.+” \(#1\) is above “.+” \(#2\)", said)
    assert said == part(lab(see="decision", user="U-00", sku=upper, above=lower), "pair")
    swaps = part(app, "swaps")
    assert re.search(r"<b>[^<]+</b> instead of", swaps) or "No change of a single feature" in swaps
    assert "What that would cost" in swaps or "No weights swap them" in swaps
    assert "Difference" in part(app, "pair-members")


def test_choosing_another_candidate_asks_why(lab, opening):
    found = opening.lab.decision(opening.lab.lists_of("U-00")[0]).candidates
    app = lab(see="decision", user="U-00", sku=found["item_id"].iloc[0])
    app.get_by_key("at-above").set_value(found["item_id"].iloc[3]).run()
    assert app.query_params["above"] == found["item_id"].iloc[3] and "(#4)" in part(app, "pair")


@pytest.mark.parametrize(
    ("address", "said", "way"),
    [
        ({"see": "decison"}, "There is no view named &#39;decison&#39;", "see=decision"),
        ({"see": "decision", "user": "U-0x"}, "no user with a list of test named &#39;U-0x&#39;", "user=U-"),
        ({"see": "decision", "list": "test 2024-04-23 17:26 U-0"}, "There is no list named", "list=test"),
        ({"see": "decision", "ask": "beter"}, "There is no question named &#39;beter&#39;", "ask=better"),
        (
            {"see": "decision", "user": "U-00", "sku": "shoe-0"},
            "There is no candidate named &#39;shoe-0&#39;",
            "sku=shoe",
        ),
        ({"see": "weights", "weights": "lightgb:1"}, "did you mean &#39;lightgbm:1&#39;?", "weights=lightgbm"),
        ({"rows": "rankr:xgboost"}, "There is no figure named", "Leave it out"),
        ({"by": "xgbost"}, "There is no ranker named &#39;xgbost&#39;", "by=xgboost"),
        ({"rows": "bin:ensemble:99"}, "There is no figure named", ""),
        ({"rows": "feature:item_pric"}, "did you mean &#39;item_price&#39;", ""),
    ],
)
def test_bad_values_in_a_link_are_named_with_a_way_out(lab, address, said, way):
    page = shown(lab(**address))
    assert said in page
    assert way in page


def test_hostile_text_stays_text(lab):
    pages = [
        lab(see="decision", user=HOSTILE),
        lab(see="decision", list=HOSTILE),
        lab(see="decision", user="U-03", all="1"),
        lab(see="decision", user="U-03", sku=EVIL),
        lab(see="weights", weights=f"{HOSTILE}:1"),
        lab(rows=HOSTILE),
        lab(by=HOSTILE),
    ]
    for page in pages:
        assert HOSTILE not in shown(page)
    assert "&lt;img src=x" in shown(pages[2])


def test_exports_are_the_view_with_versions_and_no_formulas(lab, monkeypatch, opening):
    made = exports(monkeypatch)
    lab(see="decision", user="U-00")
    from pages.parts.export import to_csv

    rows = list(csv.DictReader(io.StringIO(to_csv(made["export-candidates"]()).decode("utf-8-sig"))))
    assert len(rows) == opening.lab.table.set_index("user_id").loc["U-00", "candidates"]
    assert rows[0]["ensemble"] == opening.card.version and rows[0]["workspace"] == "demo"
    assert rows[0]["list_id"] == opening.lab.lists_of("U-00")[0]
    lab(see="weights", weights="lightgbm:0|xgboost:1")
    moved = made["export-moved"]()
    assert set(moved["weight xgboost"]) == {1.0} and set(moved["weight lightgbm"]) == {0.0}
    lab(see="features")
    assert set(made["export-importance"]()["feature"]) == set(opening.lab.importances.index)


def test_what_is_not_trained_has_its_command(home):
    build(home, trained=False)
    app = run(RANK, {})
    assert app.code[0].value == ".venv/bin/python scripts/train_ranker.py --workspace demo --model ensemble"
    assert "The ensemble isn&#39;t there yet" in shown(app)


def test_without_tables_the_import_is_named(home):
    Workspace.create(home / "demo")
    assert "prepare_demo.py" in run(RANK, {}).code[0].value


def test_a_damaged_ensemble_says_what_to_do(copied):
    version = ArtifactStore(copied).current(KIND, ENSEMBLE, command="")
    file = copied.path / "artifacts" / KIND / ENSEMBLE / version / "ensemble.json"
    file.write_text("{oops")
    app = run(RANK, {})
    assert "is damaged" in part(app, "state-empty-damaged")
    assert app.code[0].value == ".venv/bin/python scripts/train_ranker.py --workspace demo --model ensemble"


def test_newer_events_are_said(copied):
    with copied.replace_tables("test") as writer:
        writer.write("items", copied.read("items"))
        writer.write("events", copied.read("events").iloc[:-1])
    app = run(RANK, {})
    assert "train_ranker.py" in part(app, "outdated") and part(app, "figures")


def test_a_search_of_settings_shows_its_trials(copied):
    app = run(RANK, {"see": "tuning"})
    assert app.code[-1].value == ".venv/bin/python scripts/tune_ranker.py --workspace demo --model lightgbm"
    space = [f"tuning.spaces.lightgbm.leaves.{end}={n}" for end, n in (("low", 4), ("high", 16))]
    config = load_config(None, [*SETTINGS, *space, "tuning.trials=3"])
    found = tune_member(copied, "lightgbm", config, open_source(copied, config))
    app = run(RANK, {"see": "tuning"})
    assert len(app.dataframe[0].value) == 3
    assert f"{found.value:.4f}" in part(app, "tuned-said") and "3 trials" in part(app, "tuned-said")
    assert "Trial by trial" in part(app, "trials-curve") or app.dataframe[0].value["value"].notna().sum() < 2
    assert "no ranker named" in shown(run(RANK, {"see": "tuning", "by": "xgbost"}))


def test_recommendations_are_ranked_by_the_ensemble_where_it_is_chosen(ranked_home, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(ranked_home))
    app = run(RECOMMEND, {"user": "U-01", "see": "beside"})
    assert "B: Ranked by the ensemble" in part(app, "list-B")
    shown_ids = re.findall(r'id="b-([^"]+)"', part(app, "list-B"))
    workspace = Workspace.open(ranked_home / "demo")
    shop, pipeline = open_pipeline(workspace)
    history = histories_of(shop.all, np.array(["U-01"], dtype=object))
    found = open_second_stage(workspace, shop, pipeline).recommend(history, 10)
    assert shown_ids == found.ranked.ids(shop.catalogue.item_ids)[0]
    alone = run(RECOMMEND, {"user": "U-01", "see": "beside", "beside": "lightgbm"})
    assert "B: Ranked by LightGBM" in part(alone, "list-B") and not part(alone, "no-ranker")


def test_without_a_ranker_recommendations_name_the_command(copied):
    shutil.rmtree(copied.path / "artifacts" / KIND)
    app = run(RECOMMEND, {"user": "U-01", "see": "beside"})
    assert "train_ranker.py --workspace demo --model ensemble" in part(app, "no-ranker")
    assert "B: Ranked" not in part(app, "list-B")


def test_a_ranker_that_does_not_fit_says_why_with_the_command(copied):
    version = ArtifactStore(copied).current(KIND, ENSEMBLE, command="")
    config = load_config(None, [*SETTINGS, "preprocessing.groups=user,item"])
    train_ensemble(copied, config, open_source(copied, config))
    ArtifactStore(copied).promote(KIND, ENSEMBLE, version)
    app = run(RECOMMEND, {"user": "U-01", "see": "beside", "beside": "ensemble"})
    assert "was fitted on other features" in part(app, "state-empty-unfit")
    assert app.code[-1].value == ".venv/bin/python scripts/train_ranker.py --workspace demo --model ensemble"


def test_an_ensemble_of_given_lists_needs_no_tables(home):
    workspace = Workspace.create(home / "demo")
    config = load_config(write_config(home, write_given(home)))
    train_ensemble(workspace, config, open_source(workspace, config))
    app = run(RANK, {})
    assert "Popularity" in part(app, "figures") and "it reads what users did before" in part(app, "figures")
    found = open_lab(workspace).lab.decision("l100")
    opened = run(RANK, {"see": "decision", "list": "l100", "sku": found.candidates["item_id"].iloc[0]})
    assert "Place 1 of 8" in part(opened, "why-head") and "pair affinity" in part(opened, "feature-parts")
    assert "hour" in part(run(RANK, {"see": "features"}), "importance")
