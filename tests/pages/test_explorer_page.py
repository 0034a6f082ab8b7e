from datetime import UTC, datetime

import pyarrow as pa
import pytest
from reading import part, shown

from engine.workspace import Workspace


def test_all_skus_are_shown_a_page_at_a_time(shop, explorer):
    app = explorer()
    assert '<b class="sw-num">30</b> SKUs' in part(app, "count")
    assert part(app, "grid").count('class="sw-card"') == 24
    assert part(explorer(page="2"), "grid").count('class="sw-card"') == 6


def test_page_numbers_are_links_that_keep_the_filters(shop, explorer):
    grid = part(explorer(q="item"), "grid")
    assert 'href="./sku?workspace=demo&amp;page=2&amp;q=item"' in grid
    assert 'aria-current="page">1</a>' in grid


@pytest.mark.parametrize("page", ["99", "-1", "x", "nan", "1e9", "inf"])
def test_pages_that_do_not_exist_become_ones_that_do(shop, explorer, page):
    assert 'class="sw-card"' in part(explorer(page=page), "grid")


def test_typing_a_search_changes_the_address_and_the_grid(shop, explorer):
    app = explorer(page="2")
    app.text_input(key="at-q").input("sk-007").run()
    assert app.query_params == {"workspace": "demo", "q": "sk-007"}
    assert part(app, "grid").count('class="sw-card"') == 1
    assert "found in SKU" in part(app, "grid")


def test_an_address_fills_the_controls(shop, explorer):
    app = explorer(q="item", category="Toys", sort="dear", ask="silent")
    assert app.text_input(key="at-q").value == "item"
    assert app.selectbox(key="at-category").value == "Toys"
    assert app.selectbox(key="at-sort").value == "dear"
    assert part(app, "grid").index("SK-020") < part(app, "grid").index("SK-005")


def test_nothing_matches_has_ways_out(shop, explorer):
    app = explorer(q="<b>zzz", category="Toys")
    said = part(app, "state-empty-list")
    assert "No SKU matches “&lt;b&gt;zzz”" in said
    assert 'href="./sku?workspace=demo"' in said
    assert "everywhere" in said


def test_pictures_are_inlined_as_images_and_never_as_svg(shop, explorer):
    grid = part(explorer(q="sk-000"), "grid")
    assert 'src="data:image/svg+xml;base64,' in grid
    assert "<svg" not in grid
    assert 'alt="Item number 0"' in grid


def test_hostile_titles_and_reviews_are_text(shop, explorer):
    page = shown(explorer(sku="SK-001"))
    assert "<script" not in page and "<img src=x" not in page and "<svg" not in page
    assert "&lt;script&gt;" in page
    assert page.count('class="sw-review"') == 8


def test_a_passport_has_facts_reviews_and_the_command_for_a_tagger(shop, explorer):
    app = explorer(sku="SK-004")
    assert "<h1>Item number 4</h1>" in part(app, "passport")
    assert "out of stock" in part(app, "passport")
    assert 'href="./search?workspace=demo&amp;sku=SK-004">Who finds it' in part(app, "passport")
    assert part(app, "reviews").count('class="sw-review"') == 4
    assert app.code[0].value == ".venv/bin/train-tags --workspace demo --model linear"
    assert 'aria-current="true"' in part(app, "list")


def test_a_sku_without_reviews_says_so(shop, explorer):
    assert "Nobody has reviewed this SKU" in part(explorer(sku="SK-005"), "reviews")


def test_reviews_are_ordered_as_asked(shop, explorer):
    app = explorer(sku="SK-004")
    newest = part(app, "reviews")
    app.selectbox(key="at-order").select("oldest").run()
    assert part(app, "reviews") != newest
    assert app.query_params["order"] == "oldest"


@pytest.mark.parametrize(
    ("address", "said", "nearest"),
    [
        ({"sku": "SKU-022"}, "There is no SKU named", "sku=SK-022"),
        ({"category": "Bagz"}, "There is no category named", "category=Bags"),
        ({"ask": "silen"}, "There is no question named", "ask=silent"),
        ({"sort": "tittle"}, "There is no sort order named", "sort=title"),
        ({"tagger": "linear"}, "There is no tagger named", None),
    ],
)
def test_bad_ids_in_a_link_are_named_with_the_nearest(shop, explorer, address, said, nearest):
    page = shown(explorer(**address))
    assert said in page
    assert nearest is None or nearest in page
    if "ask" in address:
        assert "Open No reviews</a>" in page and "&#39;No reviews&#39;" in page


def test_unknown_parameters_are_ignored_and_not_passed_on(shop, explorer):
    app = explorer(evil="<script>", q="item")
    assert "evil" not in shown(app)


def test_a_workspace_without_items_names_the_import_command(home, explorer):
    Workspace.create(home / "bare")
    app = explorer(workspace="bare")
    assert app.code[0].value == ".venv/bin/python scripts/import_data.py KIND PATH --workspace bare"


def test_a_workspace_of_events_alone_still_has_an_overview(home, overview):
    workspace = Workspace.create(home / "clicks")
    event = {"user_id": "U", "item_id": "X", "event": "view", "timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
    with workspace.replace_tables("test") as writer:
        writer.write("events", pa.Table.from_pylist([event]))
    assert "<b>1</b><span>Events" in part(overview(workspace="clicks"), "tiles")


def test_reviews_are_ordered_only_by_what_they_have(shop, explorer):
    reviews = shop.read("reviews")
    sku = reviews["item_id"].value_counts().index[0]
    assert "Newest first" in explorer(sku=sku).selectbox(key="at-order").options
    with shop.replace_tables("test") as writer:
        writer.write("reviews", reviews[["review_id", "item_id", "text"]])
    assert not [box for box in explorer(sku=sku).selectbox if box.key == "at-order"]
