"""What every retriever does, on a catalogue where it is known which item answers a query."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError, NotBuiltError, SettingsError, UnknownNameError
from engine.ranked import NONE
from engine.runs import RunStore
from engine.search.bm25 import Bm25, Bm25Config
from engine.search.cross_encoder import CrossEncoderConfig
from engine.search.documents import KIND, NAME, Document, read_documents, save_documents
from engine.search.fields import read_fields
from engine.search.index import build_index
from engine.search.order import GRADE, ORDER, Order, SecondStageConfig
from engine.search.registry import RETRIEVERS
from engine.search.words import build_words
from engine.searching import open_retriever, train_search
from engine.workspace import Workspace
from tests.tiny_model import tiny_model

KINDS = ("bag", "boots", "kettle", "lamp", "scarf", "umbrella")
COLOURS = ("red", "green", "blue", "yellow", "black", "white")
PAIRS = [(kind, colour) for kind in KINDS for colour in COLOURS]
IDS = {pair: f"S-{place:02d}" for place, pair in enumerate(PAIRS)}
FLOORS = {
    "bm25": 0.95,
    "dense": 0.9,
    "hybrid": 0.95,
    "second_stage": 0.9,
}  # found among the first 3; popular reads none
ODD = (
    "x",
    "ё",
    "a" * 10_000,
    "bag " * 3_000,
    "红色的包",
    "🙂",
    "\x00\x07",
    "12 in",
    "<b>bag</b>",
    "не сумка",
    "((",
    "--",
)


def document(place: int, kind: str, colour: str) -> Document:
    return Document(
        IDS[kind, colour],
        f"{colour} {kind}",
        summary=f"Acme makes this {kind}.",
        category=kind,
        price=5.0 + place,
        available=place % 2 == 0,
        n_reviews=place,
        tags=(f"looks {colour}",),
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with documents, an index, judgments and what was learned from them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_THREADS", "1")
        workspace = Workspace.create(tmp_path_factory.mktemp("home") / "shop")
        documents = [document(place, *pair) for place, pair in enumerate(PAIRS)]
        save_documents(workspace, Card(KIND, NAME, "1", config={}, data_hash="", split="", seed=0), documents)
        with workspace.replace_tables("test") as writer:
            writer.write("judgments", pd.DataFrame(judgments()))
        build_index(workspace)
        train_search(workspace, config=SecondStageConfig(rounds=40), seed=0)
        yield workspace


def judgments():
    """Of each pair of kind and colour: the item itself answers, one of its kind nearly, others don't."""
    for n, (kind, colour) in enumerate(PAIRS):
        for other in PAIRS:
            grade = 3.0 if other == (kind, colour) else 1.0 if other[0] == kind else 0.0
            yield {
                "query_id": f"Q{n:02d}",
                "query": f"{colour} {kind}",
                "item_id": IDS[other],
                "relevance": grade,
                "source": "test",
            }


@pytest.fixture(scope="module")
def opened(shop):
    return {name: open_retriever(shop, name) for name in RETRIEVERS.parts}


@pytest.fixture(params=sorted(RETRIEVERS.parts))
def name(request):
    return request.param


@pytest.fixture
def retriever(opened, name):
    return opened[name]


def test_what_answers_is_found(retriever, name):
    found = retriever.search([f"{colour} {kind}" for kind, colour in PAIRS], 3).ids(retriever.item_ids)
    share = np.mean([IDS[pair] in ids for pair, ids in zip(PAIRS, found, strict=True)])
    assert share >= FLOORS[name] if name in FLOORS else share <= 0.2


def test_rows_refer_to_the_documents_in_their_order(retriever, shop):
    assert retriever.item_ids.tolist() == read_documents(shop).item_ids.tolist()


def test_filters_hold_inside_retrieval(retriever):
    eligible = np.zeros(len(PAIRS), dtype=bool)
    eligible[[3, 8, 21, 30, 35]] = True
    found = retriever.search(["acme", "red bag acme"], 5, eligible=eligible)
    assert [sorted(row) for row in found.rows.tolist()] == [[3, 8, 21, 30, 35]] * 2


