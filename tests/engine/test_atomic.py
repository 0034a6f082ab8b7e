import errno

import pytest

from engine.atomic import atomic_path, storage_errors, write_json
from engine.errors import StorageError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert path.read_text() == '{\n  "old": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused_because_json_has_none(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"f1": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_what_the_disk_refuses_is_said_with_the_way_out(tmp_path, code, words):
    with pytest.raises(StorageError, match=words), storage_errors(tmp_path / "a"):
        raise OSError(code, "refused")


def test_a_read_only_disk_is_named_though_nothing_can_be_removed_either(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(StorageError, match="read-only"):
        write_json(tmp_path / "a.json", {})


def test_other_os_errors_keep_their_name(tmp_path):
    with pytest.raises(IsADirectoryError), storage_errors(tmp_path / "a"):
        raise IsADirectoryError(errno.EISDIR, "a folder")


def test_a_folder_appears_whole(tmp_path):
    with atomic_path(tmp_path / "model") as temporary:
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep" / "weights.json").write_text("{}")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model" / "deep" / "weights.json").read_text() == "{}"
