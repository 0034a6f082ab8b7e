"""Stokmann: catalogue and actions become tables, vectors an array."""

import pickle
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from engine.data.stokman import StokmanReader, read_vectors
from engine.errors import DataError

CATALOGUE = pd.DataFrame(
    {
        "add_date": pd.to_datetime(["2024-09-30 03:07:09"] * 3),
        "shop_id": "350",
        "product_id": ["1025536", "1025614", "/*"],
        "category_id": ["8922", "10600", "1"],
        "price": [6990, 330, 1],
        "title": ["6048 48557", "42548", "1"],
        "old_price": [6990, 500, 1],
    }
)
ACTIONS = pd.DataFrame(
    [
        ("u1", "2024-08-01 10:00:00", 0, [1025536]),
        ("u1", "2024-08-01 10:05:00", 5, [1025536, 1025614]),
        ("u2", "2024-08-01 11:00:00", 9, None),
        ("u2", "2024-08-01 11:00:00", 8, []),
        ("/*", "2024-08-01 11:00:00", 0, [1025536]),
        ("u3", "2024-08-01 11:00:00", 10, [1025536]),
        ("u3", "2024-08-01 12:00:00", 2, [1025614]),
    ],
    columns=["user_id", "date", "action", "products"],
)


@pytest.fixture
def folder(tmp_path):
    CATALOGUE.to_parquet(tmp_path / "stokman_catalog_preprocessed.pq")
    ACTIONS.to_parquet(tmp_path / "train_actions.pq")
    return tmp_path


def test_the_catalogue_becomes_items(folder, collect):
    tables, report = collect(StokmanReader(), folder / "stokman_catalog_preprocessed.pq")
    assert tables["items"] == [
        {"item_id": "1025536", "title": "6048 48557", "category": "8922", "price": 6990},
        {"item_id": "1025614", "title": "42548", "category": "10600", "price": 330},
    ]
    assert report.rejected == {"isn't a product": 1}


def test_actions_become_one_event_for_each_product(folder, collect):
    tables, report = collect(StokmanReader(), folder)
    events = [(event["user_id"], str(event["item_id"]), event["event"]) for event in tables["events"]]
    assert events == [
        ("u1", "1025536", "view"),
        ("u1", "1025536", "transaction"),
        ("u1", "1025614", "transaction"),
        ("u3", "1025614", "addtocart"),
    ]
    assert report.read == len(CATALOGUE) + len(ACTIONS)
    assert report.rejected == {
        "isn't a product": 1,
        "names no product": 2,
        "isn't a user": 1,
        "isn't an action code from 0 to 9": 1,
    }
    assert "train_actions.pq, line 6, column 'action': '10'" in report.examples["isn't an action code from 0 to 9"][0]


def test_times_without_a_zone_are_utc(folder, collect):
    ACTIONS.assign(date=pd.to_datetime(ACTIONS["date"])).to_parquet(folder / "train_actions.pq")
    tables, _ = collect(StokmanReader(), folder)
    assert tables["events"][0]["timestamp"] == datetime(2024, 8, 1, 10, tzinfo=UTC)


def test_codes_saved_as_floats_are_codes(folder, collect):
    ACTIONS.assign(action=[0.0, 5.0, None, 8.0, 0.0, 1.5, 2.0]).to_parquet(folder / "train_actions.pq")
    tables, report = collect(StokmanReader(), folder)
    assert len(tables["events"]) == 4
    assert report.rejected["isn't an action code from 0 to 9"] == 2


def test_other_columns_are_refused(folder, collect):
    ACTIONS.rename(columns={"products": "product"}).to_parquet(folder / "train_actions.pq")
    with pytest.raises(DataError, match=r"lacks column 'products' \(is it 'product'\?\)"):
        collect(StokmanReader(), folder)


def test_the_real_catalogue(real_data, collect):
    tables, report = collect(StokmanReader(), real_data / "stokman")
    assert len({item["item_id"] for item in tables["items"]}) == 20_000
    assert not report.rejected
    assert report.notes == ["vectors and their mapping belong to no table and were left out"]


@pytest.fixture
def vectors(tmp_path):
    """Write vectors.npz and its mapping, and read them back."""

    def run(array, ids=("7", "5"), rows=(2, 0), **more):
        np.savez(tmp_path / "vectors.npz", array, **more)
        pd.DataFrame({"product_id": list(ids), "vector_id": list(rows)}).to_parquet(tmp_path / "mapping.pq")
        return read_vectors(tmp_path / "vectors.npz", tmp_path / "mapping.pq")

    return run


def test_vectors_come_in_the_order_of_the_mapping(vectors):
    ids, table = vectors(np.arange(6, dtype=np.float64).reshape(3, 2))
    assert ids == ["7", "5"]
    assert table.dtype == np.float32
    assert table.tolist() == [[4, 5], [0, 1]]


def test_numbers_as_product_ids_become_text(vectors):
    assert vectors(np.ones((3, 2)), ids=(7, 5))[0] == ["7", "5"]


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (np.ones((3, 2)), {"rows": (0, 3)}, r"line 2, column 'vector_id': '3' is no row of vectors\.npz, which has 3"),
        (np.ones((3, 2)), {"rows": (-1, 0)}, "line 1, column 'vector_id': '-1' is no row"),
        (np.ones((3, 2)), {"rows": (0, None)}, "line 2, column 'vector_id': is no row"),
        (np.ones((3, 2)), {"ids": ("7", "7")}, "line 2, column 'product_id': '7' occurs a second time"),
        (np.ones((3, 2)), {"ids": ("7", None)}, "line 2, column 'product_id': is missing"),
        (
            np.array([[1, 2], [3, 4], [5, np.nan]]),
            {},
            "NaN or infinity in 1 of its vectors, the first that of product 7",
        ),
        (np.array([[np.inf, 2]]), {"rows": (0, 0)}, "NaN or infinity in 2 of its vectors"),
        (np.ones(3), {}, r"it holds an array of float64 of shape \(3,\)"),
        (np.ones((3, 0)), {}, r"of shape \(3, 0\)"),
        (np.array([["a", "b"]]), {}, "it holds an array of <U1"),
        (np.ones((3, 2)), {"more": np.ones(1)}, "must hold one array, it holds 2"),
        (np.array([[object()]]), {}, r"isn't a whole \.npz of plain numbers"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(vectors, array, options, said):
    with pytest.raises(DataError, match=said):
        vectors(array, **options)


def test_a_vector_that_is_not_in_the_mapping_may_be_broken(vectors):
    assert len(vectors(np.array([[1, 2], [np.nan, 4], [5, 6]]))[0]) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text", pickle.dumps([1.0])])
def test_a_file_that_is_no_npz_is_refused_and_never_unpickled(tmp_path, content):
    (tmp_path / "vectors.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"vectors\.npz: isn't a whole \.npz"):
        read_vectors(tmp_path / "vectors.npz", tmp_path / "mapping.pq")


def test_a_single_array_and_a_missing_file_are_refused(tmp_path):
    np.save(tmp_path / "vectors.npy", np.ones((3, 2)))
    with pytest.raises(DataError, match=r"isn't a whole \.npz"):
        read_vectors(tmp_path / "vectors.npy", tmp_path / "mapping.pq")
    with pytest.raises(DataError, match="does not exist"):
        read_vectors(tmp_path / "vectors.npz", tmp_path / "mapping.pq")
