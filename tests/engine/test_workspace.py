import errno
import json
import subprocess
import sys
import time

import pandas as pd
import pytest

from engine.errors import NotBuiltError, StorageError, UnknownNameError, WorkspaceError
from engine.sql import Queries
from engine.workspace import JOURNAL, Workspace, find_workspace, list_workspaces, new_workspace


def write(workspace, **tables):
    with workspace.replace_tables("test") as writer:
        for name, frame in tables.items():
            writer.write(name, frame)


def reviews(*texts):
    return pd.DataFrame({"review_id": [str(i) for i in range(len(texts))], "item_id": "007", "text": list(texts)})


def test_rows_come_back_as_written_with_ids_as_strings(workspace, items):
    write(workspace, items=items)
    frame = find_workspace(workspace.path.parent, "shop").read("items")
    assert frame["item_id"].tolist() == ["007", "1e5"]
    assert frame["price"].isna().all()
    assert workspace.tables["items"].rows == 2


def test_tables_are_replaced_together_and_others_stay(workspace, items):
    write(workspace, items=items, reviews=reviews("good", "bad"))
    before = workspace.data_hash()
    write(workspace, reviews=reviews("new"))
    assert workspace.read("items")["item_id"].tolist() == ["007", "1e5"]
    assert workspace.read("reviews")["text"].tolist() == ["new"]
    assert workspace.data_hash() != before
    write(workspace, reviews=reviews("good", "bad"))
    assert workspace.data_hash() == before


def test_several_batches_make_one_table(workspace):
    with workspace.replace_tables("test") as writer:
        for text in "abc":
            writer.write("reviews", reviews(text))
    assert workspace.read("reviews", ["text"])["text"].tolist() == ["a", "b", "c"]


def test_a_failing_import_changes_nothing(workspace, items):
    write(workspace, items=items)
    with pytest.raises(ZeroDivisionError), workspace.replace_tables("test") as writer:
        writer.write("items", items[:1])
        _ = 1 / 0
    assert len(Workspace.open(workspace.path).read("items")) == 2
    assert [file.name for file in (workspace.path / "tables").iterdir()] == ["items.parquet"]


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
import engine.workspace as w
calls = 0
def dying(*arguments, original=getattr(w, "{function}")):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
w.{function} = dying
workspace = w.Workspace.open(Path(sys.argv[1]))
new = pd.DataFrame({{"review_id": ["9"], "item_id": ["9"], "text": ["new"]}})
with workspace.replace_tables("kill") as writer:
    writer.write("reviews", new)
    writer.write("items", pd.DataFrame({{"item_id": ["9"], "title": ["New"], "category": ["Bags"]}}))
