from __future__ import annotations

import json

import numpy as np

from engine.tags.neural.lora import LoraConfig
from engine.tags.predictor import TagPredictor
from engine.workflows import train_tagger
from engine.workspace import new_workspace
from scripts.train_lora import main
from tests.tagged import fill, made
from tests.tiny_model import SMALL, tiny_model


def test_adapters_are_trained_measured_and_copied_out_for_other_workspaces(home, workspace, capsys, monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")
    fill(workspace, made(200))
    out = home / "adapters"
    arguments = ["--workspace", "shop", "--base", str(tiny_model()), "--epochs", "1", "--out-dir", str(out)]
    assert main([*arguments, "--rank", "2"]) == 0
    assert main([*arguments, "--rank", "4"]) == 0  # replaces them
    said = capsys.readouterr().out
    assert "Test micro-F1" in said and "prior" in said and str(out / "lora_bert_output_bags") in said
    card = json.loads((out / "lora_bert_output_shoes" / "card.json").read_text(encoding="utf-8"))
    assert card["good_types"] == ["Shoes"] and card["config"]["rank"] == 4 and card["workspace"] == "shop"
    other = fill(new_workspace(home, "other"), made(120, seed=1))
    settings = {**SMALL, "chunk_tokens": 128, "chunk_overlap": 32}
    train_tagger(other, "lora", config=LoraConfig(base=str(tiny_model()), adapters=str(out), **settings))
    tags = dict(TagPredictor.load("other", "lora").predict(text="Вместительная сумка", good_type="Bags", top_k=3))
    assert "вместительная" in tags and np.isfinite(list(tags.values())).all()


def test_a_base_that_isnt_there_is_named(home, workspace, capsys):
    fill(workspace, made(60))
    assert main(["--workspace", "shop", "--base", "maker/nothing"]) == 2
    assert "download_hf_model.py --model-id maker/nothing" in capsys.readouterr().err
