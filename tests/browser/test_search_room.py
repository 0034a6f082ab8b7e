"""Searching as a person does it: typing with suggestions, opening hits, judging by key, Back, both themes."""

import pytest
from driving import CHROMEDRIVER, CHROMIUM, serve, wait_drawn, wait_for, wait_until
from selenium.webdriver import ActionChains, Keys
from shop import make_shop
from test_app import CONTRAST

from engine.judging import Judging
from tests.searched import build

pytestmark = pytest.mark.browser

BOX = ".sw-query input"
OPTIONS = "[...document.querySelectorAll('.sw-query li span')].map(one => one.textContent)"
HITS = "[...document.querySelectorAll('.sw-hit')].map(one => one.id.replace('hit-', ''))"
WIDE = "[...document.querySelectorAll('[data-testid=stMain]')].some(one => one.scrollWidth > one.clientWidth)"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    shop = make_shop(tmp_path_factory.mktemp("home"))
    build(shop, trained=False)
    return shop


@pytest.fixture(scope="module")
def searching(store):
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    with serve(store.path.parent) as address:
        yield f"{address}/search?workspace=demo"


def opened(driver, address):
    driver.get(address)
    wait_drawn(driver)
    return wait_for(driver, f"document.querySelector('{BOX}')")


def found(driver, url_part):
    """The hits, once the address holds `url_part`."""
    wait_for(driver, f"location.search.includes({url_part!r})")
    hits = wait_for(driver, f"({HITS}).length && {HITS}")
    wait_drawn(driver)
    return hits


def test_suggestions_come_while_typing_and_are_chosen_by_key(driver, searching):
    box = opened(driver, searching)
    box.send_keys("itme num")
    assert "Item number 0" in wait_for(driver, f"({OPTIONS}).length && {OPTIONS}")
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    chosen = wait_for(driver, f"document.querySelector('{BOX}').value.startsWith('Item number') && {HITS}[0]")
    assert chosen
    wait_for(driver, "document.querySelector('.sw-query ul').hidden")


def test_enter_asks_what_was_typed_and_back_returns(driver, searching):
    box = opened(driver, searching)
    box.send_keys("item number 7", Keys.ENTER)
    assert found(driver, "q=item+number+7")[0] == "SK-007"
    box = driver.find_element("css selector", BOX)
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("item number 9", Keys.ENTER)
    wait_for(driver, f"({HITS})[0] === 'SK-009'")
    driver.back()
    wait_for(driver, f"({HITS})[0] === 'SK-007' && document.querySelector('{BOX}').value === 'item number 7'")


def test_hits_are_judged_by_key_one_after_the_other_and_taken_back(driver, searching, store):
    opened(driver, f"{searching}&q=item+number&who=Ann")
    first, second, third = found(driver, "q=item")[:3]
    driver.find_element("css selector", f"#hit-{first}").click()
    for key, open_next in (("1", second), ("3", third)):
        wait_for(driver, "document.querySelector('.st-key-judge button')")
        wait_drawn(driver)
        ActionChains(driver).send_keys(key).perform()
        wait_for(driver, f"location.search.includes('sku={open_next}')")
    wait_drawn(driver)
    said = {item: judgment.verdict for item, judgment in Judging(store).of("item number").items()}
    assert said == {first: "good", second: "bad"}
    ActionChains(driver).send_keys("u").perform()
    wait_until(lambda: set(Judging(store).of("item number")) == {first}, "nothing was taken back")
    wait_for(driver, f"location.search.includes('sku={second}')")


def test_digits_typed_into_the_box_judge_nothing(driver, searching, store):
    opened(driver, f"{searching}&q=item+number&sku=SK-020")
    before = Judging(store).version()
    box = driver.find_element("css selector", BOX)
    wait_until(box.is_displayed, "the box isn't there to type into")
    box.send_keys(" 1 2 3", Keys.ENTER)
    wait_for(driver, "location.search.includes('1+2+3')")
    wait_drawn(driver)
    assert Judging(store).version() == before


def test_chips_filter_without_loading_the_page(driver, searching):
    opened(driver, f"{searching}&q=item")
    found(driver, "q=item")
    driver.execute_script("window.same = true")
    driver.find_element("css selector", "a.sw-chip[href*='category=Bags']").click()
    wait_for(driver, "location.search.includes('category=Bags') && document.querySelectorAll('.sw-hit').length === 10")
    assert driver.execute_script("return window.same") is True


@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_wider_than_the_screen(driver, searching, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for view in ("", "&q=item", "&q=item&sku=SK-020", "&q=item&beside=popular"):
        opened(driver, searching + view)
        wait_drawn(driver)
        assert driver.execute_script(f"return {WIDE}") is False, view
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_both_themes_keep_marks_readable(driver, searching):
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        opened(driver, f"{searching}&q=item")
        found(driver, "q=item")
        for place in (".sw-hit strong", ".sw-hit .sw-meta", ".sw-word", ".sw-stage"):
            assert driver.execute_script(CONTRAST, place) >= 4.5, f"{place} in {theme}"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_sku_leads_to_the_queries_that_find_it_and_back(driver, searching):
    driver.get(searching.replace("/search?", "/sku?") + "&sku=SK-004")
    wait_drawn(driver)
    wait_for(driver, "document.querySelector('.sw-passport a[href*=search]')").click()
    wait_for(driver, "location.pathname === '/search' && location.search.includes('sku=SK-004')")
    wait_drawn(driver)
    way = "document.querySelector('.st-key-finders a')"
    assert wait_for(driver, f"{way} && {way}.textContent")
    driver.execute_script(f"{way}.click()")
    wait_for(driver, "document.querySelector('#hit-SK-004[aria-current=true]')")
    wait_drawn(driver)
    driver.back()
    wait_for(driver, f"{way} && !document.querySelector('.sw-hit')")
    driver.execute_script("document.querySelector('.st-key-item-head a').click()")
    wait_for(driver, "location.pathname === '/sku' && document.querySelector('.sw-passport h1')")