def test_nothing_is_found_where_nothing_is_eligible(retriever):
    assert (retriever.search(["red bag"], 3, eligible=np.zeros(len(PAIRS), dtype=bool)).rows == NONE).all()


def test_lists_are_whole_sorted_and_end_with_nothing(retriever):
    found = retriever.search(["acme red bag"], 50)
    assert found.rows.shape == found.scores.shape == (1, 50)
    there = found.rows[0] != NONE
    assert sorted(found.rows[0][there].tolist()) == list(range(len(PAIRS)))
    assert (np.diff(found.scores[0][there]) <= 1e-6).all()
    assert there[: len(PAIRS)].all() and np.isneginf(found.scores[0][~there]).all()


def test_a_batch_gives_what_single_queries_give_and_again(retriever):
    queries = ["red bag", "", "lamp", "acme blue kettle"]
    batch, again = retriever.search(queries, 7), retriever.search(queries, 7)
    assert (batch.rows == again.rows).all() and (batch.scores == again.scores).all()
    for place, query in enumerate(queries):
        alone = retriever.search([query], 7)
        assert alone.rows[0].tolist() == batch.rows[place].tolist()
        np.testing.assert_allclose(alone.scores[0], batch.scores[place], rtol=1e-4)


@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
def test_a_query_of_nothing_finds_nothing(retriever, query):
    assert retriever.search([query], 3).ids(retriever.item_ids) == [[]]


def test_no_queries_are_no_lists(retriever):
    assert retriever.search([], 3).rows.shape == (0, 3)


@pytest.mark.parametrize("query", ODD, ids=range(len(ODD)))
def test_whatever_is_typed_is_no_error(retriever, query):
    assert retriever.search([query], 3).rows.shape == (1, 3)


def test_opening_again_gives_the_same(retriever, name, shop):
    queries = ["red bag", "something warm for the winter", "umbrela"]
    first, second = (one.search(queries, 10) for one in (retriever, open_retriever(shop, name)))
    assert (first.rows == second.rows).all() and (first.scores == second.scores).all()


@pytest.mark.parametrize("name", ["bm25", "hybrid", "second_stage"])
def test_typing_errors_and_plurals_find_the_same(retriever):
    for typed in ("umbrela", "umbrellas", "umbrellla"):
        kinds = {PAIRS[row][0] for row in retriever.search([typed], 6).rows[0]}
        assert kinds == {"umbrella"}, typed


@pytest.mark.parametrize("name", ["bm25", "hybrid", "second_stage"])
def test_stop_words_alone_find_nothing(retriever):
    assert retriever.search(["for the and with"], 3).ids(retriever.item_ids) == [[]]


@pytest.mark.parametrize("name", ["hybrid", "second_stage"])
def test_the_trace_is_the_list_with_its_stages(retriever, name):
    trace = retriever.trace("red bag", 12)
    found = retriever.search(["red bag"], 12)
    assert trace["item_id"].tolist() == found.ids(retriever.item_ids)[0]
    np.testing.assert_allclose(trace["score"], found.scores[0], rtol=1e-5)
    last = "second_stage" if name == "second_stage" else "fused"
    assert trace[f"{last}_rank"].tolist() == list(range(1, 13))
    assert {"bm25_score", "bm25_rank", "dense_score", "dense_rank", "fused_score", "fused_rank"} <= set(trace)
    eligible = np.arange(len(PAIRS)) % 2 == 0
    assert all(int(item[2:]) % 2 == 0 for item in retriever.trace("red bag", 12, eligible)["item_id"])
    assert retriever.trace("", 5).empty


def test_contributions_explain_differences_of_scores(opened):
    stage = opened["second_stage"]
    trace = stage.trace("green lamp", 10)
    told = stage.contributions("green lamp", trace["item_id"].tolist())
    sums = [sum(told[item].values()) for item in trace["item_id"]]
    np.testing.assert_allclose(np.diff(sums), np.diff(trace["score"]), atol=1e-4)
    last = trace["item_id"].iloc[-1]
    assert stage.contributions("green lamp", [last, "nowhere"]) == {last: told[last]}


