"""Versions of artifacts: which serves, promoting with a reason, and going back."""

import pytest

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError, DataError, StorageError, UnknownNameError
from engine.versions import Versions, trust


def saved(workspace, version, text="model"):
    card = Card(
        kind="taggers", name="linear", version=version, config={}, data_hash="d", split="s", seed=1, libraries={}
    )
    ArtifactStore(workspace).save(card, lambda folder: (folder / "model.json").write_text(text) and None)


@pytest.fixture
def versions(workspace):
    saved(workspace, "v1")
    saved(workspace, "v2")
    return Versions(workspace)


def serving(versions):
    return versions.serving()["taggers", "linear"]


def test_a_version_is_promoted_with_a_reason_that_is_kept(versions):
    assert serving(versions) == "v2"
    versions.promote("taggers", "linear", "v1", reason="v2 loses on shoes", who="Ann")
    assert serving(versions) == "v1"
    (entry,) = versions.log()
    assert (entry.version, entry.before, entry.reason, entry.who) == ("v1", "v2", "v2 loses on shoes", "Ann")
    assert [(one.version, one.serves) for one in versions.listed()] == [("v2", False), ("v1", True)]


def test_what_cannot_serve_is_refused_and_the_old_one_still_does(versions):
    with pytest.raises(DataError, match="reason is empty"):
        versions.promote("taggers", "linear", "v1", reason=" ", who="Ann")
    with pytest.raises(UnknownNameError, match="did you mean 'v2'"):
        versions.promote("taggers", "linear", "v9", reason="typo", who="Ann")
    with pytest.raises(DataError, match="serves already"):
        versions.promote("taggers", "linear", "v2", reason="again", who="Ann")
    with pytest.raises(ArtifactError, match="no artifact taggers/none"):
        versions.promote("taggers", "none", "v1", reason="none", who="Ann")
    (versions.workspace.path / "artifacts/taggers/linear/v1/model.json").write_text("changed")
    with pytest.raises(ArtifactError, match="damaged"):
        versions.promote("taggers", "linear", "v1", reason="back", who="Ann")
    assert serving(versions) == "v2" and versions.log() == []


def test_a_damaged_card_is_listed_with_its_damage(versions):
    (versions.workspace.path / "artifacts/taggers/linear/v1/card.json").write_text("{")
    found = {one.version: one for one in versions.listed()}
    assert found["v1"].card is None and "can't be read" in found["v1"].damage and found["v2"].card is not None


def test_the_strip_names_data_and_versions(versions):
    assert trust(versions.workspace) == {"data": "none", "taggers/linear": "v2"}


def test_several_are_promoted_together_once_and_over_what_was_decided_on(versions):
    over = {"linear": "v2"}
    for _ in range(2):  # the second time is after a kill that nobody knows the moment of
        versions.promote_together("taggers", {"linear": "v1"}, over=over, reason="no worse", who="retraining")
    assert serving(versions) == "v1"
    (entry,) = versions.log()
    assert (entry.version, entry.before, entry.who) == ("v1", "v2", "retraining")
    saved(versions.workspace, "v3")
    with pytest.raises(StorageError, match="serves v3 by now, not v1"):
        versions.promote_together("taggers", {"linear": "v2"}, over={"linear": "v1"}, reason="r", who="w")
    assert serving(versions) == "v3"
