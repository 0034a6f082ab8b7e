import errno
import gzip
import resource
import signal
import subprocess
import sys

import duckdb
import pyarrow.parquet as pq
import pytest

from engine.data import importer
from engine.data.importer import ImportOptions, import_files
from engine.data.staging import Stage
from engine.errors import DataError, SettingsError, StorageError, UnknownNameError
from engine.workspace import Workspace

ITEMS = ImportOptions(table="items")


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="new.csv", header="item_id,title,category"):
        file = tmp_path / name
        file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return file

    return write


@pytest.fixture
def old(workspace, write):
    """A workspace with one item, and how its folder looks."""
    import_files(workspace, "plain", [write("OLD,Tote,Bags", name="old.csv")], options=ITEMS)
    return workspace


def files(workspace):
    return sorted(str(file.relative_to(workspace.path)) for file in workspace.path.rglob("*") if file.is_file())


def still_old(workspace):
    reopened = Workspace.open(workspace.path)
    return reopened.read("items")["item_id"].tolist() == ["OLD"] and list(reopened.tables) == ["items"]


def test_a_reimport_replaces_the_table_and_leaves_nothing_behind(old, write):
    before = files(old)
    report = import_files(old, "plain", [write("A,Tote,Bags", "B,Boot,Shoes")], options=ITEMS)
    assert dict(report.kept) == {"items": 2}
    assert old.read("items")["item_id"].tolist() == ["A", "B"]
    assert files(old) == before


def test_batches_of_any_size_give_the_same_table(workspace, write, monkeypatch):
    file = write(*(f"{n},Tote {n % 7},Bags" for n in range(50)), "3,Other,Bags")
    hashes, batches = [], []
    for rows, characters in ((8192, 10**9), (7, 10**9), (8192, 30)):
        monkeypatch.setattr(importer, "BATCH_ROWS", rows)
        monkeypatch.setattr(importer, "BATCH_CHARACTERS", characters)
        seen = []
        report = import_files(
            workspace, "plain", [file], options=ITEMS, progress=lambda r, seen=seen: seen.append(r.read)
        )
        assert (report.read, seen[-1], dict(report.kept)) == (51, 51, {"items": 50})
        batches.append(len(seen))
        hashes.append(workspace.read("items").to_json())
    assert len(set(hashes)) == 1
    assert batches[0] == 1 < min(batches[1:])


def test_duplicates_keep_the_first_and_say_where(workspace, write):
    file = write("A,Tote,Bags", "B,Boot,Shoes", "A,Other,Bags", "A,Tote,Bags", "B,Boot,Shoes")
    report = import_files(workspace, "plain", [file], options=ITEMS)
    assert workspace.read("items")["title"].tolist() == ["Tote", "Boot"]
    reason = "repeats the item_id of an earlier row with other values; the first one is kept"
    assert report.examples == {reason: [f"{file}, line 4: 'A' {reason}"]}
    assert report.notes == [f"items: 2 rows repeating an earlier row exactly, kept once (first: {file}, line 5)"]


def test_duplicates_of_a_key_of_several_columns(workspace, write):
    file = write("A,soft,human,0.5", "A,soft,llm,0.5", "A,soft,human,0.9", header="item_id,tag,source,score")
    report = import_files(workspace, "plain", [file], options=ImportOptions(table="tags"))
    assert workspace.read("tags")["score"].tolist() == [0.5, 0.5]
    ((message,),) = report.examples.values()
    assert "line 4: 'A / soft / human' repeats the item_id, tag, source" in message


def test_nothing_kept_changes_nothing_and_says_the_main_reasons(old, write):
    file = write(",Tote,Bags", "A,,Bags", ",Boot,Shoes")
    with pytest.raises(DataError) as caught:
        import_files(old, "plain", [file], options=ITEMS)
    assert "nothing of 3 rows could be kept: 2 × item_id is missing; 1 × title is missing" in str(caught.value)
    assert f"{file}, line 2" in str(caught.value)
    assert still_old(old)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"item_id,title,category\n", "nothing of 0 rows could be kept: no rows"),
        ("item_id,title,category\n1,Сумка,Bags\n".encode("cp1251"), "line 2: isn't UTF-8"),
        (b"item_id,title\n1,Tote\n", "lacks column 'category'"),
        (b"item_id,title,category\n1,Tote\n", "too few fields"),
    ],
)
def test_bad_files_change_nothing(old, tmp_path, content, said):
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    before = files(old)
    with pytest.raises(DataError, match=said):
        import_files(old, "plain", [file], options=ITEMS)
    assert still_old(old)
    assert files(old) == before


def test_unknown_kinds_and_samples_without_reviews(old, write):
    with pytest.raises(UnknownNameError, match="did you mean 'plain'"):
        import_files(old, "plane", [write()])
    with pytest.raises(SettingsError, match="Sampling needs reviews"):
        import_files(old, "plain", [write("A,Tote,Bags")], options=ImportOptions(table="items", sample=3))
    assert still_old(old)


