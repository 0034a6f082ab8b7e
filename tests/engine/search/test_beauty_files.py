import json

import pytest

from engine.data.base import ImportReport
from engine.errors import DataError, UnknownNameError
from engine.search.beauty_files import CANDIDATES, ITEMS, KEYWORDS, PAIRS, SUMMARIES, read_lines, write_lines
from engine.search.building import build_documents
from engine.search.documents import read_documents
from engine.search.exchange import take_keywords, take_summaries, write_items, write_keywords, write_summaries
from engine.search.extraction import extract_keywords
from engine.search.keyword_store import read_keywords
from engine.search.review_splits import split_reviews
from engine.state import State
from tests.reviewed import make_reviewed

# One line of each file as the pipeline's own programs write it.
LINES = {
    KEYWORDS: {
        "asin": "B0V",
        "parent_asin": "B0P",
        "title": "Nice",
        "review_text": "…",
        "rating": 5,
        "keywords": ["a", 7, None],
    },
    SUMMARIES: {"asin": "B0P", "summary": ["hair care", "daily use"]},
    ITEMS: {
        "asin": "B0P",
        "title": "Spray",
        "review_keywords": ["a"],
        "description_summary": ["hair care"],
        "features": [],
        "embedding_text": "[Title] Spray",
        "price": None,
        "average_rating": 4.5,
        "store": "",
        "categories": [],
        "main_category": "All Beauty",
    },
    PAIRS: {"query": "texture, waves", "positive": "[Title] Spray", "parent_asin": "B0P"},
    CANDIDATES: {
        "parent_asin": "B0P",
        "keywords": ["a"],
        "candidates": [{"item_asin": "B0X", "score": 0.5, "title": ""}],
    },
}


@pytest.fixture
def built(workspace):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    return workspace


def read(kind, path):
    report = ImportReport()
    return list(read_lines(kind, path, report)), report


@pytest.mark.parametrize("kind", LINES)
def test_the_pipelines_own_lines_are_read_and_written_as_they_are(kind, tmp_path):
    path = tmp_path / "file.jsonl"
    assert write_lines(path, [LINES[kind]]) == 1
    assert json.loads(path.read_text()) == LINES[kind]
    (line,), report = read(kind, path)
    assert line["item_id"] == "B0P" and not report.rejected
    assert {**line, "keywords": 0} == {**LINES[kind], "item_id": "B0P", "keywords": 0} or kind != KEYWORDS


def test_models_numbers_and_nulls_among_keywords_become_texts(tmp_path):
    write_lines(tmp_path / "k.jsonl", [LINES[KEYWORDS]])
    assert read(KEYWORDS, tmp_path / "k.jsonl")[0][0]["keywords"] == ["a", "7"]


@pytest.mark.parametrize(
    ("kind", "line", "reason"),
    [
        (KEYWORDS, "{", "is not a JSON object"),
        (KEYWORDS, '{"keywords": ["a"]}', "has no parent_asin or asin"),
        (KEYWORDS, '{"asin": "A", "keywords": "a"}', "is missing or not a list of texts"),
        (SUMMARIES, '{"asin": "A", "summary": [{}]}', "is missing or not a list of texts"),
        (ITEMS, '{"asin": "A", "embedding_text": ""}', "is missing or not a text"),
        (PAIRS, '{"parent_asin": "A", "query": "q"}', "is missing or not a text"),
        (CANDIDATES, '{"parent_asin": "A", "candidates": [1]}', "is missing or not a list of items with an item_asin"),
    ],
)
def test_a_bad_line_is_named_with_its_place_and_the_rest_is_read(kind, line, reason, tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_text(f"{json.dumps(LINES[kind])}\n{line}\n{json.dumps(LINES[kind])}\n")
    lines, report = read(kind, path)
    assert len(lines) == 2 and dict(report.rejected) == {reason: 1}
    assert f"{path}, line 2" in report.examples[reason][0]


def test_a_missing_file_and_an_unknown_kind_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read(PAIRS, tmp_path / "no.jsonl")
    with pytest.raises(UnknownNameError):
        read("pear", tmp_path / "no.jsonl")


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "pairs.jsonl"
    write_lines(path, [LINES[PAIRS]])
    with pytest.raises(TypeError):
        write_lines(path, [LINES[PAIRS], {"query": object()}])
    assert len(path.read_text().splitlines()) == 1 and list(tmp_path.iterdir()) == [path]


def test_keywords_come_back_as_they_were_written(built, tmp_path):
    before = list(read_keywords(built, "train"))
    path = tmp_path / "keywords_train.jsonl"
    assert write_keywords(built, "train", path) == 8
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["parent_asin"], first["rating"]) == ("A1", 2.0) and first["review_text"].startswith("Bought")
    take_keywords(built, "train", path, ImportReport())
    assert list(read_keywords(built, "train")) == before


def test_keywords_of_another_program_make_documents(built, tmp_path):
    path = tmp_path / "keywords_train.jsonl"
    write_lines(
        path, [{"asin": "x", "parent_asin": "B2", "keywords": ["ski trips"]}, {"asin": "B2", "keywords": ["ski trips"]}]
    )
    take_keywords(built, "train", path, ImportReport())
    build_documents(built)
    assert read_documents(built).texts[1] == "[Title] Wool hat [Review Keywords] ski trips"


def test_items_are_written_with_the_text_that_is_embedded(built, tmp_path):
    path = tmp_path / "items_for_embedding.jsonl"
    assert write_items(built, path) == 3
    lines, report = read(ITEMS, path)
    assert [line["embedding_text"] for line in lines] == read_documents(built).texts and not report.rejected
    assert lines[0]["categories"] == ["Shop", "Bags"] and lines[1]["price"] is None


def test_summaries_are_taken_kept_and_written(built, tmp_path):
    path = tmp_path / "description_summaries_cache.jsonl"
    write_lines(path, [{"asin": "A1", "summary": ["for students"]}, {"asin": "NO", "summary": ["x"]}])
    with State.open(built) as state:
        assert take_summaries(built, state, path, ImportReport()) == 1
        assert take_summaries(built, state, path, ImportReport()) == 0
        build_documents(built)
        assert read_documents(built).document(0).summary == "for students"
        assert write_summaries(built, state, path) == 1
    assert json.loads(path.read_text()) == {"asin": "A1", "summary": ["for students"]}
