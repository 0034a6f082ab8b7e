"""The explorer's check of tags against the reviews: off, local, by an LLM, and when it fails."""

import pytest
from reading import part, shown

from engine.llm.recorded import STAND_IN, load_answers, save_answers
from engine.state import State
from engine.workflows import catalogue_predictions, train_tagger
from engine.workspace import new_workspace
from tests.fakes import completion, failure, serving
from tests.tagged import fill, made

SAID = "Вместительная сумка <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data = made(120)
    first = data.items[0]
    data.items[0] = type(first)(first.item_id, first.category, (SAID, "Ok"))
    workspace = new_workspace(tmp_path_factory.mktemp("home"), "demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        train_tagger(fill(workspace, data), "prior", seed=3)
    return workspace


@pytest.fixture(autouse=True)
def store(trained, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(trained.path.parent))
    for name in ("OPENAI_BASE_URL", "OPENAI_TOKEN", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return trained


def number_of(store, tag):
    """The candidate number of a tag of SKU-000."""
    rows = catalogue_predictions(store, "prior")
    return list(rows.loc[rows["item_id"] == "SKU-000", "tag"]).index(tag) + 1


def test_it_is_off_until_it_is_chosen_and_the_address_keeps_the_choice(explorer):
    app = explorer(sku="SKU-000")
    assert part(app, "rerank") == ""
    app.get_by_key("at-check").set_value("local").run()
    assert app.query_params["check"] == "local"
    assert "Local evidence check" in part(app, "rerank")
    assert part(explorer(sku="SKU-000", check="local"), "rerank").count("sw-move ") >= 3


def test_the_local_check_says_what_moved_and_why_with_the_sentence_escaped(explorer):
    drawn = part(explorer(sku="SKU-000", check="local"), "rerank")
    row = next(row for row in drawn.split("<li") if "<b>вместительная</b>" in row)
    assert "Вместительная сумка &lt;img src=x onerror=alert(1)&gt;" in row and "<img" not in drawn
    assert " → " in row and "sw-badge" in row and "sw-line-" in row
    assert "live" in drawn and "off until you ask" in drawn


def test_an_llm_shows_its_prompt_and_then_its_kept_answer(explorer, store, monkeypatch):
    answer = {"candidates": [{"number": number_of(store, "лёгкая"), "score": 1, "sentence": 2}]}
    with serving(lambda _: completion(answer)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        app = explorer(sku="SKU-000", check="llm")
        live = part(app, "rerank")
        assert "live" in live and "Ok</p>" in live and "LLM gpt-4.1-mini" in live
        assert any("Candidates:" in code.value for code in app.code)
        again = part(app.run(), "rerank")
    assert "kept answer" in again and "live" not in again
    assert len(server.requests) == 1


def test_a_recorded_answer_says_so_where_nobody_can_be_asked(explorer, store, monkeypatch, tmp_path):
    answer = {"candidates": [{"number": number_of(store, "лёгкая"), "score": 1, "sentence": 2}]}
    with serving(lambda _: completion(answer)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_MODEL", "recorded-1")
        assert "live" in part(explorer(sku="SKU-000", check="llm"), "rerank")
    monkeypatch.delenv("OPENAI_BASE_URL")
    with State.open(store) as state:
        save_answers(state, tmp_path / "said.json", STAND_IN)
        state.write("DELETE FROM answers", [()])
        load_answers(state, tmp_path / "said.json")
    drawn = part(explorer(sku="SKU-000", check="llm"), "rerank")
    assert "Scripted stand-in for an LLM" in drawn and "no model was asked" in drawn and "Ok</p>" in drawn
    assert "live" not in drawn and "kept answer" not in drawn
    with State.open(store) as state:
        state.write("DELETE FROM answers", [()])


def test_a_failed_call_leaves_the_base_list_says_why_and_is_tried_again(explorer, monkeypatch):
    app = explorer(sku="SKU-000", check="llm")
    assert "No LLM is set up" in part(app, "rerank") and part(app, "tags") != ""
    with serving(lambda _: failure(401, "bad key")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_MODEL", "never asked before")
        drawn = part(app.run(), "rerank")
        assert "The tagger’s list stays" in drawn and "check OPENAI_BASE_URL" in drawn
        assert "same place" in drawn and "sw-up" not in drawn and "Try again" in drawn
        app.run()
    assert len(server.requests) == 2


def test_an_unknown_check_in_a_link_is_named_and_the_page_stays(explorer):
    app = explorer(sku="SKU-000", check="locl")
    assert "There is no check named" in shown(app) and "local" in shown(app)
    assert part(app, "tags") != ""
