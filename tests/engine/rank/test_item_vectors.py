from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError
from engine.rank.item_vectors import filled, mapped_vectors, title_vectors

DATA = Path(__file__).parents[3].parent / "shared/data/stokman"
ITEMS = np.array(["a", "b", "c", "d", "e"], dtype=object)
CATEGORIES = np.array([0, 0, 0, 1, 2])


def written(folder, table, mapping=None):
    np.savez(folder / "vectors.npz", table)
    if mapping is not None:
        pd.DataFrame(mapping, columns=["product_id", "vector_id"]).to_parquet(folder / "map.pq")
    return folder / "vectors.npz", folder / "map.pq"


def test_items_without_a_vector_get_the_mean_of_their_category_and_a_flag(tmp_path):
    table = np.array([[1.0, 0], [3, 2], [9, 9], [0, 6]])
    files = written(tmp_path, table, [("b", 1), ("a", 0), ("d", 3), ("elsewhere", 2)])
    found = mapped_vectors(*files, ITEMS, CATEGORIES)
    assert found.without.tolist() == [False, False, True, False, True]
    assert found.vectors.dtype == np.float32
    assert found.vectors[:4].tolist() == [[1, 0], [3, 2], [2, 1], [0, 6]]
    assert found.vectors[4] == pytest.approx([4 / 3, 8 / 3])  # its category has none: the mean of all that have one


def test_titles_are_the_means_of_their_words_and_usual_words_count_less(tmp_path):
    table = np.zeros((4, 3))
    table[[0, 1, 2], [0, 1, 2]] = 1
    vectors, _ = written(tmp_path, table)
    found = title_vectors(vectors, ["0 1", "0 2", "0 0 1", "9 blue", ""], CATEGORIES)
    assert found.without.tolist() == [False, False, False, True, True]
    first = found.vectors[0]
    assert first.sum() == pytest.approx(1) and first[1] > first[0] > 0 and first[2] == 0
    assert found.vectors[1][2] > first[1]  # word 2 is rarer than word 1
    assert found.vectors[3] == pytest.approx(found.vectors[:3].mean(axis=0))
    weights = 1e-3 / (1e-3 + np.array([4, 2]) / 7)
    assert first[:2] == pytest.approx(weights / weights.sum())


def test_whoever_has_none_at_all_has_zeros():
    found = filled(np.ones((2, 3), dtype=np.float32), np.array([True, True]), np.array([0, 1]))
    assert not found.vectors.any() and found.without.all()
    whole = filled(np.ones((2, 3), dtype=np.float32), np.array([False, False]), np.array([0, 1]))
    assert whole.vectors.all() and not whole.without.any()


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ([("x", 0), ("y", 1)], "names none of the 5 items; is it of another catalogue"),
        ([("a", 7)], "is no row of vectors.npz, which has 2"),
        ([("a", 0), ("a", 1)], "occurs a second time"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, mapping, said):
    with pytest.raises(DataError, match=said):
        mapped_vectors(*written(tmp_path, np.ones((2, 2)), mapping), ITEMS, CATEGORIES)


def test_words_that_are_no_rows_are_refused(tmp_path):
    vectors, _ = written(tmp_path, np.ones((5, 2)))
    with pytest.raises(DataError, match="has 5 rows, and no word of 2 titles is the number of one"):
        title_vectors(vectors, ["77 78", "blue"], np.array([0, 0]))
    vectors, _ = written(tmp_path, np.full((5, 2), np.nan))
    with pytest.raises(DataError, match="NaN or infinity in vectors of words"):
        title_vectors(vectors, ["1 2", "3"], np.array([0, 0]))
    with pytest.raises(DataError, match="does not exist"):
        title_vectors(tmp_path / "absent.npz", ["1"], np.array([0]))


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/stokman isn't there")
def test_the_real_catalogue_has_vectors_by_either_way(tmp_path):
    catalogue = pd.read_parquet(DATA / "stokman_catalog_preprocessed.pq")
    categories = catalogue["category_id"].astype("category").cat.codes.to_numpy()
    rng = np.random.default_rng(0)
    words, _ = written(tmp_path, rng.normal(size=(60_000, 4)).astype(np.float32))
    found = title_vectors(words, catalogue["title"].tolist(), categories)
    assert found.vectors.shape == (20_000, 4) and found.without.mean() < 0.01 and np.isfinite(found.vectors).all()
    ids = catalogue["product_id"].to_numpy(dtype=object)
    own = mapped_vectors(words, DATA / "catalog_vector_mapping.pq", ids, categories)
    assert not own.without.any()
