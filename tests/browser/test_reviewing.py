"""Reviewing tags without a mouse, and two people at it at once."""

from urllib.parse import quote

import pytest
from driving import CHROMEDRIVER, CHROMIUM, browser, serve, wait_drawn, wait_for, wait_until
from selenium.webdriver import ActionChains, Keys

from engine.decisions import Decisions
from engine.workflows import catalogue_predictions, train_tagger
from engine.workspace import Workspace
from tests.tagged import fill, made

pytestmark = pytest.mark.browser

PAIR = (
    "document.querySelector('.sw-asked')?.textContent + ' ' + document.querySelector('.sw-item .sw-meta')?.textContent"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    workspace = fill(Workspace.create(tmp_path_factory.mktemp("home") / "shop"), made(200))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        train_tagger(workspace, "linear", seed=1)
    return workspace


@pytest.fixture(scope="module")
def reviewing(store):
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver aren't installed (Debian: apt-get install chromium chromium-driver)")
    with serve(store.path.parent) as address:
        yield f"{address}/review?workspace=shop&queue=frequent"


@pytest.fixture
def decisions(store):
    made_before = Decisions(store).batches(1000)
    for batch in made_before:
        Decisions(store).undo(batch.id, who="test")
    return Decisions(store)


def opened(driver, address):
    driver.get(address)
    wait_drawn(driver)
    return wait_for(driver, f"document.querySelector('.sw-asked') && ({PAIR})", seconds=60)


def press(driver, key, before):
    """Press a key and wait until another pair is shown; that pair."""
    ActionChains(driver).send_keys(key).perform()
    shown = wait_for(driver, f"({PAIR}) !== {before!r} && document.querySelector('.sw-asked') && ({PAIR})")
    wait_drawn(driver)  # the buttons of this pair, too
    return shown


def test_tags_are_decided_skipped_and_taken_back_by_key(driver, reviewing, decisions):
    first = opened(driver, f"{reviewing}&who=Ann")
    second = press(driver, "y", first)
    third = press(driver, "n", second)
    press(driver, "s", third)
    rows = decisions.current()
    assert rows["verdict"].tolist() == ["confirmed", "rejected"]
    assert set(rows["who"]) == {"Ann"}
    assert rows["tag"].iloc[0] in first and rows["tag"].iloc[1] in second
    ActionChains(driver).send_keys("u").perform()
    wait_for(driver, f"({PAIR}) === {second!r}")
    assert decisions.current()["verdict"].tolist() == ["confirmed"]


def test_a_key_typed_into_a_field_decides_nothing(driver, reviewing, decisions):
    opened(driver, reviewing)
    field = driver.find_element("css selector", "[data-testid=stTextInput] input")
    field.send_keys("yn", Keys.ENTER)
    wait_for(driver, "location.search.includes('yn')")
    wait_drawn(driver)
    assert decisions.current().empty


def test_a_tag_is_renamed_by_key(driver, reviewing, decisions):
    first = opened(driver, f"{reviewing}&who=Ann")
    ActionChains(driver).send_keys("e").perform()
    field = wait_for(driver, "document.querySelector('[data-testid=stDialog] input')")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("another name", Keys.ENTER)
    wait_until(lambda: len(decisions.current()) == 2, "nothing was renamed")
    wait_for(driver, f"!document.querySelector('[data-testid=stDialog]') && ({PAIR}) !== {first!r}")
    assert decisions.current()["verdict"].tolist() == ["renamed", "added"]
    assert decisions.labels().true == {decisions.current()["item_id"].iloc[0]: {"another name"}}


def test_two_people_at_once_lose_nothing(driver, reviewing, decisions):
    mine = opened(driver, f"{reviewing}&who=Ann")
    with browser() as other:
        yours = opened(other, f"{reviewing}&who=Bob")
        assert yours == mine
        press(driver, "y", mine)
        press(other, "n", yours)
    assert decisions.history()[["who", "verdict"]].to_numpy().tolist()[:2] == [
        ["Bob", "rejected"],
        ["Ann", "confirmed"],
    ]
    assert decisions.current()[["who", "verdict"]].to_numpy().tolist() == [["Bob", "rejected"]]


def test_a_new_tag_is_written_in_the_passport(driver, reviewing, decisions):
    driver.get(reviewing.replace("/review?", "/sku?").replace("&queue=frequent", "&sku=SKU-001&who=Ann"))
    wait_drawn(driver)
    wait_for(driver, "document.querySelector('.st-key-curate [data-testid=stPopover] button')").click()
    wait_for(driver, "document.querySelector('.st-key-add-tag input')").send_keys("for winter", Keys.ENTER)
    wait_for(driver, "document.querySelector('.st-key-add button:enabled')").click()
    wait_until(lambda: len(decisions.current()), "nothing was added")
    assert decisions.current()[["item_id", "tag", "verdict", "who"]].to_numpy().tolist() == [
        ["SKU-001", "for winter", "added", "Ann"]
    ]
    wait_for(driver, "document.querySelector('.sw-compared')?.textContent.includes('for winter')")


def test_a_tag_is_renamed_in_the_passport_and_taken_back_by_key(driver, reviewing, decisions, store):
    row = catalogue_predictions(store, "linear").iloc[0]
    passport = reviewing.replace("/review?", "/sku?").replace("&queue=frequent", "")
    driver.get(f"{passport}&sku={row['item_id']}&tag={quote(row['tag'])}&who=Ann")
    wait_drawn(driver)
    wait_for(driver, "document.querySelector('.st-key-curate')?.textContent.includes('Rename')")
    ActionChains(driver).send_keys("e").perform()
    field = wait_for(driver, "document.querySelector('[data-testid=stDialog] input')")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("for the snow", Keys.ENTER)
    wait_until(lambda: len(decisions.current()) == 2, "nothing was renamed")
    wait_for(driver, "!document.querySelector('[data-testid=stDialog]')")
    wait_for(driver, "document.querySelector('.sw-said')?.textContent.includes('for the snow')")
    wait_drawn(driver)
    assert decisions.labels().true == {row["item_id"]: {"for the snow"}}
    ActionChains(driver).send_keys("u").perform()
    wait_until(lambda: decisions.current().empty, "nothing was taken back")
