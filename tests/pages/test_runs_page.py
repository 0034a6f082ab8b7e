"""Runs: found by what is written about them, opened with what made them; versions that can serve again."""

import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.artifacts import ArtifactStore, Card
from engine.recommending import promoting
from engine.recommending.training import KIND, PIPELINE
from engine.run_notes import RunNotes
from engine.runs import RunStore, new_run
from engine.versions import Versions

RUNS = "pages/views/runs.py"


@pytest.fixture
def ids(shop):
    store, found = RunStore(shop), {}
    for model in ("bm25", "hybrid"):
        rows = {"query_id": ["q1", "q2"], "hits": [["a"], ["b"]], "relevant": [["a"], ["c"]]}
        made = new_run("search", model, config={"k1": 1.2}, data_hash="d", split="s", seed=1, eligibility="<b>all</b>")
        found[model] = store.save(made, pd.DataFrame(rows)).id
    RunNotes(shop).write(found["bm25"], "the <i>old</i> one", ["spring"], who="Ann")
    return found


@pytest.fixture
def versions(shop):
    for version in ("v1", "v2"):
        card = Card(
            kind="taggers", name="mine", version=version, config={}, data_hash="d", split="s", seed=1, libraries={}
        )
        ArtifactStore(shop).save(card, lambda folder: (folder / "m.json").write_text("{}") and None)
    return Versions(shop)


def test_runs_are_listed_with_their_headline_and_notes(ids):
    app = run(RUNS, {})
    table = part(app, "runs")
    assert (
        table.count("Recall@10 0.500") == 2 and "the &lt;i&gt;old&lt;/i&gt; one" in table and "<i>old" not in shown(app)
    )
    assert "spring" in table


def test_a_search_looks_at_models_notes_and_tags(ids):
    for query in ("spring", "BM25", "old one"):
        table = part(run(RUNS, {"q": query}), "runs")
        assert ids["bm25"] in table and ids["hybrid"] not in table
    assert "No run matches" in shown(run(RUNS, {"q": "nothing like it"}))


def test_mlflow_is_named_where_it_is(ids, monkeypatch):
    assert any("mlflow ui --backend-store-uri sqlite:///" in code.value for code in run(RUNS, {}).code)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ana:secret@mlflow.example:5000")
    app = run(RUNS, {})
    assert "http://mlflow.example:5000" in part(app, "mlflow") and "secret" not in shown(app) and not app.code


def test_a_run_opens_with_what_made_it_and_takes_a_note(ids, shop):
    app = run(RUNS, {"run": ids["hybrid"]})
    facts = part(app, "run-facts")
    assert "config: k1" in facts and "&lt;b&gt;all" in facts
    assert any("scripts/build_search.py --workspace demo" in code.value for code in app.code)
    app.text_area(key="note-text").set_value("beats the old one")
    app.text_input(key="note-tags").set_value("spring, promoted")
    next(button for button in app.button if button.label == "Save the note").click().run()
    note = RunNotes(shop).current()[ids["hybrid"]]
    assert (note.text, note.tags) == ("beats the old one", ("spring", "promoted"))
    assert "did you mean" in shown(run(RUNS, {"run": ids["hybrid"][:-1] + "x"}))


def test_an_older_version_serves_again_with_a_reason(versions):
    app = run(RUNS, {"see": "versions", "row": "taggers/mine/v1"})
    button = next(button for button in app.button if button.label == "Let it serve")
    button.click().run()
    assert "The reason is empty" in shown(app) and versions.serving()["taggers", "mine"] == "v2"
    app.text_input(key="promote-reason").set_value("v2 loses on shoes")
    next(button for button in app.button if button.label == "Let it serve").click().run()
    assert versions.serving()["taggers", "mine"] == "v1"
    assert "v2 loses on shoes" in part(run(RUNS, {"see": "versions"}), "log")


def test_a_pipeline_serves_again_with_its_models(shop, monkeypatch):
    asked = []
    monkeypatch.setattr(promoting, "promote_pipeline", lambda *given, **said: asked.append((given[1], said)))
    for version in ("v1", "v2"):
        card = Card(KIND, PIPELINE, version, config={}, data_hash="d", split="s", seed=1, libraries={})
        ArtifactStore(shop).save(card, lambda folder: (folder / "m.json").write_text("{}") and None)
    app = run(RUNS, {"see": "versions", "row": f"{KIND}/{PIPELINE}/v1"})
    assert "models that it was measured with" in part(app, "promote-title")
    app.text_input(key="promote-reason").set_value("v2 loses on shoes")
    next(button for button in app.button if button.label == "Let it serve").click().run()
    assert asked == [("v1", {"reason": "v2 loses on shoes", "who": asked[0][1]["who"]})]


def test_every_page_says_what_it_rests_on(versions, shop):
    strip = part(run(None, {}), "trust")
    assert f"data <b>{shop.data_hash()[:12]}</b>" in strip and "taggers/mine <b>v2</b>" in strip
    assert "see=versions" in strip


def test_without_runs_or_versions_there_is_a_way_out(shop):
    assert "nothing was measured yet" in shown(run(RUNS, {}))
    assert "Nothing is trained yet" in shown(run(RUNS, {"see": "versions"}))
