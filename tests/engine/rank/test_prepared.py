from dataclasses import fields, replace

import numpy as np
import pytest
from ranked import make_lists, make_stock

from engine.errors import ArtifactError, UnknownNameError
from engine.rank.lists import Histories, Lists, Stock
from engine.rank.prepared import Prepared, joined, load_prepared, save_prepared


def equal(a, b):
    if isinstance(a, (Lists, Histories, Stock)):
        return all(equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    return np.array_equal(a, b, equal_nan=True) if getattr(a, "dtype", None) == np.float32 else np.array_equal(a, b)


@pytest.fixture
def parts():
    stock = make_stock()
    train, valid = make_lists(9, stock=stock, seed=1), make_lists(5, stock=stock, seed=2)
    test = replace(make_lists(4, stock=stock, seed=3), wanted=None)
    return {"train": train, "valid": replace(valid, n_wanted=np.arange(5)), "test": test}


def test_what_is_saved_comes_back(tmp_path, parts):
    save_prepared(tmp_path, Prepared({name: lambda own=own: own for name, own in parts.items()}))
    found = load_prepared(tmp_path)
    for name, lists in parts.items():
        assert equal(found.part(name), lists)
    assert found.valid.sought.tolist() == [0, 1, 2, 3, 4]


def test_lists_without_histories_vectors_and_rows_come_back(tmp_path):
    stock = replace(make_stock(), vectors=None, without=None)
    plain = make_lists(3, stock=make_stock(), histories=False)
    empty = replace(plain, stock=stock).rows(np.zeros(len(plain.items), dtype=bool))
    save_prepared(tmp_path, Prepared(dict.fromkeys(("train", "valid", "test"), lambda: empty)))
    assert equal(load_prepared(tmp_path).train, empty)


def test_a_part_is_read_when_it_is_asked_for(tmp_path, parts):
    save_prepared(tmp_path, Prepared({name: lambda own=own: own for name, own in parts.items()}))
    (tmp_path / "train.parquet").write_bytes(b"not Parquet")
    found = load_prepared(tmp_path)
    assert len(found.valid) == 5
    with pytest.raises(ArtifactError, match=r"train\.parquet can't be read"):
        found.part("train")
    with pytest.raises(UnknownNameError, match="'train'"):
        found.part("trian")


@pytest.mark.parametrize("name", ["stock.npz", "columns.json", "valid.npz", "valid.parquet"])
def test_a_missing_or_cut_file_is_named(tmp_path, parts, name):
    save_prepared(tmp_path, Prepared({name: lambda own=own: own for name, own in parts.items()}))
    whole = (tmp_path / name).read_bytes()
    for content in (None, b"", whole[: len(whole) // 2]):
        (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
        with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
            load_prepared(tmp_path).part("valid")
        (tmp_path / name).write_bytes(whole)


def test_parts_are_joined_one_behind_the_other(parts):
    found = joined([parts["train"], parts["train"].take(np.array([3, 1]))])
    assert equal(found.take(np.arange(9)), parts["train"])
    assert equal(found.take(np.array([9, 10])), parts["train"].take(np.array([3, 1])))
