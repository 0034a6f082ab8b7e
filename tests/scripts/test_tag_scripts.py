from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from engine.workspace import new_workspace
from scripts.predict_tags import main as predict
from scripts.train_tags import main as train
from tests.tagged import fill, made


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_HOME", str(home))
        patch.setattr("engine.recording.log_run", lambda *_: None)
        fill(new_workspace(home, "shop"), made(200))
        assert train(["--workspace", "shop", "--seed", "3"]) == 0
    return home


@pytest.fixture
def _in_shop(shop, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(shop))
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)


@pytest.mark.usefixtures("_in_shop")
def test_training_tells_what_was_learned_and_how_good_it_is(capsys):
    assert train(["--workspace", "shop", "--model", "linear", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    for part in (
        "Learned linear from 145 SKUs; valid 18, test 18",
        "prior",
        "Against the prior: micro-F1 +",
        "Saved in",
    ):
        assert part in said


@pytest.mark.usefixtures("_in_shop")
def test_predictions_come_with_their_sentences(capsys):
    text = "Маломерят, пришлось менять. Ok"
    assert predict(["--workspace", "shop", "--good-type", "Shoes", "--text", text, "--evidence"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("  маломерит")
    assert lines[1].strip() == "based on 1 of 1 review"
    assert lines[2].endswith("Маломерят, пришлось менять.")


@pytest.mark.usefixtures("_in_shop")
def test_a_review_may_come_from_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("\ufeffToasty in the snow".encode())))
    assert predict(["--workspace", "shop", "--good-type", "Shoes", "--text", "-", "--top-k", "1"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("keeps warm")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff\xfe")))
    assert predict(["--workspace", "shop", "--good-type", "Shoes", "--text", "-"]) == 2
    assert "isn't UTF-8" in capsys.readouterr().err


@pytest.mark.usefixtures("_in_shop")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--good-type", "Shoez", "--text", "x"], "did you mean 'Shoes'?"),
        (["--good-type", "Lamps", "--text", "x"], "known: Bags, Shoes."),
        (["--good-type", "Shoes", "--text", "x", "--model", "prior"], "train-tags --workspace shop --model prior"),
        (["--good-type", "Shoes", "--text", "x", "--model", "liner"], "did you mean 'linear'?"),
        (["--good-type", "Shoes", "--text", "x", "--top-k", "0"], "--top-k is 0"),
        (["--good-type", "Shoes", "--text", "x", "--workspace", "shp"], "did you mean 'shop'?"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(arguments, said, capsys):
    assert predict(["--workspace", "shop", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not captured.out


@pytest.mark.usefixtures("_in_shop")
def test_nothing_asserted_is_said_with_the_way_out(capsys):
    assert predict(["--workspace", "shop", "--good-type", "Shoes", "--text", "Спасибо продавцу"]) == 0
    captured = capsys.readouterr()
    assert not captured.out and "--top-k 5" in captured.err


@pytest.mark.usefixtures("home")
def test_training_without_a_workspace_names_what_is_there(capsys):
    assert train(["--workspace", "nowhere"]) == 2
    assert "no workspace named 'nowhere'" in capsys.readouterr().err


@pytest.mark.usefixtures("_in_shop")
def test_the_members_of_an_ensemble_can_be_named(capsys):
    options = ["--workspace", "shop", "--seed", "3", "--members", "prior, linear"]
    assert train([*options, "--model", "ensemble"]) == 0
    assert "Learned ensemble from 145 SKUs" in capsys.readouterr().out
    assert train([*options, "--model", "linear"]) == 2
    assert "--members is for --model ensemble" in capsys.readouterr().err
    assert train(["--workspace", "shop", "--model", "ensemble", "--members", "linear"]) == 2
    assert "two or more different taggers" in capsys.readouterr().err
