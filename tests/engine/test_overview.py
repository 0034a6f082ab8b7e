import pandas as pd
import pytest
from shop import HOSTILE, make_shop

from engine import overview
from engine.errors import UnknownNameError, WorkspaceError
from engine.sql import Queries
from engine.workspace import Workspace


@pytest.fixture
def shop(home):
    return make_shop(home)


@pytest.fixture
def queries(shop):
    return Queries(shop)


def figures(summary):
    bars = [bar for breakdown in summary.breakdowns.values() for bar in breakdown.bars]
    return [*summary.counts, *summary.coverage, summary.pairs, *bars]


def test_figures_are_those_that_the_shop_was_made_with(queries):
    summary = overview.summarise(queries)
    # 30 SKUs; i % 5 reviews each makes 6 * (0+1+2+3+4) = 60, and SKU 1 has the hostile ones instead of one
    assert {f.key: f.value for f in summary.counts} == {
        "skus": 30,
        "reviews": 59 + len(HOSTILE),
        "users": 2,
        "events": 60,
        "tags": 2,
        "queries": 0,
    }
    covered = {f.key: f.value for f in summary.coverage}
    assert covered["with:reviews"] == 24
    assert covered["with:picture"] == 10
    assert covered["with:stock"] == 22
    assert covered["with:description"] == 0
    assert (summary.pairs.value, summary.pairs.of) == (60, 60)
    assert summary.tail == (9, 1)


def test_every_figure_is_the_number_of_rows_that_it_opens_to(queries):
    for figure in figures(overview.summarise(queries)):
        rows = overview.open_rows(queries, figure.key)
        assert len(rows) == figure.value == overview.count_rows(queries, figure.key), figure.key


def test_the_rows_without_something_are_all_the_others(queries):
    for figure in overview.summarise(queries).coverage:
        missing = overview.open_rows(queries, figure.key.replace("with:", "without:"))
        assert len(missing) == figure.of - figure.value


def test_the_parts_of_a_breakdown_add_up_to_the_whole(queries):
    summary = overview.summarise(queries)
    whole = {f.key: f.value for f in summary.counts}
    for key, count in (
        ("depth", "skus"),
        ("ratings", "reviews"),
        ("mix", "events"),
        ("tail", "tags"),
        ("category", "skus"),
    ):
        assert sum(bar.value for bar in summary.breakdowns[key].bars) == whole[count]
    assert [bar.label for bar in summary.breakdowns["depth"].bars] == ["0", "1–3", "4–7", "8–15"]


def test_the_category_table_agrees_with_the_rows_of_its_categories(queries):
    table = overview.summarise(queries).categories.set_index("category")
    assert table["skus"].sum() == 30
    for name in table.index:
        rows = overview.open_rows(queries, f"category:{name}")
        assert rows["reviews"].sum() == table.loc[name, "reviews"]
        assert (rows["reviews"] == 0).sum() == table.loc[name, "silent"]
        assert rows["reviews"].mean() == pytest.approx(table.loc[name, "per_sku"])
        reviews = overview.open_rows(queries, f"reviews-of:{name}")
        assert len(reviews) == overview.count_rows(queries, f"reviews-of:{name}") == table.loc[name, "reviews"]
        assert reviews["rating"].mean() == pytest.approx(table.loc[name, "rating"])
        tagged = overview.open_rows(queries, f"tagged-of:{name}")
        assert len(tagged) == table.loc[name, "tagged"] and (tagged["tags"] > 0).all()


def test_stars_of_a_category_are_the_mean_of_its_rated_reviews(workspace, items):
    rows = [("r1", "007", 5.0), ("r2", "007", None), ("r3", "007", None), ("r4", "1e5", 2.0)]
    reviews = pd.DataFrame(rows, columns=["review_id", "item_id", "rating"]).assign(text="ok")
    with workspace.replace_tables("test") as writer:
        writer.write("items", items.assign(category="Bags"))
        writer.write("reviews", reviews)
    assert overview.summarise(Queries(workspace)).categories["rating"].tolist() == [3.5]


def test_a_part_is_called_the_same_on_its_bar_and_above_its_rows():
    assert overview.rows_query("ratings:1 stars")[0] == "Stars: 1 star"


def test_a_limit_cuts_the_rows_and_not_the_count(queries):
    assert len(overview.open_rows(queries, "reviews", limit=5)) == 5
    assert overview.count_rows(queries, "reviews") == 59 + len(HOSTILE)


@pytest.mark.parametrize("key", ["reviewz", "with:reviewz", "", "depth", "x'; DROP TABLE facts; --"])
def test_an_unknown_figure_is_named(queries, key):
    with pytest.raises(UnknownNameError, match="no figure named"):
        overview.open_rows(queries, key)


def test_a_part_that_does_not_exist_has_no_rows(queries):
    assert overview.open_rows(queries, "depth:' OR 1=1 --").empty


def test_tables_that_are_not_stored_make_figures_that_are_not_ready(home, items):
    workspace = Workspace.create(home / "bare")
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    summary = overview.summarise(Queries(workspace))
    assert {f.key: f.ready for f in summary.counts}["skus"]
    assert not any(f.ready for f in summary.counts if f.key != "skus")
    assert not summary.breakdowns["mix"].ready
    assert not summary.pairs.ready


def test_a_damaged_table_is_named_with_the_command_that_mends_it(shop):
    shop.table_path("reviews").write_bytes(b"PAR1 not a table PAR1")
    with pytest.raises(WorkspaceError, match=r"tables can't be read .*; import it again"):
        Queries(shop)
