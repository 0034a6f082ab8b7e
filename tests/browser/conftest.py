import pytest
from driving import CHROMEDRIVER, CHROMIUM, browser, serve
from shop import make_shop


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """The address of an app that serves a small shop; started once, fresh."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    home = tmp_path_factory.mktemp("home")
    make_shop(home)
    make_shop(home, "second", items=3)
    with serve(home) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    with browser() as driver:
        yield driver


@pytest.fixture
def driver(address, chromium):
    """The browser, on an empty page."""
    chromium.get("about:blank")
    return chromium
