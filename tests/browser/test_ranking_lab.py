"""The ranking lab as a person meets it: rows that open decisions, sliders by key, why above, Back, both themes."""

import pytest
from driving import CHROMEDRIVER, CHROMIUM, serve, wait_drawn, wait_for
from selenium.webdriver import Keys
from test_app import CONTRAST
from test_recommending import WIDE, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(ranked_home):
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    with serve(ranked_home) as address:
        yield f"{address}/rank?workspace=demo"


def test_a_figure_leads_to_its_lists_a_list_to_its_decision_and_back_returns(driver, lab):
    opened(driver, lab, "document.querySelector('.sw-figures')")
    driver.execute_script("window.same = true")
    driver.find_element("css selector", ".sw-figures a[href*='ranker%3Aensemble']").click()
    assert "Ensemble, list by list" in wait_for(driver, "document.querySelector('.st-key-rows-title h2')?.textContent")
    driver.get(f"{lab}&see=decision&ask=better")
    wait_drawn(driver)
    driver.find_element("css selector", ".st-key-lists a").click()
    wait_for(driver, "location.search.includes('list=') && document.querySelector('.sw-rec')")
    wait_drawn(driver)
    driver.find_element("css selector", ".sw-rec").click()
    wait_for(driver, "location.search.includes('sku=') && document.querySelector('.sw-lean')")
    wait_drawn(driver)
    driver.back()
    wait_for(driver, "!location.search.includes('sku=') && document.querySelector('.sw-time')")


def test_a_slider_moved_by_key_says_what_it_would_cost(driver, lab):
    opened(driver, f"{lab}&see=weights", "document.querySelector('input[type=range]')")
    driver.find_element("css selector", ".st-key-weight-lightgbm input[type=range]").send_keys(Keys.HOME)
    wait_for(driver, "location.search.includes('weights=lightgbm%3A0')")
    assert "NDCG@5" in wait_for(driver, "document.querySelector('.sw-cost')?.textContent")


def test_picking_another_candidate_asks_why_it_is_below(driver, lab):
    opened(driver, f"{lab}&see=decision&user=U-00", "document.querySelector('.sw-rec')")
    driver.find_element("css selector", ".sw-rec").click()
    wait_for(driver, "document.querySelector('.st-key-at-above input')")
    wait_drawn(driver)
    field = driver.find_element("css selector", ".st-key-at-above input")
    field.send_keys("#3")
    wait_for(driver, "document.querySelector('[role=option]')")
    field.send_keys(Keys.ENTER)
    said = wait_for(driver, "document.querySelector('.sw-verdict')?.textContent")
    assert "(#1) is above" in said and "(#3)" in said


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_wider_than_the_screen(driver, lab, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    tried = "&see=weights&weights=lightgbm:0|xgboost:1"
    user = "&see=decision&user=U-00"
    for view in ("", tried, "&see=features", "&see=decision", user, f"{user}&sku=shoe-01", "&see=tuning"):
        opened(driver, lab + view, "document.querySelector('.sw-head')")
        wait_drawn(driver)
        assert driver.execute_script(f"return {WIDE}") is False, view
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_both_themes_keep_figures_readable(driver, lab):
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        opened(driver, lab, "document.querySelector('.sw-figures')")
        for place in (".sw-figures a", ".sw-figures small", ".sw-figures b", ".sw-verdict span", ".sw-bar .sw-num"):
            assert driver.execute_script(CONTRAST, place) >= 4.5, f"{place} in {theme}"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
