import json

import pytest

from engine.search.documents import read_documents
from scripts.build_documents import main as build_documents
from scripts.build_pairs import main as build_pairs
from scripts.extract_keywords import main as extract_keywords
from scripts.split_reviews import main as split_reviews
from tests.fakes import completion, serving
from tests.reviewed import make_reviewed

SHOP = ["--workspace", "shop"]


@pytest.fixture
def shop(workspace, monkeypatch):
    for name in ("BASE_URL", "TOKEN", "MODEL"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    return make_reviewed(workspace)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def answer(body):
    said = body["messages"][1]["content"]
    name = "reviews" if said.startswith("Reviews") else "summaries"
    entry = {"who": ["for mom"], "when": [], "why": []} if name == "reviews" else {"phrases": ["a sum"]}
    return completion({name: [{"number": n, **entry} for n, _ in json.loads(said[said.index("[") :])]})


def test_the_steps_make_documents_and_pairs(shop, tmp_path, capsys):
    assert split_reviews(SHOP) == 0
    assert "train            8 reviews" in capsys.readouterr().out
    for part in ("train", "valid"):
        assert extract_keywords([*SHOP, "--split", part, "--jsonl", str(tmp_path)]) == 0
    assert build_documents([*SHOP, "--no-llm", "--jsonl", str(tmp_path)]) == 0
    assert build_pairs([*SHOP, "--query-type", "both", "--jsonl", str(tmp_path)]) == 0
    assert "by embedded" in capsys.readouterr().out
    texts = [line["embedding_text"] for line in lines(tmp_path / "items_for_embedding.jsonl")]
    assert texts == read_documents(shop).texts
    assert len(lines(tmp_path / "keywords_train.jsonl")) == 8
    assert lines(tmp_path / "keywords_valid.jsonl")[0]["review_id"] == "R8"
    assert {line["query_type"] for line in lines(tmp_path / "training_pairs.jsonl")} == {"keywords", "review_text"}


def test_a_step_that_is_missing_is_named_with_its_command(shop, capsys):
    assert extract_keywords(SHOP) == 2
    assert "scripts/split_reviews.py --workspace shop" in capsys.readouterr().err
    assert build_documents(SHOP) == 2
    assert build_pairs(SHOP) == 2


def test_an_llm_is_asked_through_its_backend(shop, tmp_path, monkeypatch, capsys):
    split_reviews(SHOP)
    with serving(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_MODEL", "fake")
        asking = [*SHOP, "--backend", "vllm", "--batch-size", "2"]
        assert extract_keywords([*asking, "--max-items", "4"]) == 0
        assert len(server.requests) == 2
        assert build_documents([*asking, "--jsonl", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "4 reviews now" in said and "extract_keywords@1 fake" in said
    assert read_documents(shop).document(0).summary == "a sum"
    assert lines(tmp_path / "description_summaries_cache.jsonl") == [{"asin": "A1", "summary": ["a sum"]}]


def test_a_stopped_llm_leaves_whole_documents_and_a_reason(shop, monkeypatch, capsys):
    split_reviews(SHOP)
    with serving(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert extract_keywords([*SHOP, "--backend", "ollama", "--budget", "10"]) == 2
    assert "goes on from there" in capsys.readouterr().err
    assert build_documents([*SHOP, "--no-llm"]) == 0


def test_files_of_others_are_taken(shop, tmp_path, capsys):
    split_reviews(SHOP)
    file = tmp_path / "keywords_train.jsonl"
    file.write_text('{"asin": "B2", "keywords": ["ski trips"]}\n{"asin": "B2"}\n', encoding="utf-8")
    assert extract_keywords([*SHOP, "--read", str(file)]) == 0
    assert f"{file}, line 2" in capsys.readouterr().out
    (tmp_path / "description_summaries_cache.jsonl").write_text('{"asin": "A1", "summary": ["x y"]}\n{\n')
    assert build_documents([*SHOP, "--no-llm", "--jsonl", str(tmp_path)]) == 0
    assert "line 2" in capsys.readouterr().out
    assert read_documents(shop).document(0).summary == "x y"
    assert read_documents(shop).document(1).keywords == ("ski trips",)


def test_cutoffs_in_ms(shop, capsys):
    assert split_reviews([*SHOP, "--cutoffs", "1704499200000", "1704672000000"]) == 0
    assert "from 2024-01-06 00:00:00 UTC" in capsys.readouterr().out
    assert split_reviews([*SHOP, "--cutoffs", "5", "4"]) == 2
    assert split_reviews([*SHOP, "--cutoffs", "1", "2", "--fractions", "0.8", "0.1", "0.1"]) == 2


def test_numbers_below_one_are_refused(shop):
    with pytest.raises(SystemExit):
        extract_keywords([*SHOP, "--batch-size", "0"])
