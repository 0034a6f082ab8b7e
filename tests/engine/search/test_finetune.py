from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, DataError, SettingsError, UnknownNameError
from engine.search.encoders import load_encoder
from engine.search.finetune import finetune, read_pairs, tuned_name
from engine.search.finetune_config import FinetuneConfig
from engine.search.pair_batches import Pairs
from engine.workspace import Workspace
from tests.tagged import FILLER
from tests.tiny_model import tiny_model

PROJECT = Path(__file__).resolve().parents[3]


def made_pairs(n: int, *, seed: int, n_items: int = 24, negatives: bool = False) -> Pairs:
    """Each item has three letters; its documents spell them and its queries say them among filler."""
    rng = np.random.default_rng(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["".join(letters[(item * 7 + step * 5) % 26] for step in range(3)) for item in range(n_items)]
    items = rng.integers(n_items, size=n)
    queries = [f"{' '.join(names[item])} {rng.choice(FILLER)} {number}" for number, item in enumerate(items)]
    wrong = [(item + 1 + int(rng.integers(n_items - 1))) % n_items for item in items]
    return Pairs(
        queries,
        [f"[Title] {' '.join(reversed(names[item]))} [Review Keywords] {names[item]}" for item in items],
        [f"SK-{item}" for item in items],
        [f"[Title] {' '.join(names[item])}" for item in wrong] if negatives else [],
        [f"SK-{item}" for item in wrong] if negatives else [],
    )


SMALL = {"batch_size": 8, "rate": 2e-3, "evaluate_every": 10, "precision": "fp32", "epochs": 2}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def weights_of(workspace: Workspace, card) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(ArtifactStore(workspace).open(card.kind, card.name, card.version) / "model.safetensors")


def test_what_was_learned_is_kept_and_loaded_by_name(workspace):
    config = FinetuneConfig(base=str(tiny_model()), **SMALL)
    heard = []
    card = finetune(
        workspace,
        made_pairs(240, seed=0),
        made_pairs(40, seed=1),
        config=config,
        report=lambda *said: heard.append(said),
    )
    assert re.fullmatch(r"tiny-bert-finetuned-\d{8}-\d{6}", card.name) and card.kind == "encoders"
    assert card.metrics["valid_mrr"] > card.metrics["valid_mrr_base"] + 0.1
    assert heard[0][0] == 0 and heard[-1][0] == heard[-1][1] and heard[-1][2]["mrr"] <= card.metrics["valid_mrr"]
    encoder = load_encoder(f"artifact:{card.name}", workspace=workspace)
    valid = made_pairs(40, seed=1)
    documents = dict(zip(valid.items, valid.positives, strict=True))
    vectors = encoder.encode_documents(list(documents.values()))
    nearest = np.array(list(documents))[(encoder.encode_queries(valid.queries) @ vectors.T).argmax(axis=1)]
    assert np.mean(nearest == np.array(valid.items)) > 0.5
    assert not list(workspace.path.parent.glob(".training/*"))


def test_a_stopped_training_ends_as_one_that_was_not_stopped(workspace, monkeypatch):
    config = FinetuneConfig(base=str(tiny_model()), **{**SMALL, "epochs": 1, "evaluate_every": 5})
    train, valid = made_pairs(120, seed=0, negatives=True), made_pairs(20, seed=1)
    whole = finetune(workspace, train, valid, config=config)
    assert whole.config["best_step"] > 5

    def stop(done, steps, figures):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(workspace, train, valid, config=config, report=stop)
    assert [place.name for place in workspace.path.parent.glob(".training/*/*")] == ["step-0005"]
    begun = []
    monkeypatch.setattr("engine.search.finetune.tuned_name", lambda base: "again")
    again = finetune(workspace, train, valid, config=config, report=lambda done, *_: begun.append(done))
    assert begun[:2] == [5, 6] and again.metrics == whole.metrics
    for name, weight in weights_of(workspace, whole).items():
        np.testing.assert_array_equal(weight, weights_of(workspace, again)[name])


def test_a_killed_training_goes_on(tmp_path):
    code = (
        "from engine.workspace import new_workspace; from pathlib import Path; import sys;"
        "from engine.search.finetune import finetune; from engine.search.finetune_config import FinetuneConfig;"
        "from tests.engine.search.test_finetune import made_pairs, SMALL; from tests.tiny_model import save_tiny_model;"
        "base = Path(sys.argv[1]) / 'tiny-bert'; base.exists() or save_tiny_model(base);"
        "config = FinetuneConfig(base=str(base), **{**SMALL, 'evaluate_every': 2});"
        "card = finetune(new_workspace(Path(sys.argv[1]), 'shop'), made_pairs(240, seed=0), made_pairs(20, seed=1),"
        "    config=config, report=lambda done, *_: print(done, flush=True))"
    )
    environment = {**os.environ, "SHELFWISE_HOME": str(tmp_path), "SHELFWISE_THREADS": "1"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    killed = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    while killed.poll() is None and not list(tmp_path.glob(".training/*/step-0004")):
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list(tmp_path.glob(".training/*/step-*")) and not list(tmp_path.glob("shop/artifacts/encoders/*"))
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[0]) >= 4
    cards = list(tmp_path.glob("shop/artifacts/encoders/*/*/card.json"))
    assert len(cards) == 1 and json.loads(cards[0].read_text(encoding="utf-8"))["metrics"]


def test_large_batches_are_learned_from_in_parts_and_lower_layers_may_stay(workspace):
    train, valid = made_pairs(240, seed=0, negatives=True), made_pairs(40, seed=1)
    options = {**SMALL, "batch_size": 16, "memory_size": 4, "train_layers": 1, "max_pairs": 200}
    card = finetune(workspace, train, valid, config=FinetuneConfig(base=str(tiny_model()), **options))
    assert card.config["pairs"] == 200
    from safetensors.numpy import load_file

    before, after = load_file(tiny_model() / "model.safetensors"), weights_of(workspace, card)
    assert card.config["best_step"] > 0
    changed = {name for name, weight in after.items() if not np.array_equal(weight, before[name])}
    assert changed and all("encoder.layer.1." in name for name in changed)


def test_what_a_model_sees_before_texts_and_how_much_it_reads_is_kept(workspace, tmp_path):
    (tmp_path / "e5-tiny").symlink_to(tiny_model())
    options = {**SMALL, "epochs": 1, "document_tokens": 40, "max_pairs": 24}
    train, valid = made_pairs(64, seed=0), made_pairs(20, seed=1)
    card = finetune(workspace, train, valid, config=FinetuneConfig(base=str(tmp_path / "e5-tiny"), **options))
    encoder = load_encoder(f"artifact:{card.name}", workspace=workspace)
    assert encoder.prefixes == ("query: ", "passage: ") and encoder.max_tokens == 40


def test_pairs_that_cant_be_learned_from_are_named(workspace):
    config = FinetuneConfig(base=str(tiny_model()), **SMALL)
    one = Pairs(["a", "b"], ["x", "y"], ["1", "1"], [], [])
    with pytest.raises(DataError, match="2 pairs of 1 items are too few"):
        finetune(workspace, one, made_pairs(5, seed=1), config=config)
    with pytest.raises(DataError, match="no pair of valid"):
        finetune(workspace, made_pairs(20, seed=1), Pairs([], [], [], [], []), config=config)
    with pytest.raises(ArtifactError, match="download"):
        finetune(workspace, one, one, config=FinetuneConfig(base="maker/nothing"))
    with pytest.raises(SettingsError, match="batch_size is 1; it must be 2 or more"):
        FinetuneConfig(batch_size=1)
    with pytest.raises(UnknownNameError, match="'bf16'"):
        FinetuneConfig(precision="bf61")


def test_names_tell_the_base_and_the_time():
    assert re.fullmatch(r"bge-m3-finetuned-\d{8}-\d{6}", tuned_name("BAAI/bge-m3"))
    assert re.fullmatch(r"bge-m3-finetuned-\d{8}-\d{6}", tuned_name("artifact:bge-m3-finetuned-20260101-101010"))


def test_pairs_are_read_from_their_file(tmp_path):
    file = tmp_path / "training_pairs.jsonl"
    rows = [
        {
            "query": "warm",
            "positive": "[Title] Coat",
            "parent_asin": "A",
            "negative": "[Title] Tie",
            "negative_asin": "B",
        },
        {"query": "dry", "positive": "[Title] Boot", "parent_asin": "C"},
        {"query": "no positive"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    pairs = read_pairs(file)
    assert pairs.queries == ["warm", "dry"] and pairs.items == ["A", "C"]
    assert pairs.negatives == ["[Title] Tie", ""] and pairs.negative_items == ["B", ""]
    file.write_text(json.dumps({"query": "warm"}), encoding="utf-8")
    with pytest.raises(DataError, match="no pair"):
        read_pairs(file)
