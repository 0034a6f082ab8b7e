import gzip

import pytest

from engine.data.base import ImportReport
from engine.data.jsonfile import json_lines
from engine.data.textfile import MAX_CELL
from engine.errors import DataError


def read(path, content):
    path.write_bytes(content)
    report = ImportReport()
    return list(json_lines(path, report)), report


@pytest.mark.parametrize("name", ["a.jsonl", "a.json.gz"])
def test_lines_that_hold_no_object_are_rejected_with_their_line(tmp_path, name):
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n[1]\n{"a": 2}'
    rows, report = read(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    assert rows == [(1, {"a": 1}), (5, {"a": 2})]
    assert report.read == 4
    assert report.rejected == {"is not a JSON object": 2}
    assert report.examples["is not a JSON object"][1] == f"{tmp_path / name}, line 4: '[1]\\n' is not a JSON object"


def test_older_dumps_hold_python_literals_which_are_never_evaluated(tmp_path):
    content = b"{'asin': 'B0', 'title': \"Ann's\", 'price': 9.5}\n{'asin': print('evaluated')}\n{'a': " + b"[" * 9999
    rows, report = read(tmp_path / "meta.json", content)
    assert rows == [(1, {"asin": "B0", "title": "Ann's", "price": 9.5})]
    assert report.rejected == {"is not a JSON object": 2}


def test_a_line_over_the_cap_is_rejected_and_the_next_one_is_read(tmp_path):
    rows, report = read(tmp_path / "a.jsonl", b'{"a": "' + b"x" * 17_000_000 + b'"}\n{"a": 1}\n')
    assert rows == [(2, {"a": 1})]
    assert report.rejected == {f"a value is longer than {MAX_CELL:,} characters": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b' [{"a": 1}]', "is a JSON array; write one object per line"),
        (b'{"a": 1}\n{"a": "\xe8"}', "line 2: isn't UTF-8 (byte 0xe8 at position 8)"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16"),
    ],
)
def test_what_is_wrong_with_the_whole_file_is_said(tmp_path, content, said):
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.jsonl", content)
    assert said in str(caught.value)
