"""The one command that builds search, and the scripts of its last steps, over a tiny encoder."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from engine import search_steps
from engine.decisions import Decisions
from engine.progress import Progress
from engine.runs import RunStore
from engine.search.documents import read_documents
from engine.search.summaries import STEP as SUMMARIES
from engine.search_build import NOTES, BuildConfig, build_search
from engine.searching import open_retriever
from engine.state import State
from engine.workspace import Workspace, new_workspace
from scripts.build_search import main as build
from scripts.evaluate_recall import main as evaluate_recall
from scripts.finetune_encoder import main as finetune_encoder
from scripts.retrieve_candidates import main as retrieve_candidates
from tests.tiny_model import tiny_model

KINDS = ("tote", "boot", "scarf", "doll", "lamp", "ring", "coat", "cup", "rug", "belt", "hat", "mug")
REVIEWS = ["split", "keywords", "documents", "index", "fusion and second stage"]
LATER = ["candidates of valid", "candidates of test", "recall"]


def make_shop(home, name="shop", *, n_reviews=240) -> Workspace:
    """Twelve kinds of things, each reviewed in its own words over time."""
    workspace = new_workspace(home, name)
    rng = np.random.default_rng(0)
    kinds = [KINDS[n % 12] for n in rng.permutation(n_reviews)]
    items = {"item_id": [f"I-{kind}" for kind in KINDS], "title": [f"A {kind}" for kind in KINDS], "category": "Bags"}
    reviews = pd.DataFrame(
        {
            "review_id": [f"R{n:03d}" for n in range(n_reviews)],
            "item_id": [f"I-{kind}" for kind in kinds],
            "text": [
                f"My {kind} is a lovely gift for my mom, number {n}. The {kind} came soon."
                for n, kind in enumerate(kinds)
            ],
            "rating": 5.0,
            "timestamp": pd.date_range("2026-01-01", periods=n_reviews, tz="UTC"),
        }
    )
    with workspace.replace_tables("test") as writer:
        writer.write("items", pd.DataFrame(items))
        writer.write("reviews", reviews)
    return workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        _quiet(patch, home)
        build_search(make_shop(home), config=BuildConfig(encoder=str(tiny_model()), seed=1))
    return home


def _quiet(patch, home):
    patch.setenv("SHELFWISE_HOME", str(home))
    patch.setenv("SHELFWISE_THREADS", "1")
    patch.setattr("engine.recording.log_run", lambda *_: None)


@pytest.fixture(autouse=True)
def _at_home(home, monkeypatch):
    _quiet(monkeypatch, home)


def steps(workspace, **config):
    """Builds again; the names of the steps that were done, and of those that were passed over."""
    seen = {False: [], True: []}

    def start(name, passed_over):
        seen[passed_over].append(name)
        return lambda done: None

    build_search(workspace, config=BuildConfig(encoder=str(tiny_model()), seed=1, **config), start=start)
    return seen[False], seen[True]


def test_all_is_built_and_nothing_is_done_twice(home):
    workspace = Workspace.open(home / "shop")
    assert steps(workspace) == ([], [*REVIEWS, *LATER])
    retriever = open_retriever(workspace, "hybrid", encoder=str(tiny_model()))
    assert retriever.search(["a lamp"], 3).ids(retriever.item_ids)[0][0] == "I-lamp"
    assert {run.model for run in RunStore(workspace).list("search")} >= {"popular", "bm25", "dense", "hybrid"}
    (workspace.path / NOTES).write_text("{oops", encoding="utf-8")
    done, passed_over = steps(workspace, evaluate=False)
    assert passed_over == ["split", "keywords"]  # these say themselves what they are of
    assert done == REVIEWS[2:]


def test_what_depends_on_a_change_is_made_again(home, tmp_path_factory):
    workspace = make_shop(tmp_path_factory.mktemp("other"))
    steps(workspace, evaluate=False)
    version = read_documents(workspace).version
    items = workspace.read("items").assign(title=lambda frame: "New " + frame["title"])
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    done, passed_over = steps(Workspace.open(workspace.path), evaluate=False)
    assert passed_over == ["split"] and done == REVIEWS[1:]
    assert read_documents(workspace).version > version


def test_documents_are_made_again_after_a_decision_and_after_a_summary(home, tmp_path_factory):
    workspace = make_shop(tmp_path_factory.mktemp("decided"))
    steps(workspace, evaluate=False)
    batch = Decisions(workspace).add([("I-lamp", "warm light")], who="Ada")
    assert "documents" in steps(workspace, evaluate=False)[0]
    assert dict(read_documents(workspace).frame[["item_id", "tags"]].to_numpy())["I-lamp"] == ["warm light"]
    with State.open(workspace) as state:
        Progress(state, SUMMARIES).done("I-lamp", "of this text", ["a lamp that dims"])
    assert "documents" in steps(workspace, evaluate=False)[0]
    assert steps(workspace, evaluate=False)[0] == []
    Decisions(workspace).undo(batch, who="Ada")
    assert "documents" in steps(workspace, evaluate=False)[0]


def test_a_stopped_run_goes_on_with_the_step_under_way(tmp_path_factory, monkeypatch):
    workspace = make_shop(tmp_path_factory.mktemp("stopped"))
    with monkeypatch.context() as patch:
        patch.setattr(search_steps, "train_search", _stop)
        with pytest.raises(KeyboardInterrupt):
            steps(workspace, evaluate=False)
    done, passed_over = steps(workspace, evaluate=False)
    assert done == ["fusion and second stage"] and passed_over == REVIEWS[:-1]


def _stop(*_, **__):
    raise KeyboardInterrupt


def test_the_script_says_what_each_step_did_and_what_was_measured(home, capsys):
    said_by = ["--workspace", "shop", "--encoder", str(tiny_model()), "--seed", "1"]
    assert build([*said_by, "--finetune", "--max-pairs", "64", "--train-layers", "1"]) == 0
    said = capsys.readouterr().out
    assert "unchanged documents" in said and "building  fine-tuning" in said
    assert "dense against bm25: recall@10 " in said and "with the encoder artifact:tiny-bert-finetuned-" in said
    assert build([*said_by, "--finetune", "--max-pairs", "64", "--train-layers", "1"]) == 0
    assert "building" not in capsys.readouterr().out


def test_an_encoder_learns_from_pairs_and_says_what_it_brought(home, tmp_path, capsys):
    pairs = [{"query": f"my {kind}", "positive": f"[Title] A {kind}", "parent_asin": f"I-{kind}"} for kind in KINDS * 4]
    file = tmp_path / "training_pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    arguments = ["--workspace", "shop", "--base", str(tiny_model()), "--batch-size", "8", "--pairs", str(file)]
    assert finetune_encoder([*arguments, "--valid-pairs", str(file), "--rate", "0.002"]) == 0
    said = capsys.readouterr().out
    assert "Learned   from 48 pairs" in said and "Valid     mrr" in said
    assert "build_index.py --workspace shop --encoder artifact:tiny-bert-finetuned-" in said
    make_shop(home, "bare")
    assert finetune_encoder(["--workspace", "bare"]) == 2
    assert "scripts/build_pairs.py --workspace bare" in capsys.readouterr().err


def test_without_reviews_an_encoder_learns_from_judged_queries(home, capsys):
    workspace = new_workspace(home, "judged")
    items = {"item_id": [f"I-{kind}" for kind in KINDS], "title": [f"A {kind}" for kind in KINDS], "category": "Bags"}
    rows = [
        {
            "query_id": f"Q{n:02d}",
            "query": f"my {KINDS[n % 12]} {n}",
            "item_id": f"I-{KINDS[(n + m) % 12]}",
            "relevance": r,
        }
        for n in range(60)
        for m, r in enumerate((3.0, 1.0))
    ]
    with workspace.replace_tables("test") as writer:
        writer.write("items", pd.DataFrame(items))
        writer.write("judgments", pd.DataFrame(rows).assign(source="test"))
    said_by = ["--workspace", "judged", "--encoder", str(tiny_model()), "--seed", "1"]
    assert build([*said_by, "--finetune", "--train-layers", "1"]) == 0
    assert "building  fine-tuning" in capsys.readouterr().out
    assert build([*said_by, "--finetune", "--train-layers", "1"]) == 0
    assert "building" not in capsys.readouterr().out
    arguments = ["--workspace", "judged", "--base", str(tiny_model()), "--seed", "1", "--judged", "--batch-size", "8"]
    assert finetune_encoder(arguments) == 0
    assert "Learned   from 24 pairs" in capsys.readouterr().out  # half of four fifths of 60 queries


def test_candidates_and_recall_of_a_part(home, tmp_path, capsys):
    common = ["--workspace", "shop", "--encoder", str(tiny_model()), "--split", "test"]
    assert retrieve_candidates([*common, "--retriever", "bm25", "--jsonl", str(tmp_path)]) == 0
    assert "24 queries of test; 24 have their product among them" in capsys.readouterr().out
    lines = (tmp_path / "retrieval_candidates_test.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 24 and json.loads(lines[0])["candidates"][0]["title"].startswith("A ")
    assert evaluate_recall([*common, "--retrievers", "dense", "--max-queries", "20"]) == 0
    said = capsys.readouterr().out
    assert "Queries  20; the product of 0 is in no document" in said and "dense against popular: mrr" in said
    bm25 = next(line for line in said.splitlines() if line.startswith("bm25")).split()
    assert bm25[1] == "1.000"
    make_shop(home, "unsplit")
    assert evaluate_recall(["--workspace", "unsplit", "--split", "test"]) == 2
    assert "isn't built yet" in capsys.readouterr().err
