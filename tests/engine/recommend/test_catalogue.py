import pyarrow as pa
import pytest

from engine.errors import DataError
from engine.recommend.catalogue import UNKNOWN, read_catalogue
from engine.sql import Queries


def write_items(workspace, *items):
    with workspace.replace_tables("test") as writer:
        writer.write("items", pa.Table.from_pylist([{"title": "T", "category": "Shoes", **item} for item in items]))
    return read_catalogue(Queries(workspace))


def test_levels_go_from_the_root_down_and_equal_names_below_other_parents_differ(workspace):
    found = write_items(
        workspace,
        {"item_id": "b", "category_path": ["Shoes", "Other"]},
        {"item_id": "a", "category_path": ["Bags", "Other", "Small"]},
        {"item_id": "c", "category": "Toys"},
    )
    names = [[found.categories[at] for at in row if at != UNKNOWN] for row in found.levels]
    assert found.item_ids.tolist() == ["a", "b", "c"]
    assert names == [
        ["Bags", "Bags / Other", "Bags / Other / Small"],
        ["Shoes", "Shoes / Other"],
        ["Toys"],
    ]
    assert [found.categories[at] for at in found.leaves] == ["Bags / Other / Small", "Shoes / Other", "Toys"]


def test_a_path_that_repeats_a_name_is_cut_there(workspace):
    found = write_items(workspace, {"item_id": "a", "category_path": ["Shoes", "Boots", "Shoes", "Boots"]})
    assert found.categories.tolist() == ["Shoes", "Shoes / Boots"]


def test_unknown_prices_are_nan_and_unknown_availability_counts_as_available(workspace):
    found = write_items(
        workspace,
        {"item_id": "a", "price": 2.5, "available": False},
        {"item_id": "b", "price": None, "available": None},
    )
    assert found.prices[0] == 2.5 and found.prices[1] != found.prices[1]
    assert found.available.tolist() == [False, True]


def test_without_items_the_command_to_import_some_is_given(workspace):
    with pytest.raises(DataError, match=r"no items to recommend; import some: .*import_data"):
        read_catalogue(Queries(workspace))
