"""Finding a data set's files by name."""

from pathlib import Path

import pytest

from engine.data.layout import find_files, renamed
from engine.errors import DataError

KNOWN = {"events": ("events*.csv",), "tree": ("tree.csv",)}


def make(folder, *names):
    for name in names:
        (folder / name).write_text("x")
    return [folder / name for name in names]


def test_a_folder_stands_for_its_known_files_and_a_plain_file_goes_before_its_gz(tmp_path):
    make(tmp_path, "events_2.csv", "Events_1.csv", "tree.csv.gz", "other.csv", "events_2.csv.gz")
    found = find_files([tmp_path], KNOWN)
    assert [file.name for file in found["events"]] == ["Events_1.csv", "events_2.csv"]
    assert [file.name for file in found["tree"]] == ["tree.csv.gz"]


def test_a_file_named_twice_is_read_once(tmp_path):
    (file,) = make(tmp_path, "events.csv")
    assert find_files([file, tmp_path], KNOWN)["events"] == [file]


def test_any_name_will_do_where_there_is_only_one_role(tmp_path):
    (file,) = make(tmp_path, "mine.csv")
    assert find_files([file], KNOWN, otherwise="events")["events"] == [file]


def test_what_is_missing_is_named(tmp_path):
    make(tmp_path, "events.csv")
    with pytest.raises(DataError, match=r"event\.csv: does not exist; is it 'events\.csv'\?"):
        find_files([tmp_path / "event.csv"], KNOWN)
    with pytest.raises(DataError, match=r"nowhere: does not exist$"):
        find_files([tmp_path / "nowhere"], KNOWN)


def test_files_without_a_role_are_refused(tmp_path):
    (file,) = make(tmp_path, "mine.csv")
    with pytest.raises(DataError, match=r"mine\.csv: has none of the known names: events\*\.csv, tree\.csv"):
        find_files([file], KNOWN)
    with pytest.raises(DataError, match="holds none of the known files"):
        find_files([tmp_path], KNOWN)


def test_columns_are_renamed_and_required_by_their_new_name():
    rows = [(2, {"a": "1", "b": "2"}), (3, {"a": "3", "b": "4"})]
    path = Path("x.csv")
    assert list(renamed(path, rows, {"a": "z"}, ["z"])) == [(2, {"z": "1", "b": "2"}), (3, {"z": "3", "b": "4"})]
    with pytest.raises(DataError, match="lacks column 'a'"):
        list(renamed(path, rows, {"a": "z"}, ["a"]))
