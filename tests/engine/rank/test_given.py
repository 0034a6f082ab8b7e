from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError
from engine.rank.given import read_given
from engine.rank.lists import CODE, NUMBER

NAMES = {"list_column": "session", "item_column": "category", "time_column": "at"}
NOON = datetime(2015, 5, 3, 12, tzinfo=UTC)
FILE = Path(__file__).resolve().parents[4] / "shared/data/retailrocket/category_ranking_train.parquet"


def frame(**columns):
    """Two lists of session a at two times, and one of b between them."""
    minutes = [5, 5, 9, 9, 9, 7]
    return pd.DataFrame(
        {
            "session": ["a", "a", "a", "a", "a", "b"],
            "at": [NOON + timedelta(minutes=each) for each in minutes],
            "category": [12, 5, 5, 12, 7, 5],
            "share": [0.5, None, 0.0, 1.0, 0.25, 0.125],
            "kind": [0, 1, 1, 0, 2, 1],
            "y": [1, 0, 0, 0, 0, 1],
        }
        | columns
    )


def read(tmp_path, table, **how):
    table.to_parquet(tmp_path / "lists.parquet")
    return read_given(tmp_path / "lists.parquet", **(NAMES | how))


def test_a_list_is_what_stands_under_one_name_at_one_time(tmp_path):
    lists = read(tmp_path, frame(), code_columns=["kind"])
    assert lists.list_ids.tolist() == ["a 2015-05-03T12:05:00", "b 2015-05-03T12:07:00", "a 2015-05-03T12:09:00"]
    assert lists.users.tolist() == ["a", "b", "a"] and lists.sizes.tolist() == [2, 1, 3]
    assert lists.micros[0] == int(NOON.timestamp() + 300) * 1_000_000
    assert lists.stock.item_ids[lists.items].tolist() == ["12", "5", "5", "12", "5", "7"]
    assert lists.known.tolist() == [True, False, True, False, False, False] and lists.sought.tolist() == [1, 1, 0]
    assert [(column.name, column.kind) for column in lists.columns] == [("share", NUMBER), ("kind", CODE)]
    assert lists.features[:, 0].tolist() == pytest.approx([0.5, np.nan, 0.125, 1.0, 0.0, 0.25], nan_ok=True)


def test_the_order_of_rows_means_nothing(tmp_path):
    lists = read(tmp_path, frame())
    other = read(tmp_path, frame().sample(frac=1, random_state=3))
    assert other.list_ids.tolist() == lists.list_ids.tolist() and other.items.tolist() == lists.items.tolist()
    assert other.features.tobytes() == lists.features.tobytes() and other.known.tolist() == lists.known.tolist()


def test_names_that_stand_for_one_list_each_are_its_name(tmp_path):
    table = frame(session=["a", "a", "c", "c", "c", "b"], shop=["s", "s", "s", "s", "s", "t"]).drop(columns="kind")
    lists = read(tmp_path, table, user_column="shop", wanted_column="y")
    assert lists.list_ids.tolist() == ["a", "b", "c"] and lists.users.tolist() == ["s", "t", "s"]


def test_rows_that_repeat_a_candidate_are_one_and_wanted_when_either_is(tmp_path):
    again = frame().iloc[[1, 1, 0]].assign(y=[0, 1, 0])
    lists = read(tmp_path, pd.concat([frame(), again], ignore_index=True))
    assert lists.sizes.tolist() == [2, 1, 3] and lists.known.tolist()[:2] == [True, True]
    odd = frame().iloc[[3]].assign(share=0.9)
    with pytest.raises(DataError, match=r"line 7: '12' stands twice in its list with different features"):
        read(tmp_path, pd.concat([frame(), odd], ignore_index=True))


def test_who_was_wanted_may_be_unknown(tmp_path):
    for table in (frame(), frame().drop(columns="y")):
        lists = read(tmp_path, table, answered=False)
        assert lists.wanted is None and lists.names == ("share", "kind")
    with pytest.raises(DataError, match="lacks column 'y'"):
        read(tmp_path, frame().drop(columns="y"))


def test_columns_can_be_ignored(tmp_path):
    assert read(tmp_path, frame(), ignored_columns=["share"]).names == ("kind",)
    with pytest.raises(DataError, match="lacks column 'shar'"):
        read(tmp_path, frame(), ignored_columns=["shar"])


def test_row_labels_of_a_frame_are_no_feature(tmp_path):
    assert read(tmp_path, frame().set_axis([3, 1, 4, 8, 5, 9])).names == ("share", "kind")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"share": [0.5, None, np.inf, 0, 0, 0]}, r"line 3, column 'share': 'inf' is infinite"),
        ({"share": ["0.5"] * 6}, "column 'share': holds .*; a feature is a number"),
        ({"kind": [0, 1, -1, 0, 0, 0]}, r"line 3, column 'kind': '-1.0' is no code"),
        ({"kind": [0, 1.5, 1, 0, 0, 0]}, r"line 2, column 'kind': '1.5' is no code"),
        ({"y": [0, 1, 2, 0, 0, 0]}, r"line 3, column 'y': '2' is neither 0 nor 1"),
        ({"y": [0, 1, None, 0, 0, 0]}, r"line 3, column 'y': is missing in 1 of 6 rows"),
        ({"at": [1, 2, 3, 4, 5, 6]}, "column 'at': holds int64; write the time as a timestamp"),
        ({"session": ["a", None, "a", "a", "a", "b"]}, r"line 2, column 'session': is missing in 1 of 6 rows"),
        ({"who": ["u", "v", "w", "w", "w", "u"]}, r"column 'who': is not the user of the rest of its list"),
    ],
)
def test_what_cant_be_used_is_named_with_its_place(tmp_path, columns, said):
    how = {"user_column": "who"} if "who" in columns else {}
    with pytest.raises(DataError, match=said) as raised:
        read(tmp_path, frame(**columns), code_columns=["kind"], **how)
    assert "lists.parquet" in str(raised.value)


def test_columns_and_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"lacks column 'sesion' \(is it 'session'\?\)"):
        read(tmp_path, frame(), list_column="sesion")
    with pytest.raises(DataError, match="lacks column 'kin'"):
        read(tmp_path, frame(), code_columns=["kin"])
    with pytest.raises(DataError, match="does not exist"):
        read_given(tmp_path / "none.parquet", **NAMES)
    (tmp_path / "broken.parquet").write_bytes((tmp_path / "lists.parquet").read_bytes()[:200])
    with pytest.raises(DataError, match="isn't a whole Parquet file"):
        read_given(tmp_path / "broken.parquet", **NAMES)
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path, frame().iloc[:0])
    with pytest.raises(DataError, match="has no column left"):
        read(tmp_path, frame()[["session", "at", "category", "y"]])


@pytest.mark.skipif(not FILE.exists(), reason="the data of RetailRocket isn't there")
def test_the_lists_of_retailrocket():
    lists = read_given(FILE, list_column="session_id", item_column="category_id", time_column="atc_ts")
    assert (len(lists), len(lists.items), len(lists.columns)) == (28_550, 948_570, 15)
    assert int((lists.sought == 0).sum()) == 2657 and (np.diff(lists.micros) >= 0).all()
