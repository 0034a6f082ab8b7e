"""What only a browser can show: addresses, Back, clicks without reloading, and that hostile text stays text."""

import time

import pytest
from driving import wait_drawn, wait_for, wait_until
from selenium.webdriver import ActionChains, Keys

pytestmark = pytest.mark.browser

# The contrast of a place's text with the page behind it, as WCAG 2 defines it.
CONTRAST = """
const light = color => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d")
  canvas.fillStyle = color
  canvas.fillRect(0, 0, 1, 1)
  const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255)
  const [r, g, b] = parts.map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const text = light(getComputedStyle(document.querySelector(arguments[0])).color)
const page = light(getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor)
return (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05)
"""


def test_a_deep_link_on_a_fresh_server_opens_its_page(driver, address):
    driver.get(f"{address}/sku?workspace=demo&sku=SK-004")
    wait_drawn(driver)
    assert wait_for(driver, "document.querySelector('.sw-passport h1')?.textContent") == "Item number 4"
    assert "Page not found" not in driver.find_element("tag name", "body").text


def test_a_card_opens_its_sku_without_loading_the_page_and_back_returns(driver, address):
    driver.get(f"{address}/sku?workspace=demo&q=sk-009")
    wait_drawn(driver)
    driver.execute_script("window.same = true")
    wait_for(driver, "document.querySelectorAll('.sw-card').length === 1")
    driver.find_element("css selector", ".sw-card").click()
    assert wait_for(driver, "document.querySelector('.sw-passport h1')?.textContent") == "Item number 9"
    assert driver.execute_script("return window.same") is True
    assert driver.current_url == f"{address}/sku?workspace=demo&q=sk-009&sku=SK-009"
    driver.back()
    wait_for(driver, "document.querySelector('.sw-card') && !document.querySelector('.sw-passport')")
    assert driver.execute_script("return window.same") is True


def test_hostile_reviews_and_titles_stay_text(driver, address):
    driver.get(f"{address}/sku?workspace=demo&sku=SK-001")
    wait_drawn(driver)
    wait_for(driver, "document.querySelectorAll('.sw-review').length === 8")
    text = driver.find_element("css selector", "[data-testid=stMain]").text
    assert "<script>window.broken = 1</script>" in text
    assert '<img src=x onerror="window.broken = 1">' in text
    assert "[a link](javascript:window.broken=1)" in text
    assert r"$\LaTeX$" in text
    assert ":material/delete: :red[red] :smile:" in text
    assert "**bold** _slanted_ `code` # heading" in text
    assert driver.execute_script("return window.broken") is None
    assert driver.execute_script("return document.querySelectorAll('.sw-review a, .sw-review img, .katex').length") == 0


def test_a_number_opens_to_its_rows_and_the_drawer_leaves_the_address_when_closed(driver, address):
    driver.get(f"{address}/?workspace=demo")
    wait_drawn(driver)
    driver.find_element("css selector", 'a[href*="without%3Areviews"]').click()
    wait_for(driver, "document.querySelector('[data-testid=stDialog]')?.innerText.includes('6 rows')")
    assert "rows=without%3Areviews" in driver.current_url
    driver.execute_script("document.querySelector('[data-testid=stDialog] button[aria-label=Close]').click()")
    wait_for(driver, "!location.search.includes('rows=')")


def test_the_picker_opens_the_other_workspace_and_says_so_in_the_address(driver, address):
    driver.get(f"{address}/?workspace=demo")
    wait_drawn(driver)
    driver.find_element("css selector", "[data-testid=stSidebar] [data-testid=stSelectbox] input").click()
    wait_for(driver, "document.querySelector('[role=option]')")
    option = [o for o in driver.find_elements("css selector", "[role=option]") if o.text == "second"]
    option[0].click()
    wait_for(driver, "document.querySelector('.sw-head')?.textContent.includes('second · 3 SKUs')")
    assert "workspace=second" in driver.current_url


def test_no_request_leaves_the_machine(driver, address):
    driver.get(f"{address}/sku?workspace=demo")
    wait_drawn(driver)
    fetched = driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in fetched if not name.startswith((address, "data:", "blob:"))] == []


def test_a_row_behind_a_number_opens_its_sku(driver, address):
    driver.get(f"{address}/?workspace=demo&rows=without%3Areviews")
    wait_drawn(driver)
    table = wait_for(driver, "document.querySelector('[data-testid=stDialog] [data-testid=stDataFrame] canvas')")
    time.sleep(1)  # the drawer slides in; a click on a moving canvas hits another row
    left, top = -table.size["width"] / 2, -table.size["height"] / 2
    ActionChains(driver).move_to_element_with_offset(table, left + 20, top + 50).click().perform()
    assert wait_for(driver, "document.querySelector('.sw-passport h1')?.textContent") == "Item number 0"
    assert driver.current_url == f"{address}/sku?workspace=demo&sku=SK-000"


def test_the_rows_behind_a_number_are_exported_as_they_are(driver, address, tmp_path):
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    driver.get(f"{address}/?workspace=demo&rows=without%3Areviews")
    wait_drawn(driver)
    wait_for(driver, "document.querySelector('.st-key-rows-export button')").click()
    file = tmp_path / "demo-without-reviews.csv"
    wait_until(file.exists, "nothing was downloaded")
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["item_id", *(f"SK-{i:03d}" for i in range(0, 30, 5))]


def test_the_explorer_works_from_the_keyboard(driver, address):
    driver.get(f"{address}/sku?workspace=demo&q=sk-009")
    wait_drawn(driver)
    wait_for(driver, "document.querySelectorAll('.sw-card').length === 1")
    driver.execute_script("document.querySelector('.sw-card').focus()")
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert wait_for(driver, "document.querySelector('.sw-passport h1')?.textContent") == "Item number 9"


def test_both_themes_keep_text_readable(driver, address):
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        driver.get(f"{address}/sku?workspace=demo&sku=SK-004")
        wait_drawn(driver)
        wait_for(driver, "document.querySelector('.sw-review')")
        for place in (".sw-review p", ".sw-meta", ".sw-note, .sw-quiet", "a.sw-link"):
            assert driver.execute_script(CONTRAST, place) >= 4.5, f"{place} in {theme}"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
