import csv
import io

import pandas as pd
import pytest

from engine.spreadsheet import neutral, to_csv


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+7 900", "'+7 900"),
        ("-5", "'-5"),
        ("@cmd", "'@cmd"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("  =1", "'  =1"),
        ("\n=1", "'\n=1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u00a0\u200b=1", "'\u00a0\u200b=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("", ""),
        (-5.0, -5.0),
        (None, None),
        (["=a", "b"], "'=a; b"),
    ],
)
def test_exports_neutralise_formulas(cell, safe):
    assert neutral(cell) == safe


def test_an_export_is_read_back_as_it_was_written():
    frame = pd.DataFrame({"=sum": ["=1", 'a "b", c\nd', "Ёж"], "n": [-1.5, 2.0, None], "tags": [["a", "b"], [], None]})
    rows = list(csv.reader(io.StringIO(to_csv(frame).decode("utf-8-sig"))))
    assert rows[0] == ["'=sum", "n", "tags"]
    assert rows[1] == ["'=1", "-1.5", "a; b"]
    assert rows[2] == ['a "b", c\nd', "2.0", ""]
    assert rows[3] == ["Ёж", "", ""]
