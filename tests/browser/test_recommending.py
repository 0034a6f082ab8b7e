"""Recommendations as a person meets them: presets, why, what if with sliders and events, Back, both themes."""

from functools import partial

import pytest
from driving import CHROMEDRIVER, CHROMIUM, serve, wait_drawn, wait_for, wait_until
from selenium.webdriver import Keys
from test_app import CONTRAST

from tests.recommended import SHOES, build

pytestmark = pytest.mark.browser

CARDS = "[...document.querySelectorAll('.sw-rec')].map(one => one.id.replace('rec-', ''))"
ROWS = "[...document.querySelectorAll('.st-key-list-B [id^=b-]')].map(one => one.id.replace('b-', ''))"
WIDE = "[...document.querySelectorAll('[data-testid=stMain]')].some(one => one.scrollWidth > one.clientWidth)"


@pytest.fixture(scope="module")
def recommending(tmp_path_factory):
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    home = tmp_path_factory.mktemp("home")
    build(home)
    with serve(home) as address:
        yield f"{address}/recommend?workspace=demo"


def opened(driver, address, ready):
    driver.get(address)
    wait_drawn(driver)
    return wait_for(driver, ready)


def test_a_preset_leads_to_a_user_a_card_to_its_reasons_and_back_returns(driver, recommending):
    opened(driver, recommending, "document.querySelector('.sw-presets a')")
    driver.execute_script("window.same = true")
    driver.find_element("css selector", ".sw-presets a").click()
    cards = wait_for(driver, f"location.search.includes('user=') && ({CARDS}).length && {CARDS}")
    wait_drawn(driver)
    driver.find_element("css selector", f"#rec-{cards[1]}").click()
    assert "place 2" in wait_for(driver, "document.querySelector('.sw-verdict h3')?.textContent")
    assert driver.execute_script("return window.same") is True
    wait_drawn(driver)
    driver.back()
    wait_for(driver, "!document.querySelector('.sw-verdict') && document.querySelector('.sw-time')")


def test_typing_an_id_and_a_sku_ask_for_them(driver, recommending):
    opened(driver, recommending, "document.querySelector('input[placeholder=\"User id\"]')")
    driver.find_element("css selector", 'input[placeholder="User id"]').send_keys("U-04", Keys.ENTER)
    wait_for(driver, f"location.search.includes('user=U-04') && ({CARDS}).length")
    wait_drawn(driver)
    field = driver.find_element("css selector", ".st-key-at-sku input")
    field.send_keys("new-bag", Keys.ENTER)
    said = wait_for(driver, "document.querySelector('.sw-verdict')?.textContent")
    assert "not trained" in said and driver.execute_script("return location.search").endswith("sku=new-bag")


def test_an_event_is_added_and_the_list_follows(driver, recommending):
    opened(driver, f"{recommending}&user=new+visitor&see=what-if", f"({ROWS}).length")
    before = driver.execute_script(f"return {ROWS}")
    field = driver.find_element("css selector", ".st-key-whatif-item input")
    field.send_keys(SHOES[3])
    wait_for(driver, "document.querySelector('[role=option]')")
    field.send_keys(Keys.ENTER)
    wait_drawn(driver)
    driver.find_element("xpath", "//button[.//*[text()='Add']]").click()
    wait_for(driver, "location.search.includes('add=')")
    wait_for(driver, f"JSON.stringify({ROWS}) !== JSON.stringify({before!r})")
    wait_for(driver, "document.querySelector('.sw-portrait h2').textContent.includes('mostly Shoes')")


def test_a_slider_moved_by_key_says_what_it_would_cost(driver, recommending):
    opened(driver, f"{recommending}&user=U-01&see=what-if", f"({ROWS}).length")
    driver.find_element("css selector", ".st-key-at-diversity input[type=range]").send_keys(Keys.END)
    wait_for(driver, "location.search.includes('diversity=0.9')")
    assert "Recall@20" in wait_for(driver, "document.querySelector('.sw-cost')?.textContent")


@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_wider_than_the_screen(driver, recommending, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    user = "&user=U-01"
    for view in ("", user, f"{user}&sku=new-bag", f"{user}&see=stages", f"{user}&see=beside", "&see=nobody"):
        opened(driver, recommending + view, "document.querySelector('.sw-head')")
        wait_drawn(driver)
        fits = partial(driver.execute_script, f"return !({WIDE})")  # a table takes its width a moment after it is drawn
        wait_until(fits, f"wider than the screen: {view}", seconds=5)
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_both_themes_keep_reasons_readable(driver, recommending):
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        opened(driver, f"{recommending}&user=U-01", f"({CARDS}).length")
        for place in (".sw-rec strong", ".sw-because", ".sw-rec .sw-meta", ".sw-rec .sw-chip", ".sw-facts dt"):
            assert driver.execute_script(CONTRAST, place) >= 4.5, f"{place} in {theme}"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
