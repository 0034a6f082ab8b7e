from dataclasses import replace

import pytest

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError, NotBuiltError, StorageError
from engine.search.documents import KIND, NAME, Document, read_documents, save_documents

FULL = Document(
    item_id="7",
    title="Tote",
    keywords=("for my daughter", "as a gift"),
    summary="Holds a laptop.",
    features=("linen", "30 cm"),
    category="Bags",
    brand="Nook",
    price=9.5,
    available=True,
    rating=4.5,
    n_reviews=2,
    tags=("roomy",),
)


def card(version="1"):
    return Card(kind=KIND, name=NAME, version=version, config={}, data_hash="", split="", seed=0)


def test_text_has_the_one_form():
    said = "[Title] Tote [Review Keywords] for my daughter, as a gift [Description Summary] Holds a laptop."
    assert FULL.text == f"{said} [Features] linen, 30 cm"


def test_text_leaves_out_empty_parts_and_a_title_that_is_only_the_id():
    assert replace(FULL, keywords=(), features=()).text == "[Title] Tote [Description Summary] Holds a laptop."
    assert replace(FULL, title="7", keywords=("warm",), summary="", features=()).text == "[Review Keywords] warm"


def test_documents_come_back_as_they_were_saved(workspace):
    bare = Document("8", "8")
    stored = save_documents(workspace, card(), iter([FULL, bare]))
    documents = read_documents(workspace)
    assert (documents.version, documents.item_ids.tolist()) == (stored.version, ["7", "8"])
    assert documents.texts == [FULL.text, ""]
    assert [documents.document(row) for row in range(2)] == [FULL, bare]
    assert documents.frame["tags"].iloc[0].tolist() == ["roomy"]
    assert documents.textless.to_dict("records") == [{"item_id": "8", "category": "", "n_reviews": 0}]


def test_a_missing_artifact_names_its_command(workspace):
    with pytest.raises(NotBuiltError, match=r"scripts/build_documents.py --workspace shop"):
        read_documents(workspace)


def test_a_damaged_file_is_found(workspace):
    save_documents(workspace, card(), [FULL])
    (file,) = (workspace.path / "artifacts").rglob("documents.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match="damaged"):
        read_documents(workspace)


def test_a_build_that_fails_leaves_the_old_version(workspace):
    save_documents(workspace, card(), [FULL])

    def failing():
        yield Document("9", "Boot")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        save_documents(workspace, card("2"), failing())
    assert read_documents(workspace).texts == [FULL.text]
    assert ArtifactStore(workspace).versions(KIND, NAME) == ["1"]


def test_two_builders_at_once_are_told_apart_and_others_may_write_meanwhile(workspace):
    def building():
        yield FULL
        with pytest.raises(StorageError, match="Another process makes documents"):
            save_documents(workspace, card("2"), [FULL])
        with workspace.lock():
            yield Document("9", "Boot")

    save_documents(workspace, card(), building())
    assert read_documents(workspace).item_ids.tolist() == ["7", "9"]
    assert not list((workspace.path / ".building").iterdir())
