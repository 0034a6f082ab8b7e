import json
from contextlib import nullcontext

import pytest

from engine.artifacts import ArtifactStore, Card, new_version
from engine.atomic import write_text
from engine.errors import ArtifactError, NotBuiltError, UnknownNameError


def card(**changes):
    return Card(**{"kind": "taggers", "name": "linear", "version": new_version(), "config": {"c": 1.0}} | changes,
                data_hash="d", split="s", seed=7)  # fmt: skip


@pytest.fixture
def store(workspace):
    return ArtifactStore(workspace)


def save(store, text="weights", **changes):
    return store.save(card(**changes), lambda folder: (folder / "w.json").write_text(text))


def test_the_newest_version_serves_and_its_card_says_what_made_it(store):
    save(store, "one")
    second = save(store, "two")
    assert store.current("taggers", "linear", command="x") == second.version
    folder = store.open("taggers", "linear", second.version)
    assert (folder / "w.json").read_text() == "two"
    assert store.card("taggers", "linear", second.version) == second
    assert second.config == {"c": 1.0}
    assert store.names("taggers") == ["linear"]


def test_an_older_version_can_serve_again(store):
    first, _ = save(store), save(store)
    store.promote("taggers", "linear", first.version)
    assert store.current("taggers", "linear", command="x") == first.version
    with pytest.raises(UnknownNameError, match="version of taggers/linear"):
        store.promote("taggers", "linear", "20010101")


def test_a_failed_save_leaves_the_old_one_serving(store):
    first = save(store)
    with pytest.raises(ZeroDivisionError):
        store.save(card(), lambda folder: 1 / 0)
    assert store.versions("taggers", "linear") == [first.version]
    assert store.current("taggers", "linear", command="x") == first.version


def test_what_is_not_trained_comes_with_its_command(store):
    with pytest.raises(NotBuiltError, match="train-tags --model linear"):
        store.current("taggers", "linear", command="train-tags --model linear")


@pytest.mark.parametrize("word", ["damaged", "missing"])
def test_a_damaged_model_is_refused_by_name(store, word):
    version = save(store).version
    folder = store.open("taggers", "linear", version)
    (folder / "w.json").write_text("x") if word == "damaged" else (folder / "w.json").unlink()
    with pytest.raises(ArtifactError, match=rf"w\.json is {word}; train 'linear' again"):
        store.open("taggers", "linear", version)


def test_a_damaged_card_is_named(store):
    version = save(store).version
    (store.open("taggers", "linear", version) / "card.json").write_text('{"kind": 1}')
    with pytest.raises(ArtifactError, match=r"card\.json can't be read"):
        store.open("taggers", "linear", version)


@pytest.mark.parametrize("content", [b"20010101-000000-000000", b"../..", b"", b"\xff\xfe", b"a\0b"])
def test_a_pointer_that_leads_nowhere_comes_with_the_way_out(store, content):
    save(store)
    (store.workspace.path / "artifacts" / "taggers" / "linear" / "CURRENT").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"CURRENT .* train .*again: train-tags"):
        store.current("taggers", "linear", command="train-tags")


@pytest.mark.parametrize("files", [["w.json"], {"/etc/hosts": "x"}, {"../../../../x": "x"}])
def test_a_card_that_names_no_files_of_its_own_is_refused(store, files):
    version = save(store).version
    place = store.open("taggers", "linear", version) / "card.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "files": files}))
    with pytest.raises(ArtifactError, match=r"can't be read|outside its folder"):
        store.open("taggers", "linear", version)


def test_names_stay_under_the_workspace(store):
    with pytest.raises(ArtifactError, match="can't name an artifact"):
        save(store, name="../../evil")
    with pytest.raises(ArtifactError, match="can't name an artifact"):
        store.open("taggers", "linear", "../../..")
    with pytest.raises(ArtifactError, match="never written twice"):
        save(store, version=save(store).version)


def test_a_version_can_wait_to_be_promoted(store):
    waiting = store.save(card(), lambda folder: (folder / "w.json").write_text("new"), serve=False)
    assert store.names("taggers") == [] and store.versions("taggers", "linear") == [waiting.version]
    first = save(store)
    store.save(card(), lambda folder: None, serve=False)
    assert store.current("taggers", "linear", command="x") == first.version


def two(store, word):
    return {("taggers", name): save(store, word, name=name).version for name in ("linear", "prior")}


def serving(store):
    return {("taggers", name): store.current("taggers", name, command="x") for name in store.names("taggers")}


@pytest.mark.parametrize("written", [0, 1, 2])
def test_several_begin_to_serve_at_one_moment_wherever_it_is_killed(store, written, monkeypatch):
    old, new = two(store, "old"), two(store, "new")
    store.promote_together(old)
    assert serving(store) == store.serving() == old

    def dies(path, text, n=[]):  # noqa: B006 - counts the calls
        if len(n) == written:
            raise KeyboardInterrupt
        n.append(path)
        write_text(path, text)

    monkeypatch.setattr("engine.artifacts.write_text", dies)
    with pytest.raises(KeyboardInterrupt) if written < 2 else nullcontext():
        store.promote_together(new)
    assert serving(store) == store.serving() == new
    monkeypatch.undo()
    store.promote("taggers", "linear", old["taggers", "linear"])
    assert serving(store) == store.serving() == {**new, ("taggers", "linear"): old["taggers", "linear"]}


def test_one_that_there_is_not_keeps_all_from_serving(store):
    old, new = two(store, "old"), two(store, "new")
    store.promote_together(old)
    with pytest.raises(UnknownNameError, match="version of taggers/prior"):
        store.promote_together({**new, ("taggers", "prior"): "20010101"})
    assert serving(store) == old


def test_a_damaged_list_of_what_serves_together_is_named(store):
    (store.workspace.path / "artifacts").mkdir()
    (store.workspace.path / "artifacts" / ".together.json").write_text("{")
    with pytest.raises(ArtifactError, match="remove it"):
        save(store)
