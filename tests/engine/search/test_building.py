import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.artifacts import ArtifactStore
from engine.decisions import Decisions
from engine.errors import NotBuiltError, WorkspaceError
from engine.search.building import build_documents
from engine.search.documents import KIND, NAME, read_documents
from engine.search.extraction import extract_keywords
from engine.search.review_splits import split_reviews
from tests.reviewed import make_reviewed


@pytest.fixture
def built(workspace):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    return workspace


def test_documents_hold_the_sellers_facts_and_what_train_reviews_say(built):
    tote, hat, rattle = (read_documents(built).document(row) for row in range(3))
    assert tote.text.startswith("[Title] Canvas tote [Review Keywords] for my daughter, ")
    assert " [Description Summary] Holds a laptop & lunch. Made of canvas. And so on." in tote.text
    assert tote.text.endswith(" [Features] 30 cm, Machine wash")
    assert {"sturdy straps", "zipper jams"} <= set(tote.keywords)
    assert (tote.rating, tote.n_reviews, tote.price, tote.available) == (4.0, 4, 20.0, True)
    assert (hat.summary, hat.features, hat.brand, hat.price, hat.available) == ("", (), None, None, None)
    assert rattle.text == "[Review Keywords] for a baby, noisy rattle"


def test_nothing_of_a_later_review_is_in_a_document(built):
    texts = " ".join(read_documents(built).texts).lower()
    assert "secret" not in texts and "umbrella" not in texts and "pompom" not in texts


def test_generic_reviews_leave_no_keywords(built):
    assert not {"great", "recommend", "delivery"} & set(" ".join(read_documents(built).document(1).keywords).split())


def test_tags_are_those_of_the_best_source_with_peoples_decisions(built):
    assert read_documents(built).document(0).tags == ("roomy",)
    decisions = Decisions(built)
    decisions.add([("A1", "sturdy")], who="me")
    decisions.reject([("A1", "roomy")], reason="Too vague", who="me")
    build_documents(built)
    assert read_documents(built).document(0).tags == ("sturdy",)


def test_an_item_without_reviews_or_description_has_its_title(workspace, items):
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    build_documents(workspace)
    assert read_documents(workspace).texts == ["[Title] Tote", "[Title] Boot"]


def test_the_card_names_the_split_and_the_keywords(built):
    store = ArtifactStore(built)
    card = store.card(KIND, NAME, store.current(KIND, NAME, command=""))
    split = split_reviews(built).split
    assert card.split == f"time {split.hash}"
    assert card.config["keywords_version"] == store.current("keywords", "train", command="")


def test_each_missing_step_names_its_command(workspace):
    with pytest.raises(NotBuiltError, match="import_data"):
        build_documents(workspace)
    make_reviewed(workspace)
    with pytest.raises(NotBuiltError, match=r"split_reviews.py --workspace shop"):
        build_documents(workspace)
    split_reviews(workspace)
    with pytest.raises(NotBuiltError, match=r"extract_keywords.py --split train --workspace shop"):
        build_documents(workspace)


def test_keywords_of_another_split_are_refused(built):
    split_reviews(built, fractions=(0.6, 0.2, 0.2))
    with pytest.raises(WorkspaceError, match="are of another split"):
        build_documents(built)


def test_a_kill_leaves_the_version_before(built):
    before = read_documents(built).version
    code = """
import os, signal
from pathlib import Path
from engine.search.building import build_documents
from engine.workspace import Workspace
def step(n, seen=[]):
    seen.append(n)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
build_documents(Workspace.open(Path(os.environ["PLACE"])), on_done=step)
"""
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PLACE": str(built.path), "PYTHONPATH": str(root)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert read_documents(built).version == before
    assert read_documents(built).version != build_documents(built).version == read_documents(built).version
