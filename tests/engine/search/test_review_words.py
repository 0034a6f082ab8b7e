import pytest

from engine.data.splits import load_split
from engine.search.bm25 import Bm25
from engine.search.building import build_documents
from engine.search.documents import read_documents
from engine.search.extraction import extract_keywords
from engine.search.fields import read_fields
from engine.search.review_splits import current_split, review_batches, split_reviews
from engine.search.review_words import read_reviews
from engine.search.words import build_words
from tests.reviewed import make_reviewed


@pytest.fixture
def built(workspace):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    return workspace


def test_each_document_has_its_reviews_of_train_and_no_others(built):
    documents = read_documents(built)
    heard = dict(zip(documents.item_ids.tolist(), read_reviews(built, documents), strict=True))
    train = [row for batch in review_batches(built, current_split(built), "train") for row in batch.to_pylist()]
    assert train and all(row["text"] in heard[row["item_id"]] for row in train if row["item_id"] in heard)
    assert sum(said.count("\n") + 1 for said in heard.values() if said) == len(train)
    everything = " ".join(heard.values()).lower()
    assert "secret" not in everything and "umbrella" not in everything


def test_later_reviews_stay_out_when_the_reviews_are_split_anew(built):
    split_reviews(built, fractions=(0.6, 0.2, 0.2))
    extract_keywords(built, "train")
    build_documents(built)
    documents, before = read_documents(built), current_split(built)
    heard = list(read_reviews(built, documents))
    split_reviews(built)
    assert current_split(built).hash != before.hash == load_split(built, before.hash).hash
    assert list(read_reviews(built, documents)) == heard


def test_words_of_reviews_find_the_item_and_a_restart_finds_it_again(built):
    documents = read_documents(built)
    plain = Bm25.build(read_fields(documents.frame, documents.version), documents.item_ids)
    heard = next(said for said in read_reviews(built, documents) if said)
    word = next(word for word in heard.lower().split() if word.isalpha() and (plain.search([word], 1).rows < 0).all())
    for bm25 in (build_words(built), build_words(built)):
        assert (bm25.search([word], 1).rows >= 0).all()


def test_documents_without_a_split_have_no_reviews(workspace, items):
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    build_documents(workspace)
    assert list(read_reviews(workspace, read_documents(workspace))) == []
