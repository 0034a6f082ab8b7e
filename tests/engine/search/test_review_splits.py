from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from engine.data.splits import split_by_time
from engine.errors import DataError, NotBuiltError, SettingsError, WorkspaceError
from engine.search.review_splits import current_split, read_part, review_batches, split_reviews
from tests.reviewed import REVIEWS, make_reviewed


def fill(workspace, times):
    rows = [{"review_id": f"R{n}", "item_id": "A", "text": "x", "timestamp": time} for n, time in enumerate(times)]
    with workspace.replace_tables("test") as writer:
        writer.write("reviews", pa.Table.from_pylist(rows))
    return workspace


def test_cutoffs_lie_where_the_shares_end(workspace):
    make_reviewed(workspace)
    made = split_reviews(workspace)
    assert made.split.sizes == {"train": 8, "valid": 1, "test": 1} and made.undated == 0
    assert "SECRETVALID" in read_part(workspace, "valid").text.iloc[0]
    assert "SECRETTEST" in read_part(workspace, "test").text.iloc[0]
    assert current_split(workspace) == made.split


def test_cutoffs_are_those_of_the_split_by_time(workspace):
    rng = np.random.default_rng(3)
    times = [datetime.fromtimestamp(int(second), UTC) for second in rng.integers(10**9, 10**9 + 500, 997)]
    made = split_reviews(fill(workspace, times), fractions=(0.7, 0.1, 0.2)).split
    expected = split_by_time(pd.Series(times), fractions=(0.7, 0.1, 0.2))
    assert (made.cutoffs, dict(made.sizes)) == (expected.cutoffs, dict(expected.sizes))


def test_given_cutoffs_belong_to_the_later_part(workspace):
    times = [datetime.fromtimestamp(ms / 1000, UTC) for ms in (1621867671637, 1621867671638, 1643212573029)]
    made = split_reviews(fill(workspace, times), cutoffs_ms=(1621867671638, 1643212573029))
    assert dict(made.split.sizes) == {"train": 1, "valid": 1, "test": 1}


def test_reviews_without_a_time_belong_to_train(workspace):
    make_reviewed(workspace, undated=3)
    made = split_reviews(workspace, fractions=(0.6, 0.2, 0.2))
    assert made.undated == 3
    assert {"R0", "R1", "R2"} <= set(read_part(workspace, "train").review_id)
    assert sum(made.split.sizes.values()) == len(REVIEWS)


def test_mostly_undated_reviews_are_split_by_hash(workspace):
    fill(workspace, [None] * 2000)
    made = split_reviews(workspace, seed=1)
    assert made.split.method == "review" and made.split.sizes["train"] == pytest.approx(1600, abs=60)
    parts = {part: set(read_part(workspace, part).review_id) for part in ("train", "valid", "test")}
    assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 2000
    assert split_reviews(workspace, seed=2).split.hash != made.split.hash
    with pytest.raises(SettingsError, match="have a time"):
        split_reviews(workspace, cutoffs_ms=(1, 2))


def test_parts_come_by_item_and_time(workspace):
    make_reviewed(workspace)
    rows = [
        row for batch in review_batches(workspace, split_reviews(workspace).split, "train") for row in batch.to_pylist()
    ]
    assert [row["review_id"] for row in rows] == ["R0", "R1", "R3", "R6", "R2", "R4", "R7", "R5"]


def test_a_split_of_other_reviews_is_refused(workspace):
    with pytest.raises(NotBuiltError, match=r"split_reviews.py --workspace shop"):
        current_split(workspace)
    make_reviewed(workspace)
    split_reviews(workspace)
    make_reviewed(workspace, undated=1)
    with pytest.raises(WorkspaceError, match="changed since they were split"):
        current_split(workspace)


def test_an_empty_part_is_refused(workspace):
    with pytest.raises(DataError, match="leaves test empty"):
        split_reviews(make_reviewed(workspace), cutoffs_ms=(1704240000000, 1800000000000))
    with pytest.raises(NotBuiltError):
        current_split(workspace)
