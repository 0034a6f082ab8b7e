"""The tour's stories on the demo store, clicked through to their ends with no network and no key."""

import json
from urllib.parse import urlsplit

import pytest
from driving import CHROMEDRIVER, CHROMIUM, browser, serve, wait_drawn, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]  # the first makes the demo store

BLOCKED = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
NOWHERE = "http://127.0.0.1:9"  # nothing listens on the port of discard
STORIES = """return [...document.querySelectorAll(".sw-story")].map(one => [
  one.querySelector("h2").textContent, [...one.querySelectorAll("a")].map(step => step.getAttribute("href"))])"""
WRONG = (
    """[...document.querySelectorAll(".sw-state, .sw-bad, [data-testid=stException]")].map(one => one.textContent)"""
)


@pytest.fixture(scope="module")
def offline(demo_home):
    """The address of the app over the demo store; what it asks of the world ends in a port where nobody is."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_BASE_URL", "OPENAI_TOKEN", "OPENAI_MODEL"):
            patch.delenv(name, raising=False)
        with serve(demo_home, **proxies) as address:
            yield address


def hosts(driver):
    """The hosts of all requests since the last asking."""
    told = (json.loads(line["message"])["message"] for line in driver.get_log("performance"))
    sent = [one["params"] for one in told if one["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")]
    addresses = (urlsplit(one["request"]["url"] if "request" in one else one["url"]) for one in sent)
    return {address.hostname for address in addresses if address.scheme in ("http", "https", "ws", "wss")}


def drawn(driver, ready):
    wait_drawn(driver, seconds=120)
    return wait_for(driver, ready, seconds=60)


def test_all_stories_click_through_to_their_ends(offline):
    with browser(BLOCKED, noted=True) as driver:
        tour = f"{offline}/tour?workspace=demo&see=1"
        driver.get(tour)
        drawn(driver, "document.querySelectorAll('.sw-story').length === 5")
        stories = driver.execute_script(STORIES)
        assert [len(steps) >= 3 for _, steps in stories] == [True] * 5, stories
        for title, steps in stories:
            for step in steps:
                driver.execute_script("document.querySelector(`.sw-story a[href='${arguments[0]}']`).click()", step)
                page = urlsplit(step).path.removeprefix("./")
                left = "!document.querySelector('.sw-story')"  # what stands there is no longer the tour's
                drawn(driver, f"location.pathname === '/{page}' && {left} && document.querySelector('.st-key-trust')")
                wait_drawn(driver)
                assert driver.execute_script(f"return {WRONG}") == [], f"{title}: {step}"
                driver.get(tour)
                drawn(driver, "document.querySelectorAll('.sw-story').length === 5")
        assert hosts(driver) == {"127.0.0.1"}


def test_the_llm_step_shows_who_answered(offline):
    with browser(BLOCKED) as driver:
        driver.get(f"{offline}/tour?workspace=demo")
        drawn(driver, "document.querySelector('.sw-story a[href*=\"check=llm\"]')").click()
        said = drawn(driver, "document.querySelector('.sw-checked')?.textContent")
        assert "stand-in" in said and "no model was asked" in said and "live" not in said
