"""The buttons that save charts drawn as markup: each gives a picture of the numbers that the page shows."""

import shutil

import pytest
from conftest import run

from engine.runs import RunStore
from engine.workspace import Workspace
from pages.parts import export, links


@pytest.fixture
def pictures(monkeypatch, ranked_home, home):
    """Open a page; what its picture buttons give, by the file's name."""
    shutil.copytree(ranked_home / "demo", home / "demo")

    def opened(page, **address):
        offered = {}

        def keep(label, make, *, file_name, **more):
            if label.startswith("Chart as"):
                offered[file_name] = make

        with monkeypatch.context() as patch:
            patch.setattr(export.st, "download_button", keep)
            run(links.PAGES[page] if page else None, {"workspace": "demo", **address})
        return offered

    return opened


def run_of_ranking(home):
    return RunStore(Workspace.open(home / "demo")).list("rank")[0]


def test_every_chart_of_the_pages_has_its_picture(pictures, home):
    run_id = RunStore(Workspace.open(home / "demo")).list("recommend")[0].id
    found = pictures("")
    assert {"demo-coverage.png", "demo-mix.png"} <= set(found)
    found |= pictures("metrics", room="recommend", run=run_id, metric="recall@20")
    assert {f"{run_id}-recall-20-histogram.png", f"{run_id}-recall-20-slices.png", "curve-recall.html"} <= set(found)
    found |= pictures("leaks", room="recommend", run=run_id)
    found |= {**pictures("rank"), **pictures("rank", see="features")}
    rows = RunStore(Workspace.open(home / "demo")).rows(run_of_ranking(home).id, columns=["list_id", "hits"])
    listed = {"see": "decision", "list": rows["list_id"].iloc[0], "sku": rows["hits"].iloc[0][0]}
    why = pictures("rank", **listed)
    assert why[f"demo-why-{listed['sku']}.png"]()[:4] == b"\x89PNG"
    assert {f"{run_id}-leaks-10.html", "demo-ensemble-chances.png", "demo-importance.png"} <= set(found)
    for name in (f"{run_id}-recall-20-slices.png", f"{run_id}-leaks-10.png", "demo-ensemble-chances.png"):
        assert found[name]()[:4] == b"\x89PNG", name


def test_a_saved_chart_says_of_what_it_is(pictures, home):
    run = RunStore(Workspace.open(home / "demo")).list("recommend")[0]
    page = pictures("leaks", room="recommend", run=run.id)[f"{run.id}-leaks-10.html"]().decode()
    assert f"run {run.id}" in page and f"data {run.data_hash[:12]}" in page and "Below K" in page
    page = pictures("metrics", room="recommend", run=run.id, metric="recall@20")["curve-recall.html"]().decode()
    assert f"run {run.id}" in page and "Recall@k at each cut-off" in page