def test_training_leaves_a_run_of_test_for_every_retriever(shop):
    runs = RunStore(shop).list("search")
    assert {run.model for run in runs} == set(RETRIEVERS.parts)
    assert len({(run.data_hash, run.split, run.eligibility) for run in runs}) == 1


def test_the_stored_index_of_words_equals_one_made_anew(shop):
    documents = read_documents(shop)
    stored = build_words(shop)
    made = Bm25.build(read_fields(documents.frame, documents.version), documents.item_ids)
    assert len(ArtifactStore(shop).versions("bm25", "bm25")) == 1
    assert (stored.search(["red bag", "kettle"], 9).rows == made.search(["red bag", "kettle"], 9).rows).all()


def test_an_index_of_words_made_with_other_settings_is_made_anew(tmp_path, monkeypatch):
    workspace = Workspace.create(tmp_path / "plain")
    card = Card(KIND, NAME, "1", config={}, data_hash="", split="", seed=0)
    save_documents(workspace, card, [document(0, "bag", "red")])
    build_words(workspace)
    monkeypatch.setattr("engine.search.words.Bm25Config", lambda: Bm25Config(b=0.9))
    for _ in range(2):
        build_words(workspace)
    assert len(ArtifactStore(workspace).versions("bm25", "bm25")) == 2


@pytest.mark.parametrize("name", [ORDER, GRADE])
def test_an_order_cut_short_is_refused(opened, name, tmp_path):
    opened["second_stage"].order.save(tmp_path)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text[: len(text) // 2])
    with pytest.raises(ArtifactError, match="train it again"):
        Order.load(tmp_path)


def test_a_part_that_is_missing_names_its_command(tmp_path):
    workspace = Workspace.create(tmp_path / "empty")
    with pytest.raises(NotBuiltError, match=r"build_documents\.py"):
        open_retriever(workspace, "bm25")
    with pytest.raises(UnknownNameError, match="hybrid"):
        open_retriever(workspace, "hybird")


@pytest.fixture(scope="module")
def reader_of_pairs(tmp_path_factory):
    """A cross-encoder with random weights."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("models") / "cross"
    AutoTokenizer.from_pretrained(tiny_model()).save_pretrained(folder)
    shutil.copy(tiny_model() / "vocab.txt", folder)
    config = AutoConfig.from_pretrained(tiny_model(), num_labels=1)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    return folder


def test_a_cross_encoder_puts_the_first_hits_in_its_order(shop, opened, reader_of_pairs):
    cross = open_retriever(shop, f"cross_encoder:{reader_of_pairs}")
    cross.config = CrossEncoderConfig(depth=4)
    before, after = (one.search(["red bag"], 9).rows[0].tolist() for one in (opened["hybrid"], cross))
    assert sorted(before[:4]) == sorted(after[:4]) and before[4:] == after[4:]
    trace = cross.trace("red bag", 9)
    assert trace["item_id"].tolist() == cross.search(["red bag"], 9).ids(cross.item_ids)[0]
    assert (np.diff(trace["cross_encoder_score"]) <= 0).all() and cross.search([""], 3).ids(cross.item_ids) == [[]]


@pytest.mark.parametrize(("name", "error"), [("cross_encoder", SettingsError), ("cross_encoder:gone", ArtifactError)])
def test_a_cross_encoder_needs_a_model_that_is_there(shop, name, error):
    with pytest.raises(error, match=r"cross_encoder:|download"):
        open_retriever(shop, name).search(["red bag"], 3)


def test_without_training_hybrid_names_its_command(tmp_path, shop):
    workspace = Workspace.create(tmp_path / "plain")
    save_documents(
        workspace, Card(KIND, NAME, "1", config={}, data_hash="", split="", seed=0), [document(0, "bag", "red")]
    )
    build_index(workspace)
    with pytest.raises(NotBuiltError, match=r"train_search\.py --workspace plain"):
        open_retriever(workspace, "hybrid")
