"""All pages with people masked: no id of anybody is readable on them, in their links or in what they export."""

import re
import shutil
import zipfile
from io import BytesIO

import pandas as pd
import pytest
from conftest import APP, run
from reading import part, shown
from streamlit.testing.v1 import AppTest

from engine.masking import MASK, open_masks
from engine.runs import RunStore
from engine.sql import Queries
from engine.workspace import Workspace, new_workspace
from pages.parts import export, links

IDS = re.compile(r"U-\d+\b")  # of the shop of two tastes and of the demo store
VIEWS = links.PAGES
ROOMS = {"recommend": "user_id", "rank": "list_id"}


@pytest.fixture(params=["shop", pytest.param("demo", marks=pytest.mark.timeout(1200))])
def store(request, home):
    """A shop with recommendations, rankings and their runs; and the demo store."""
    source = request.getfixturevalue({"shop": "ranked_home", "demo": "demo_home"}[request.param])
    shutil.copytree(source / "demo", home / "demo")
    return Workspace.open(home / "demo")


@pytest.fixture
def files(monkeypatch):
    """What the page offers to download: the name and what makes the content, by key."""
    offered = {}

    def keep(label, make, *, file_name, key, **more):
        offered[key] = (file_name, make)

    monkeypatch.setattr(export.st, "download_button", keep)
    return offered


def addresses(workspace, user):
    """Every page, and those of its views that are about people, for one of them."""
    store = RunStore(workspace)
    yield from ((page, {}) for page in VIEWS)
    yield from (("", {"rows": key}) for key in ("users", "events", "reviews", "pairs"))
    item = str(Queries(workspace).frame("SELECT item_id FROM facts ORDER BY events DESC, item_id LIMIT 1").iloc[0, 0])
    yield "sku", {"sku": item}
    yield "search", {"q": "warm boots"}
    yield from (("recommend", {"user": user, "see": see}) for see in ("", "stages", "beside", "what-if"))
    yield from (("recommend", address) for address in ({"sku": item}, {"user": user, "sku": item}, {"see": "nobody"}))
    yield "recommend", {"user": user, "see": "what-if", "diversity": "0.5", "rows": "cost:recall@20"}
    yield "recommend", {"user": f"{user}x"}
    yield from (("rank", {"see": see}) for see in ("weights", "features", "decision", "tuning"))
    yield from (("rank", {"rows": rows}) for rows in ("lists", "wanted", "lost", "ranker:ensemble", "train"))
    yield "rank", {"see": "weights", "weights": "lightgbm:1|xgboost:0"}
    yield "rank", {"see": "decision", "list": f"test {user}x"}
    for kind, name in ROOMS.items():
        yield "", {"rows": f"run:{store.list(kind)[0].id}"}
        yield from ((page, {"room": kind}) for page in ("metrics", "compare", "leaks"))
        row = store.rows(store.list(kind)[0].id, columns=[name])[name].iloc[0]
        yield "compare", {"room": kind, "row": row}
        yield "compare", {"room": kind, "row": f"{row}x"}
        if kind == "rank":
            yield from (("rank", {"see": "decision", "list": row}), ("rank", {"see": "decision", "user": user}))


def told(app, files):
    """All that stands on a page, in its address and in what it exports, as text."""
    texts = [str(app.query_params), shown(app)]
    texts += [_text(element.proto.SerializeToString()) for element in _elements(app._tree)]
    for name, make in files.values():
        texts += [name, *_contents(name, make())]
    return "\n".join(texts)


def _elements(node):
    for child in node.children.values():
        if hasattr(child, "children"):
            yield from _elements(child)
        if getattr(child, "proto", None) is not None:
            yield child


def _text(data):
    return data.decode("utf-8", "replace")


def _contents(name, data):
    if name.endswith(".zip"):
        with zipfile.ZipFile(BytesIO(data)) as files:
            return [_text(files.read(one)) for one in files.namelist()]
    if name.endswith(".parquet"):
        return [pd.read_parquet(BytesIO(data)).to_csv()]
    return [] if name.endswith((".html", ".png")) else [_text(data)]


def walked(places, files, **address):
    """What each place tells, all opened in one session."""
    app, found = AppTest.from_file(str(APP), default_timeout=30).run(), {}
    for page, parameters in places:
        files.clear()
        app.switch_page(VIEWS[page])
        app.query_params.clear()
        for name, value in {"workspace": "demo", **parameters, **address}.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        found[page, *parameters.items()] = told(app, files)
    return found


def test_nobody_is_named_on_a_masked_page_or_in_what_leaves_it(store, files):
    known = open_masks(Queries(store)).known
    user = min(user for user in known if IDS.fullmatch(user))
    places = list(addresses(store, user))
    masked = walked(places, files, mask="1")
    assert {place: set(IDS.findall(text)) & known for place, text in masked.items()} == {
        place: set() for place in masked
    }
    about = [(page, dict(parameters)) for (page, *parameters), text in masked.items() if MASK.search(text)]
    assert len(about) > 20, "the pages about people must tell of them by masks"
    plain = walked(about[:: max(len(about) // 8, 1)], files)
    silent = [place for place, text in plain.items() if not set(IDS.findall(text)) & known]
    assert not silent, "unmasked, these pages name people"


def test_a_masked_link_opens_the_same_person_and_the_switch_gives_the_ids_back(ranked_home, home):
    shutil.copytree(ranked_home / "demo", home / "demo")
    mask = open_masks(Queries(Workspace.open(home / "demo"))).person("U-04")
    app = run(VIEWS["recommend"], {"user": mask, "mask": "1"})
    assert f"{mask} · " in part(app, "portrait") and "mostly Shoes" in part(app, "portrait")
    assert app.text_input(key="at-user").value == mask
    assert f"user={mask}" in shown(app) and "mask=1" in shown(app)
    app.toggle(key="mask-people").set_value(False).run()
    assert "U-04 · " in part(app, "portrait") and "U-04" in app.query_params["user"]
    app.toggle(key="mask-people").set_value(True).run()
    assert mask in app.query_params["user"] and "U-04" not in shown(app)
    app.text_input(key="at-user").set_value("U-05").run()
    assert "U-05" not in app.query_params["user"] and "mostly Bags" in part(app, "portrait")


def test_the_authors_of_reviews_are_masked(home):
    workspace = new_workspace(home, "demo")
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["bag"], "title": ["bag"], "category": ["Bags"]}))
        review = {"review_id": "r", "item_id": "bag", "user_id": "Ann Lee", "text": "It holds."}
        writer.write("reviews", pd.DataFrame([review]))
    assert "Ann Lee" in shown(run(VIEWS["sku"], {"sku": "bag"}))
    app = run(VIEWS["sku"], {"sku": "bag", "mask": "1"})
    assert "Ann Lee" not in shown(app) and "It holds." in shown(app)