def test_two_imports_at_once_refuse_the_second(old, write):
    with old.lock(), pytest.raises(StorageError, match="Another process is writing"):
        import_files(Workspace.open(old.path), "plain", [write("A,Tote,Bags")], options=ITEMS)
    assert still_old(old)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_full_disk_changes_nothing(old, write, monkeypatch, after):
    monkeypatch.setattr(importer, "BATCH_ROWS", 10)
    real, calls = pq.ParquetWriter.write_table, []

    def write_table(self, table, *args, **kwargs):
        if len(calls) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        calls.append(table)
        return real(self, table, *args, **kwargs)

    before = files(old)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_table)
    with pytest.raises(StorageError, match="the disk is full; free some space"):
        import_files(old, "plain", [write(*(f"{n},Tote,Bags" for n in range(20)))], options=ITEMS)
    assert still_old(old)
    assert files(old) == before


def test_a_full_disk_while_looking_for_duplicates_changes_nothing(old, write, monkeypatch):
    def drop_duplicates(self, table, report):
        raise duckdb.IOException("IO Error: Could not write file: No space left on device")

    monkeypatch.setattr(Stage, "drop_duplicates", drop_duplicates)
    with pytest.raises(StorageError, match=r"No space left on device\); free some space"):
        import_files(old, "plain", [write("A,Tote,Bags")], options=ITEMS)
    assert still_old(old)


CHILD = """
import os, resource, signal, sys
from pathlib import Path
import engine.data.staging as staging, engine.workspace as workspace
from engine.data.importer import ImportOptions, import_files
from engine.errors import StorageError

shop, file, moment = workspace.Workspace.open(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
owner, name = {
    "staging": (staging.Stage, "write"),
    "duplicates": (staging.Stage, "drop_duplicates"),
    "copying": (staging.Stage, "copy"),
    "closing": (workspace.TableWriter, "close"),
    "committing": (workspace, "write_json"),
    "limit": (None, None),
}[moment]
if owner:
    real = getattr(owner, name)
    def then_die(*args):
        real(*args)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, then_die)
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    import_files(shop, "plain", [file], options=ImportOptions(table="items"))
except StorageError as error:
    sys.exit(str(error))
"""


def run_child(workspace, file, moment):
    command = [sys.executable, "-c", CHILD, str(workspace.path), str(file), moment]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("moment", ["staging", "duplicates", "copying", "closing", "committing"])
def test_kill_9_leaves_the_old_table_or_the_new_one_whole_and_a_rerun_works(old, write, moment):
    file = write(*(f"{n},Tote {n},Bags" for n in range(20_000)))
    assert run_child(old, file, moment).returncode == -signal.SIGKILL
    reopened = Workspace.open(old.path)
    stored = reopened.read("items")["item_id"].tolist()
    assert stored == (["OLD"] if moment != "committing" else [str(n) for n in range(20_000)])
    report = import_files(reopened, "plain", [file], options=ITEMS)
    assert dict(report.kept) == {"items": 20_000}
    assert [name for name in files(reopened) if ".tmp-" in name] == []


def test_a_refused_write_of_the_real_system_changes_nothing(old, write):
    file = write(*(f"{n * 7919},Tote {n * 104729},Bags" for n in range(20_000)))
    child = run_child(old, file, "limit")
    assert child.returncode == 1, child.stderr
    assert "larger than this system allows" in child.stderr
    assert "Traceback" not in child.stderr
    assert still_old(old)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000  # the limit was the child's alone


def test_a_source_of_which_nothing_can_be_kept_says_so_in_a_new_workspace_too(workspace, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"item_id": "A",\n')
    with pytest.raises(DataError, match=r"nothing of 1 row could be kept: 1 × is not a JSON object"):
        import_files(workspace, "plain", [file], options=ImportOptions(table="reviews"))


def test_a_gz_of_nothing_is_empty(workspace, tmp_path):
    for name in ("lamoda_reviews.csv.gz", "reviews.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"lamoda_reviews\.csv\.gz: is empty"):
        import_files(workspace, "lamoda", [tmp_path / "lamoda_reviews.csv.gz"])
    with pytest.raises(DataError, match=r"reviews\.jsonl\.gz: is empty"):
        import_files(workspace, "plain", [tmp_path / "reviews.jsonl.gz"], options=ImportOptions(table="reviews"))


def test_links_that_lead_nowhere_are_named(workspace, tmp_path):
    (tmp_path / "broken.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for name, said in (("broken.csv", "is a link to a file that isn't there"), ("loop.csv", "can't be reached")):
        with pytest.raises(DataError, match=said):
            import_files(workspace, "plain", [tmp_path / name], options=ITEMS)
