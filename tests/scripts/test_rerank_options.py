from __future__ import annotations

import logging

import pytest

from engine.tags.predictor import TagPredictor
from engine.tags.rerank import Reranker
from engine.tags.rerank_llm import Unavailable
from engine.workflows import train_tagger
from engine.workspace import new_workspace
from scripts.predict_tags import main as predict
from tests.fakes import completion, serving
from tests.tagged import fill, made

ASKED = ["--workspace", "shop", "--good-type", "Shoes", "--text", "Маломерят, пришлось менять. Toasty in the snow."]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        train_tagger(fill(new_workspace(home, "shop"), made(200)), "linear", seed=3)
    return home


@pytest.fixture(autouse=True)
def shop(trained, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(trained))
    for name in ("OPENAI_BASE_URL", "OPENAI_TOKEN", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


def base(capsys, *more):
    assert predict([*ASKED, *more]) == 0
    return capsys.readouterr().out


def test_an_llm_reranks_and_what_moved_is_told_apart_from_the_tags(capsys, monkeypatch):
    plain = base(capsys, "--top-k", "2")
    rejected = {"candidates": [{"number": 1, "score": 0, "sentence": 1}, {"number": 2, "score": 1, "sentence": 2}]}
    with serving(lambda _: completion(rejected)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        options = ["--llm-rerank", "--rerank-top-n", "3", "--rerank-max-output", "2", "--top-k", "2"]
        assert predict([*ASKED, *options]) == 0
        first = capsys.readouterr()
        assert predict([*ASKED, *options]) == 0
        second = capsys.readouterr()
    assert len(first.out.splitlines()) == 2 and first.out != plain
    assert first.out == second.out
    assert "live" in first.err and "Toasty in the snow." in first.err
    assert "from kept answers" in second.err


def test_without_an_endpoint_the_list_is_the_taggers_and_that_is_said(capsys, monkeypatch):
    plain = base(capsys)
    assert predict([*ASKED, "--llm-rerank"]) == 0
    captured = capsys.readouterr()
    assert captured.out == plain
    assert "own list stays: No LLM is set up" in captured.err
    monkeypatch.setenv("OPENAI_BASE_URL", "http://shop.example/v1")
    assert predict([*ASKED, "--llm-rerank"]) == 0
    captured = capsys.readouterr()
    assert captured.out == plain and "https address" in captured.err


def test_the_embedded_check_asks_nobody(capsys):
    assert predict([*ASKED, "--llm-rerank", "--backend", "embedded"]) == 0
    assert "Reranked by local evidence check" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rerank-top-n", "0"], "from 1 to 50"),
        (["--rerank-top-n", "3"], "from 1 to the top 3"),
        (["--budget", "0"], "--budget is 0"),
    ],
)
def test_impossible_options_get_one_sentence(options, said, capsys):
    assert predict([*ASKED, "--llm-rerank", *options]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_predictions_in_python_fall_back_with_a_warning(caplog):
    predictor = TagPredictor.load("shop")
    asked = {"text": "Маломерят, пришлось менять", "good_type": "Shoes"}
    with caplog.at_level(logging.WARNING):
        found = predictor.predict(**asked, llm_reranker=Reranker(Unavailable("It is gone.")))
    assert found == predictor.predict(**asked)
    assert "It is gone." in caplog.text
