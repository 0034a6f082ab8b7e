import json
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from reading import part, shown
from shop import make_shop

from engine.errors import counted
from engine.workspace import Workspace


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.append(dict(attrs)["href"])


def links_in(app):
    parser = _Links()
    parser.feed(shown(app))
    return parser.found


def test_the_counts_are_shown_and_missing_tables_are_not_zeros(shop, overview):
    app = overview()
    assert "<b>30</b><span>SKUs</span>" in part(app, "tiles")
    assert "<b>–</b><span>Judged queries</span>" in part(app, "tiles")
    assert app.query_params["workspace"] == "demo"


def test_every_number_is_a_link_to_as_many_rows(shop, overview):
    keys = {dict(parse_qsl(urlsplit(link).query)).get("rows") for link in links_in(overview())} - {None}
    assert len(keys) > 25
    for key in sorted(keys)[::6]:
        app = overview(rows=key)
        said = part(app, "rows-title")
        assert counted(len(app.dataframe[0].value), "row") in said


def test_what_is_not_built_comes_with_its_command(shop, overview):
    built = part(overview(), "built")
    assert "<code>.venv/bin/train-tags --workspace demo --model linear</code>" in built
    assert "<code>.venv/bin/python scripts/prepare_demo.py</code>" in built
    assert "30 rows" in built


def test_no_workspace_at_all_names_the_command(home, overview):
    app = overview()
    assert "Not built yet" in shown(app)
    assert app.code[0].value == ".venv/bin/python scripts/prepare_demo.py"


def test_an_empty_workspace_names_the_import_command(home, overview):
    Workspace.create(home / "bare")
    app = overview(workspace="bare")
    assert app.code[0].value == ".venv/bin/python scripts/import_data.py KIND PATH --workspace bare"


def test_an_unknown_workspace_is_named_with_a_link_to_the_nearest(shop, overview):
    app = overview(workspace="demos")
    assert "There is no workspace named &#39;demos&#39;" in shown(app)
    assert "./?workspace=demo" in links_in(app)
    assert app.selectbox(key="at-workspace").value is None


def test_a_workspace_name_cannot_leave_the_home(shop, overview):
    assert "There is no workspace named" in shown(overview(workspace="../demo"))


def test_corrupt_and_newer_workspaces_are_named(shop, overview):
    file = shop.path / "workspace.json"
    good = json.loads(file.read_text())
    file.write_text("{")
    assert "workspace.json is corrupt" in shown(overview())
    file.write_text(json.dumps({**good, "format": 99}))
    assert "made by a newer Shelfwise (format 99" in shown(overview())


def test_a_damaged_table_fails_with_its_reason_and_a_way_to_try_again(shop, overview):
    (shop.path / "tables" / "reviews.parquet").write_bytes(b"nothing")
    app = overview()
    assert "can&#39;t be read" in shown(app) and "Try again" in shown(app)


def test_an_error_nobody_foresaw_gets_a_calm_frame_and_a_log(shop, overview, monkeypatch, caplog):
    def broken(queries):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("engine.overview.summarise", broken)
    app = overview()
    assert "wasn&#39;t prepared for" in shown(app)
    assert "secret detail" not in shown(app)
    assert "secret detail" in caplog.text


def test_an_unknown_number_is_named_with_the_nearest(shop, overview):
    app = overview(rows="reviewz")
    assert "There is no figure named" in shown(app)
    assert "./?workspace=demo&rows=reviews" in links_in(app)


def test_new_tables_are_seen_without_a_restart(shop, overview):
    assert "<b>30</b><span>SKUs" in part(overview(), "tiles")
    make_shop(shop.path.parent, items=7)
    assert "<b>7</b><span>SKUs" in part(overview(), "tiles")


def test_the_picker_starts_the_other_workspace_without_old_filters(shop, overview):
    make_shop(shop.path.parent, "second", items=3)
    app = overview(rows="reviews")
    app.selectbox(key="at-workspace").select("second").run()
    assert app.query_params == {"workspace": "second"}
    assert "<b>3</b><span>SKUs" in part(app, "tiles")


def test_what_is_not_in_the_data_is_a_dash_and_not_a_zero(workspace, items, overview):
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    table = part(overview(workspace="shop"), "categories")
    assert table.count(">–<") == 2 * 5  # all but the number of SKUs, in two categories
    assert "2 SKUs in 2 categories" in part(overview(workspace="shop"), "title")
