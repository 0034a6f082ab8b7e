"""How long a person waits: first paint of a cold server, a SKU page after a click, a search, in a real browser.

    python benchmarks/page_latency.py [--workspace demo] [--runs 5]

First paint: from opening the address on a server that has served nobody, in a fresh browser, until our own markup
stands on the overview. Click: from a click on a product card, and on a tag, until the SKU or its evidence stands there.
Search: from Enter in the query box until its hits stand there (the first query loads the models), and from a click on a
hit until its score breakdown does; left out where no search is built. Starting the server is measured apart. About a
minute on two cores; needs chromium, chromedriver and a workspace.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).resolve().parents[1] / "tests" / "browser"),
]

from driving import browser, serve, wait_drawn, wait_for  # noqa: E402

from engine.settings import load_settings  # noqa: E402

# Clicks inside the page and notes when the awaited thing stands there, so that the driver's own delays don't count.
MEASURED_CLICK = """
const [link, awaited, done] = arguments
const start = performance.now()
document.querySelector(link).click()
const there = new Function("return " + awaited)
const look = () => there() ? done(performance.now() - start) : requestAnimationFrame(look)
look()
"""


QUERIES = ("warm boots for winter", "gift for mum", "bag that fits a laptop", "toys for a baby", "red dress")
# Types a query at once and sends it; hits of the query before may still stand there, so the count of new ones is told.
ASKED = """
const [query, done] = arguments
const box = document.querySelector(".sw-query"), start = performance.now()
document.querySelectorAll(".sw-hits").forEach(list => list.dataset.old = "1")
box.querySelector("input").value = query
box.requestSubmit()
const there = () => [...document.querySelectorAll(".sw-hits")].some(list => !list.dataset.old)
const look = () => there() ? done(performance.now() - start) : requestAnimationFrame(look)
look()
"""


def main() -> None:
    """Measure and print a line for each figure: median and range in milliseconds."""
    arguments = _arguments()
    starts, paints = [], []
    clicks: list[list[float]] = [[], [], []]
    searches: list[list[float]] = [[], [], []]
    for _ in range(arguments.runs):
        begin = time.perf_counter()
        with serve(load_settings().home) as address:
            starts.append(1000 * (time.perf_counter() - begin))
            with browser() as driver:
                driver.set_script_timeout(30)
                paints.append(_first_paint(driver, f"{address}/?workspace={arguments.workspace}"))
                found = _clicks(driver, f"{address}/sku?workspace={arguments.workspace}")
                clicks = [before + now for before, now in zip(clicks, found, strict=True)]
                found = _searches(driver, f"{address}/search?workspace={arguments.workspace}")
                searches = [before + now for before, now in zip(searches, found, strict=True)]
    _print("server start", starts)
    _print("first paint, cold server", paints, aim=2000)
    _print("card -> SKU", clicks[0], aim=300)
    _print("first tag -> evidence", clicks[1])
    _print("next tag -> evidence", clicks[2], aim=300)
    _print("first query -> hits", searches[0])
    _print("next query -> hits", searches[1], aim=500)
    _print("hit -> score breakdown", searches[2], aim=500)


def _first_paint(driver: object, address: str) -> float:
    """Milliseconds from opening `address` until the overview's tiles stand there."""
    driver.get(address)
    return float(wait_for(driver, "document.querySelector('.sw-tile') && performance.now()"))


def _clicks(driver: object, address: str) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of opening cards, of choosing a SKU's first tag (its sentences are weighed), and of its next."""
    driver.get(address)
    wait_drawn(driver)
    cards, firsts, others = [], [], []
    for number in range(4):
        wait_for(driver, "document.querySelectorAll('.sw-card').length > 5")
        time.sleep(0.5)
        card = f".sw-card:nth-child({5 * number + 1})"
        cards.append(driver.execute_async_script(MEASURED_CLICK, card, "document.querySelector('.sw-passport')"))
        wait_drawn(driver)
        for times, tag in ((firsts, 1), (others, 2)):
            time.sleep(0.5)
            link = f".sw-tag:nth-child({tag})"
            name = driver.execute_script("return document.querySelector(arguments[0]).id.replace('tag-', '')", link)
            awaited = f"document.querySelector('.st-key-evidence h2')?.textContent.includes({name!r})"
            times.append(driver.execute_async_script(MEASURED_CLICK, link, awaited))
            wait_drawn(driver)
        driver.get(address)
    return cards, firsts, others


def _searches(driver: object, address: str) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of the first query, of the next ones, and of opening the first hit of each."""
    driver.get(address)
    wait_drawn(driver)
    if not driver.execute_script("return document.querySelector('.sw-query')"):
        return [], [], []
    queries, opened = [], []
    for query in QUERIES:
        queries.append(driver.execute_async_script(ASKED, query))
        wait_drawn(driver)
        time.sleep(0.5)
        opened.append(driver.execute_async_script(MEASURED_CLICK, ".sw-hit", "document.querySelector('.sw-breakdown')"))
        wait_drawn(driver)
        time.sleep(0.5)
        driver.execute_script("document.querySelector('.st-key-back a').click()")
        wait_for(driver, "!document.querySelector('.sw-breakdown')")
        wait_drawn(driver)
    return queries[:1], queries[1:], opened


def _print(name: str, values: list[float], *, aim: float | None = None) -> None:
    if values:
        said = f"{name:<26} median {statistics.median(values):6.0f} ms   {min(values):.0f} to {max(values):.0f}"
        print(f"{said}   n={len(values)}" + (f"   aim {aim:.0f}" if aim else ""))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", default=load_settings().workspace)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
