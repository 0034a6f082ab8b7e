"""The dashboards from their addresses in a fresh browser, Back, ids that don't exist, and exports on the disk."""

import zipfile

import pandas as pd
import pytest
from driving import CHROMEDRIVER, CHROMIUM, serve, wait_drawn, wait_for, wait_until
from shop import make_shop

from engine.runs import RunStore, new_run

pytestmark = pytest.mark.browser

WIDE = "[...document.querySelectorAll('[data-testid=stMain]')].some(one => one.scrollWidth > one.clientWidth)"
QUERY = "<b>loud</b> red bag"


def rows(better):
    """Forty queries; the wanted item stands at place 3, or at 1 for every second one of the better run."""
    places = [1 if better and i % 2 else 3 for i in range(40)]
    hits = [[*(f"SK-{i:03}" for i in range(1, place)), "SK-000"] for place in places]
    queries = [QUERY if i % 4 == 0 else f"bag {i}" for i in range(40)]
    rows = {"query_id": [f"q{i:02}" for i in range(40)], "query": queries, "hits": hits}
    return pd.DataFrame({**rows, "relevant": [["SK-000"]] * 40, "hit_rank": pd.array(places, dtype="Int64")})


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The address of an app over a shop with two search runs, and the runs' ids by model."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    shop = make_shop(tmp_path_factory.mktemp("home"))
    ids = {}
    for model in ("bm25", "hybrid"):
        made = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
        ids[model] = RunStore(shop).save(made, rows(model == "hybrid")).id
    with serve(shop.path.parent) as address:
        yield address, ids


def opened(driver, measured, page, ready):
    address, ids = measured
    driver.get(f"{address}/{page.format(**ids)}")
    wait_drawn(driver)
    return wait_for(driver, ready)


def text(place):
    return f"document.querySelector('.st-key-{place}')?.textContent"


@pytest.mark.parametrize(
    ("page", "place", "said"),
    [
        ("metrics?workspace=demo&room=search&run={hybrid}&metric=mrr&part=words:2+words", "rows-title", "30 queries"),
        ("compare?workspace=demo&room=search&run={hybrid}&beside={bm25}&row=q03", "flip", "bag 3"),
        ("leaks?workspace=demo&room=search&run={bm25}&top=1&ask=below", "rows-title", "Below K: 40"),
        ("runs?workspace=demo&run={bm25}", "run-title", "Its figures"),
        ("rescue?workspace=demo", "tasks-title", "tasks"),
        ("tour?workspace=demo&see=1", "stories", "A run that looks better"),
    ],
)
def test_a_page_reopens_from_its_address(driver, measured, page, place, said):
    opened(driver, measured, page, f"{text(place)}?.includes({said!r})")


def test_a_tile_opens_its_metric_and_back_returns(driver, measured):
    opened(driver, measured, "metrics?workspace=demo&room=search", "document.querySelector('.sw-tile')")
    before = driver.execute_script(f"return {text('metric-title')}")
    driver.execute_script("window.same = true; document.querySelector('a.sw-tile[href*=\"metric=mrr\"]').click()")
    wait_for(driver, f"{text('metric-title')}.startsWith('MRR')")
    wait_drawn(driver)
    driver.back()
    wait_for(driver, f"{text('metric-title')} === {before!r} && window.same")


@pytest.mark.parametrize("page", ["metrics", "compare", "leaks", "runs"])
def test_a_run_that_does_not_exist_is_named_with_the_nearest(driver, measured, page):
    wrong = measured[1]["hybrid"][:-1] + "x"
    state = "document.querySelector('.sw-state')"
    said = opened(driver, measured, f"{page}?workspace=demo&room=search&run={wrong}", f"{state}?.textContent")
    assert wrong in said and measured[1]["hybrid"] in said
    driver.execute_script(f"{state}.querySelector('.sw-ways a').click()")
    wait_for(
        driver, f"!{state}?.textContent.includes('No such') && location.search.includes({measured[1]['hybrid']!r})"
    )


def test_rows_leave_as_files_that_hold_them_whole(driver, measured, tmp_path):
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    run = measured[1]["hybrid"]
    part = "metrics?workspace=demo&room=search&run={hybrid}&part=words:2+words"
    opened(driver, measured, part, f"{text('rows-title')}?.includes('30 queries')")
    for key, name in (("rows-export-parquet", f"{run}.parquet"), ("trec", f"{run}-trec.zip")):
        wait_for(driver, f"document.querySelector('.st-key-{key} button')").click()
        wait_until((tmp_path / name).exists, f"{name} wasn't downloaded")
    kept = pd.read_parquet(tmp_path / f"{run}.parquet")
    assert len(kept) == 30 and all(list(hits)[-1] == "SK-000" for hits in kept["hits"])
    with zipfile.ZipFile(tmp_path / f"{run}-trec.zip") as files:
        assert files.read(f"{run}.qrels").count(b"\n") == 40


def test_no_dashboard_is_wider_than_a_phone_and_hostile_queries_stay_text(driver, measured):
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for page in ("metrics?workspace=demo&room=search", "compare?workspace=demo&room=search", "rescue", "runs"):
            opened(driver, measured, page, "document.querySelector('.sw-head')")
            assert driver.execute_script(f"return {WIDE}") is False, page
        page = "leaks?workspace=demo&room=search&run={bm25}&top=1"
        opened(driver, measured, page, f"{text('rows')}?.includes({QUERY!r})")
        assert driver.execute_script("return document.querySelectorAll('.st-key-rows b').length") == 0
        assert driver.execute_script(f"return {WIDE}") is False
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
