from datetime import UTC, datetime

import pyarrow as pa
import pytest

from engine.errors import DataError
from engine.recommend.catalogue import UNKNOWN, read_catalogue
from engine.sql import Queries
from engine.workspace import Workspace


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


def day(n):
    return datetime(2024, 3, n, tzinfo=UTC)


def logged(workspace, *rows):
    """The log of properties, of (item, day, property, value) rows."""
    names = ("item_id", "timestamp", "property", "value")
    with workspace.replace_tables("test") as writer:
        rows = [dict(zip(names, (item, day(n), *rest), strict=True)) for item, n, *rest in rows]
        writer.write("properties", pa.Table.from_pylist(rows))
    return Queries(Workspace.open(workspace.path))


def test_categories_and_availability_are_those_from_before_a_moment_where_the_log_tells(workspace):
    items = [{"item_id": item, "category_path": ["Shoes", "Boots"], "available": True} for item in "abcd"]
    now = write_items(workspace, *items)
    queries = logged(
        workspace,
        ("a", 1, "category", "Bags / Small"),
        ("a", 9, "category", "Shoes / Boots"),
        ("a", 2, "available", "0"),
        ("a", 1, "available", "1"),
        ("b", 3, "available", "1"),
        ("b", 5, "available", "0"),  # at the moment itself, so not before it
        ("c", 8, "category", "Shoes / Boots"),  # not there yet
        ("c", 8, "available", "0"),
        ("not in the catalogue", 1, "available", "0"),
        ("d", 1, "colour", "red"),
    )
    then = read_catalogue(queries, as_of=day(5))
    assert then.categories[then.leaves].tolist() == ["Bags / Small", "Shoes / Boots", "Uncategorised", "Shoes / Boots"]
    assert then.available.tolist() == [False, True, True, True]
    assert then.as_of == day(5) and then.item_ids.tolist() == now.item_ids.tolist()
    assert read_catalogue(queries).as_of is None and read_catalogue(queries).available.all()
    assert read_catalogue(queries, as_of=day(10)).available.tolist() == [False, False, False, True]


def test_without_a_log_items_are_as_now_at_any_moment(workspace):
    write_items(workspace, {"item_id": "a", "available": False})
    then = read_catalogue(Queries(workspace), as_of=day(1))
    assert then.as_of is None and then.available.tolist() == [False]


def test_without_items_the_command_to_import_some_is_given(workspace):
    with pytest.raises(DataError, match=r"no items to recommend; import some: .*import_data"):
        read_catalogue(Queries(workspace))