"""


@pytest.mark.parametrize(
    ("function", "call", "survivor"),
    [
        ("sync", 1, "old"),  # a staged file is being synced
        ("write_json", 1, "old"),  # all staged, the journal not written
        ("_finish_commit", 2, "new"),  # journal written, nothing renamed
        ("write_json", 2, "new"),  # all renamed, the manifest not written
    ],
)
def test_kill_9_leaves_all_old_tables_or_all_new_ones(workspace, items, function, call, survivor):
    write(workspace, items=items, reviews=reviews("old"))
    script = KILLED.format(function=function, call=call)
    process = subprocess.run([sys.executable, "-c", script, str(workspace.path)], capture_output=True, text=True)
    assert process.returncode == -9, process.stderr
    reopened = Workspace.open(workspace.path)
    assert reopened.read("reviews")["text"].tolist() == [survivor]
    assert reopened.read("items")["item_id"].tolist() == (["9"] if survivor == "new" else ["007", "1e5"])
    assert reopened.tables["items"].rows == len(reopened.read("items"))
    write(reopened, items=items)  # a rerun works and sweeps what was left
    assert sorted(f.name for f in (workspace.path / "tables").iterdir()) == ["items.parquet", "reviews.parquet"]


def test_an_interrupt_after_the_journal_is_finished_at_opening(workspace, items, monkeypatch):
    write(workspace, items=items)
    calls = iter(("before", "after the journal"))
    monkeypatch.setattr("engine.workspace._finish_commit", lambda path: 1 / (next(calls) == "before"))
    with pytest.raises(ZeroDivisionError):
        write(workspace, items=items[:1])
    monkeypatch.undo()
    reopened = Workspace.open(workspace.path)
    assert reopened.tables["items"].rows == len(reopened.read("items")) == 1


def test_a_kill_between_two_renames_is_finished_at_opening(workspace, items):
    write(workspace, items=items, reviews=reviews("old"))
    manifest = json.loads((workspace.path / "workspace.json").read_text())
    staged = workspace.path / "tables" / ".tmp-1-reviews.parquet"
    (workspace.path / "tables" / "reviews.parquet").rename(staged)
    renames = {".tmp-0-items.parquet": "items.parquet", staged.name: "reviews.parquet"}
    (workspace.path / JOURNAL).write_text(json.dumps({"renames": renames, "manifest": manifest}))
    assert Workspace.open(workspace.path).read("reviews")["text"].tolist() == ["old"]
    assert not (workspace.path / JOURNAL).exists()


def test_a_second_writer_is_told_at_once(workspace):
    held = "import sys,time\nfrom pathlib import Path\nfrom engine.workspace import Workspace\n"
    held += "with Workspace.open(Path(sys.argv[1])).lock():\n  print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", held, str(workspace.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StorageError, match="Another process is writing"), workspace.replace_tables("test"):
            pass
        process.kill()
    for _ in range(50):  # the kernel frees the lock with the process
        try:
            with workspace.lock():
                return
        except StorageError:
            time.sleep(0.1)
    pytest.fail("the lock outlived its holder")


def test_a_read_only_disk_is_named(workspace, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("engine.workspace.FileLock.acquire", refuse)
    with pytest.raises(StorageError, match="read-only; choose another place with SHELFWISE_HOME"), workspace.lock():
        pytest.fail("the lock wasn't taken")


def test_what_is_not_built_comes_with_its_command(workspace):
    with pytest.raises(NotBuiltError, match=r"import_data\.py KIND PATH --workspace shop"):
        workspace.read("items")
    with pytest.raises(UnknownNameError, match="did you mean 'items'"):
        workspace.read("itemz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "corrupt"),
        ("[]", "corrupt"),
        ('{"format": "new"}', "corrupt"),
        ('{"format": 1, "tables": {"items": {"rows": 1}}}', "corrupt"),
        ('{"format": -1, "tables": {}}', "corrupt"),
        ('{"format": 1e999, "tables": {}}', "corrupt"),
        ('{"format": 1, "tables": {"items": {"rows": "2", "sha256": "", "origin": "", "written": ""}}}', "corrupt"),
        ('{"format": 99, "tables": [1]}', "newer Shelfwise"),
    ],
)
def test_a_damaged_or_newer_workspace_is_named(workspace, content, words):
    (workspace.path / "workspace.json").write_text(content)
    with pytest.raises(WorkspaceError, match=words):
        Workspace.open(workspace.path)


def test_a_manifest_that_is_no_file_is_named(workspace):
    (workspace.path / "workspace.json").unlink()
    (workspace.path / "workspace.json").mkdir()
    with pytest.raises(WorkspaceError, match="corrupt"):
        Workspace.open(workspace.path)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        '{"renames": {}, "manifest": {"format": 1}}',
        '{"renames": {"../photo": "../../photo"}, "manifest": {"format": 1, "tables": {}}}',
        '{"renames": {".tmp-1-items.parquet": "../items.parquet"}, "manifest": {"format": 1, "tables": {}}}',
    ],
)
def test_a_journal_that_no_commit_wrote_is_named_and_moves_nothing(workspace, items, content):
    write(workspace, items=items)
    (workspace.path / "photo").touch()
    (workspace.path / JOURNAL).write_text(content)
    with pytest.raises(WorkspaceError, match=r"\.commit\.json is corrupt .* remove that file and import again"):
        Workspace.open(workspace.path)
    assert (workspace.path / "photo").exists() and not (workspace.path.parent / "photo").exists()
    (workspace.path / JOURNAL).unlink()
    assert len(Workspace.open(workspace.path).read("items")) == 2


def test_tables_of_a_later_version_are_left_alone(workspace, items):
    write(workspace, items=items)
    manifest = json.loads((workspace.path / "workspace.json").read_text())
    manifest["tables"]["baskets"] = {"rows": "?"}
    (workspace.path / "workspace.json").write_text(json.dumps(manifest))
    opened = Workspace.open(workspace.path)
    assert list(opened.tables) == ["items"]
    write(opened, items=items)
    assert "baskets" in json.loads((workspace.path / "workspace.json").read_text())["tables"]


def test_a_table_of_other_columns_is_named(workspace, items):
    write(workspace, items=items, reviews=reviews("good"))
    tables = workspace.path / "tables"
    (tables / "reviews.parquet").write_bytes((tables / "items.parquet").read_bytes())
    with pytest.raises(WorkspaceError, match=r"reviews\.parquet lacks the column 'review_id'; import it again"):
        workspace.read("reviews")
    with pytest.raises(WorkspaceError, match=r"reviews\.parquet lacks the column 'review_id'; import it again"):
        Queries(workspace)


def test_folders_of_any_name_can_be_read(home, items):
    for name in ("Мой магазин", "a[1]*?", "it's"):
        workspace = new_workspace(home, name)
        write(workspace, items=items)
        assert Queries(workspace).number("SELECT count(*) FROM items") == 2


def test_a_damaged_table_is_named_with_the_way_out(workspace, items):
    write(workspace, items=items)
    (workspace.path / "tables" / "items.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(WorkspaceError, match=r"items\.parquet can't be read .* import it again"):
        workspace.read("items")


def test_names_are_never_paths(home):
    for name in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(WorkspaceError, match="can't name a workspace"):
            new_workspace(home, name)
    with pytest.raises(UnknownNameError):
        find_workspace(home, "../" + home.name)
    assert list_workspaces(home) == []


def test_a_folder_of_other_things_is_not_taken_over(home):
    (home / "photos").mkdir()
    (home / "photos" / "cat.jpg").touch()
    with pytest.raises(WorkspaceError, match="holds other files"):
        new_workspace(home, "photos")
    with pytest.raises(WorkspaceError, match="is a file"):
        Workspace.create(home / "photos" / "cat.jpg")
