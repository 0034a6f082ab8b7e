"""Parquet files row by row."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.base import ImportReport
from engine.data.parquetfile import BATCH_ROWS, parquet_rows
from engine.errors import DataError


def test_rows_are_numbered_through_batches_and_row_groups(tmp_path):
    n = BATCH_ROWS * 2 + 10
    pq.write_table(pa.table({"n": range(n)}), tmp_path / "x.parquet", row_group_size=BATCH_ROWS + 7)
    report = ImportReport()
    rows = list(parquet_rows(tmp_path / "x.parquet", report))
    assert [(number, record["n"]) for number, record in rows] == [(n + 1, n) for n in range(n)]
    assert report.read == n


def test_only_the_columns_asked_for_are_read_and_those_that_may_be_missing(tmp_path):
    pq.write_table(pa.table({"a": [1], "b": [2], "c": [3]}), tmp_path / "x.parquet")
    rows = list(parquet_rows(tmp_path / "x.parquet", ImportReport(), required=("a",), optional=("a", "c", "d")))
    assert rows == [(1, {"a": 1, "c": 3})]


def test_values_are_plain_python_and_nanoseconds_are_cut(tmp_path):
    frame = pd.DataFrame(
        {
            "at": pd.Series(pd.to_datetime(["2024-01-01 00:00:00.123456789", None], format="ISO8601")),
            "utc": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
        }
    )
    frame.astype({"at": "datetime64[ns]"}).to_parquet(tmp_path / "x.parquet")
    (_, first), (_, second) = parquet_rows(tmp_path / "x.parquet", ImportReport())
    assert type(first["at"]) is datetime
    assert first == {"at": datetime(2024, 1, 1, microsecond=123456), "utc": datetime(2024, 1, 1, tzinfo=UTC)}
    assert second["at"] is None


@pytest.mark.parametrize("damage", [lambda raw: b"", lambda raw: b"id,title\n1,x\n", lambda raw: raw[: len(raw) // 2]])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, damage):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": range(1000)}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"x\.parquet: isn't a whole Parquet file"):
        list(parquet_rows(path, ImportReport()))


def test_a_damaged_page_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [f"text {n}" for n in range(10000)]}), path, compression="zstd")
    raw = bytearray(path.read_bytes())
    raw[100:2000] = bytes(1900)
    path.write_bytes(raw)
    with pytest.raises(DataError, match="isn't a whole Parquet file"):
        list(parquet_rows(path, ImportReport()))


def test_what_is_missing_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"produkt_id": [1]}), path)
    with pytest.raises(DataError, match=r"lacks column 'product_id' \(is it 'produkt_id'\?\)"):
        list(parquet_rows(path, ImportReport(), required=("product_id",)))
    with pytest.raises(DataError, match="does not exist"):
        list(parquet_rows(tmp_path / "y.parquet", ImportReport()))
    with pytest.raises(DataError, match="is a folder"):
        list(parquet_rows(tmp_path, ImportReport()))


def test_two_columns_of_one_name_and_text_in_another_encoding_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    with pytest.raises(DataError, match="two columns of one name"):
        list(parquet_rows(path, ImportReport()))
    broken = pa.StringArray.from_buffers(1, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe"))
    pq.write_table(pa.table({"a": broken}), path)
    with pytest.raises(DataError, match="isn't UTF-8"):
        list(parquet_rows(path, ImportReport()))
