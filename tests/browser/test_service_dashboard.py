"""The page Service in a browser: from its address, from a number to its rows and back, and on a phone."""

import time

import pytest
from driving import CHROMEDRIVER, CHROMIUM, serve, wait_drawn, wait_for
from shop import make_shop

from engine.serve.storage import Database, Event, database_url
from tests.watched import LISTS, count

pytestmark = pytest.mark.browser

WIDE = "[...document.querySelectorAll('[data-testid=stMain]')].some(one => one.scrollWidth > one.clientWidth)"
DRAWER = "document.querySelector('[data-testid=stDialog]')"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """The address of an app over a shop whose service answered and was told events."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    shop, now = make_shop(tmp_path_factory.mktemp("home")), time.time()
    database = Database(database_url(shop.path))
    database.create()
    count(database, (3, LISTS, 200, {"ms_5": 40}), (3, "/search", 503, {"ms_100": 2}), now=now)
    seen = [Event(f"e{n}", f"U-{n}", "SK-001", "impression", int(now * 1e6), 1) for n in range(7)]
    database.add(seen)
    database.close()
    with serve(shop.path.parent) as address:
        yield address


def opened(driver, watched, room, ready):
    driver.get(f"{watched}/service?workspace=demo&{room}")
    wait_drawn(driver)
    return wait_for(driver, ready)


def test_a_number_opens_its_rows_and_closing_leads_back(driver, watched):
    opened(driver, watched, "see=traffic&window=24h", "document.querySelector('.st-key-tiles a.sw-tile')")
    driver.execute_script("document.querySelector('a.sw-tile[href*=\"rows=answers\"]').click()")
    wait_for(driver, f"{DRAWER}?.textContent.includes('2 rows')")
    driver.back()
    wait_for(driver, f"!{DRAWER} && location.search.includes('window=24h')")


@pytest.mark.parametrize(
    ("room", "place", "said"),
    [
        (f"see=traffic&part={LISTS}&rows=latency:{LISTS}", DRAWER, "1 row"),
        ("see=business&window=7d&rows=all:impression", DRAWER, "7 rows"),
        ("see=experiment", "document.querySelector('.st-key-experiment-title')", "No experiment"),
    ],
)
def test_a_room_reopens_from_its_address(driver, watched, room, place, said):
    opened(driver, watched, room, f"{place}?.textContent.includes({said!r})")


def test_no_room_is_wider_than_a_phone(driver, watched):
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for room in ("", "see=traffic", "see=business", "see=retraining"):
            opened(driver, watched, room, "document.querySelector('.st-key-trust')")
            assert driver.execute_script(f"return {WIDE}") is False, room
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
