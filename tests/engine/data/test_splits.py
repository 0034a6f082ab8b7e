"""Splits: their properties on any input, their errors, and what is read back."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.splits import (
    PARTS,
    leaked_rows,
    load_split,
    save_split,
    split_by_item,
    split_by_time,
    split_by_user,
)
from engine.errors import DataError, SettingsError, UnknownNameError, WorkspaceError
from engine.workspace import Workspace

ids = st.sets(st.text(alphabet=st.characters(codec="utf-8"), max_size=6), min_size=10, max_size=60)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def times(*values):
    return pd.Series(pd.to_datetime(list(values), utc=True, format="ISO8601"))


def days(n):
    return pd.Series(pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC"))


@quick
@given(ids=ids, seed=st.integers(0, 2**63), order=st.randoms(use_true_random=False))
def test_a_split_by_id_is_a_partition_that_depends_on_seed_and_ids_alone(ids, seed, order):
    shuffled = sorted(ids) * 2
    order.shuffle(shuffled)
    split, again = split_by_item(sorted(ids), seed=seed), split_by_item(shuffled, seed=seed)
    assert sorted(np.concatenate([split.parts[part] for part in PARTS])) == sorted(ids)
    assert split.sizes == {part: len(split.parts[part]) for part in PARTS}
    assert abs(split.sizes["train"] - 0.8 * len(ids)) <= 1
    assert abs(split.sizes["valid"] - 0.1 * len(ids)) <= 1
    assert split.hash == again.hash
    assert all((split.parts[part] == again.parts[part]).all() for part in PARTS)


@quick
@given(
    stamps=st.lists(st.integers(0, 50), min_size=10, max_size=80),
    order=st.randoms(use_true_random=False),
)
def test_a_split_by_time_has_no_row_of_train_at_or_after_a_later_part(stamps, order):
    moments = pd.Series(pd.to_datetime(stamps, unit="h", utc=True))
    try:
        split = split_by_time(moments)
    except DataError:
        assert len(set(stamps)) < len(stamps)  # ties at a cut-off can empty a part, distinct times can't
        return
    parts = split.part_of(moments)
    assert moments[parts == "train"].max() < moments[parts == "valid"].min()
    assert moments[parts == "valid"].max() < moments[parts == "test"].min()
    assert {part: int((parts == part).sum()) for part in PARTS} == split.sizes
    order.shuffle(stamps)
    assert split_by_time(pd.Series(pd.to_datetime(stamps, unit="h", utc=True))).hash == split.hash


def test_another_seed_another_method_or_another_item_gives_another_hash():
    items = [f"i{n}" for n in range(50)]
    hashes = [
        split_by_item(items, seed=1).hash,
        split_by_item(items, seed=2).hash,
        split_by_user(items, seed=1).hash,
        split_by_item(items[:-1], seed=1).hash,
        split_by_item(items, seed=1, fractions=(0.7, 0.2, 0.1)).hash,
    ]
    assert len(set(hashes)) == len(hashes)


def test_the_assignment_is_the_same_on_every_machine():
    split = split_by_item([str(n) for n in range(20)], seed=7)
    assert split.parts["test"].tolist() == ["3", "8"]
    assert split.hash == "e2113940c4368476"


def test_adding_an_item_moves_few_others():
    before = split_by_item([f"i{n}" for n in range(1000)], seed=3)
    after = split_by_item([f"i{n}" for n in range(1001)], seed=3)
    moved = set(before.parts["train"]) - set(after.parts["train"])
    assert len(moved) <= 1


def test_time_shares_follow_rows_and_the_cut_off_belongs_to_the_later_part():
    split = split_by_time(days(10))
    assert split.sizes == {"train": 8, "valid": 1, "test": 1}
    assert split.cutoffs == (datetime(2024, 1, 9, tzinfo=UTC), datetime(2024, 1, 10, tzinfo=UTC))
    assert split.part_of(times("2024-01-08 23:59:59.999999", "2024-01-09")).tolist() == ["train", "valid"]


def test_ties_at_a_cut_off_all_go_to_the_later_part():
    moments = times(*["2024-01-01"] * 7, *["2024-01-02"] * 2, "2024-01-03")
    assert split_by_time(moments).sizes == {"train": 7, "valid": 2, "test": 1}


def test_cut_offs_in_milliseconds():
    first, second = 1621867671638, 1643212573029
    moments = pd.Series(pd.to_datetime([first - 1, first, second - 1, second, second + 1], unit="ms", utc=True))
    split = split_by_time(moments, cutoffs_ms=(first, second))
    assert split.part_of(moments).tolist() == ["train", "valid", "valid", "test", "test"]
    assert split.fractions == ()
    assert split.cutoffs[0] == datetime(2021, 5, 24, 14, 47, 51, 638000, tzinfo=UTC)


def test_naive_times_and_other_units_and_zones_are_the_same_moments():
    naive = pd.Series(pd.date_range("2024-01-01", periods=10, freq="D"))
    assert split_by_time(naive.astype("datetime64[ns]")).hash == split_by_time(days(10)).hash
    assert split_by_time(days(10).dt.tz_convert("Asia/Tokyo")).hash == split_by_time(days(10)).hash


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.1, 0.2), (0.8, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)]
)
def test_shares_that_are_no_shares_are_refused(fractions):
    for split in (
        lambda: split_by_item("abcdefghij", seed=1, fractions=fractions),
        lambda: split_by_time(days(10), fractions=fractions),
    ):
        with pytest.raises(SettingsError, match="three positive numbers with sum 1"):
            split()


@pytest.mark.parametrize("cutoffs", [(5, 5), (6, 5), (5,), (1, 2, 3)])
def test_cut_offs_out_of_order_are_refused(cutoffs):
    with pytest.raises(SettingsError, match="the earlier one first"):
        split_by_time(days(10), cutoffs_ms=cutoffs)


def test_cut_offs_outside_the_calendar_are_refused():
    with pytest.raises(SettingsError, match="outside the calendar"):
        split_by_time(days(10), cutoffs_ms=(0, 10**18))


def test_a_cut_off_that_leaves_a_part_empty_says_which_and_the_range_of_times():
    with pytest.raises(DataError, match=r"leaves train and valid empty.*2024-01-01 00:00:00 to 2024-01-10 00:00:00"):
        split_by_time(days(10), cutoffs_ms=(0, 1))


def test_rows_of_one_moment_or_no_rows_at_all_cannot_be_split():
    with pytest.raises(DataError, match="leaves train and valid empty"):
        split_by_time(times(*["2024-01-01"] * 10))
    with pytest.raises(DataError, match="no rows to split"):
        split_by_time(times())
    with pytest.raises(DataError, match="leaves test empty: 3 items are too few"):
        split_by_item(["a", "b", "c"], seed=1)


def test_missing_times_are_counted():
    with pytest.raises(DataError, match="1 of 3 rows have no time"):
        split_by_time(times("2024-01-01", None, "2024-01-02"))


def test_select_and_part_of():
    frame = pd.DataFrame({"item_id": [f"i{n}" for n in range(10)] * 2, "n": range(20)})
    split = split_by_item(frame["item_id"], seed=5)
    chosen = pd.concat([split.select(frame, part) for part in PARTS])
    assert sorted(chosen["n"]) == list(range(20))
    assert set(split.select(frame, "test")["item_id"]) == set(split.parts["test"])
    with pytest.raises(DataError, match="'new' isn't in the split by item"):
        split.part_of(pd.Series(["i1", "new"]))
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        split.select(frame, "trian")


def test_leaks_are_found():
    events = pd.DataFrame({"user_id": [f"u{n}" for n in range(10)], "timestamp": days(10)})
    by_time, by_user = split_by_time(events["timestamp"]), split_by_user(events["user_id"], seed=1)
    assert leaked_rows(by_time, by_time.select(events, "train")).empty
    assert leaked_rows(by_time, events)["user_id"].tolist() == ["u8", "u9"]
    assert leaked_rows(by_user, by_user.select(events, "train")).empty
    assert set(leaked_rows(by_user, events)["user_id"]) == {*by_user.parts["valid"], *by_user.parts["test"]}


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "shop")


def test_a_saved_split_comes_back(workspace):
    for split in (split_by_item([f"й{n}" for n in range(30)], seed=1), split_by_time(days(10))):
        loaded = load_split(workspace, save_split(workspace, split))
        assert loaded == split
        assert loaded.hash == split.hash
        assert {part: ids.tolist() for part, ids in loaded.parts.items()} == {
            part: ids.tolist() for part, ids in split.parts.items()
        }


def test_an_unknown_split_is_named(workspace):
    with pytest.raises(UnknownNameError, match=r"no split named '\.\./x'"):
        load_split(workspace, "../x")


@pytest.mark.parametrize("by_time", [False, True])
def test_a_changed_file_is_refused(workspace, by_time):
    split = split_by_time(days(10)) if by_time else split_by_item([f"i{n}" for n in range(30)], seed=1)
    file = workspace.path / "splits" / f"{save_split(workspace, split)}.json"
    said = json.loads(file.read_text())
    if by_time:
        said["cutoffs"][0] = "2024-01-02T00:00:00+00:00"
    else:
        said["parts"]["train"].append(said["parts"]["test"].pop())
    file.write_text(json.dumps(said))
    with pytest.raises(WorkspaceError, match="was changed"):
        load_split(workspace, split.hash)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method": "item", "parts": 3}'])
def test_a_corrupt_file_is_refused(workspace, text):
    name = save_split(workspace, split_by_time(days(10)))
    (workspace.path / "splits" / f"{name}.json").write_text(text)
    with pytest.raises(WorkspaceError, match=r"corrupt.*split again"):
        load_split(workspace, name)
