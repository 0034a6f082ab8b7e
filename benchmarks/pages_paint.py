"""First paint and rerun of each page: python benchmarks/pages_paint.py [--workspace demo] [--runs 5]

In a real browser on a workspace of this machine, best the demo store. First paint: from opening the page's address anew
until its script has ended and our markup stands there, on a server that has opened every page once (what that took is
printed beside it: models and caches are loaded then). The overview comes first in each fresh browser, so it also loads
the app's own scripts into it. Rerun: from a click on the switch that masks people, which runs the page again and draws
all of it anew, until it stands there; caches are warm. Prints the median and the range of each. Five minutes on
two busy cores; needs chromium, chromedriver and a workspace.
"""

import argparse
import statistics
import sys
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).resolve().parents[1] / "tests" / "browser"),
]

from driving import DRAWN, browser, serve, wait_drawn  # noqa: E402

from engine.settings import load_settings  # noqa: E402

PAGES = {
    "Overview": "",
    "SKU explorer": "sku",
    "Tag review": "review",
    "Product search": "search?q=warm+boots",
    "Recommendations": "recommend",
    "Ranking lab": "rank",
    "Rescue queue": "rescue",
    "Metrics": "metrics?room=recommend",
    "Compare": "compare?room=recommend",
    "Leak map": "leaks?room=recommend",
    "Runs": "runs",
    "Service": "service",
    "Tour": "tour",
}
AIM_PAINT, AIM_RERUN = 2000, 300  # milliseconds
# Looks at every frame until the page is drawn, and gives the milliseconds since `start`.
LOOK = f"""
const drawn = new Function({DRAWN!r})
const look = () => drawn() ? done(performance.now() - start) : requestAnimationFrame(look)
"""
PAINT = f"const [done] = arguments, start = 0\n{LOOK}\nlook()"
# The script's state turns to running a moment after the click, so the first look waits for that.
RERUN = f"""
const [done] = arguments, start = performance.now()
{LOOK}
const app = document.querySelector('[data-testid="stApp"]')
document.querySelector(".st-key-mask-people input").click()
const begun = () => app.dataset.testScriptState === "notRunning" ? requestAnimationFrame(begun) : look()
begun()
"""


def main() -> None:
    """Open every page once, then measure them in turn and print the table."""
    arguments = _arguments()
    figures: dict[str, tuple[list[float], list[float], list[float]]] = {name: ([], [], []) for name in PAGES}
    with serve(load_settings().home) as address:
        for run in range(arguments.runs + 1):
            with browser() as driver:
                driver.set_script_timeout(120)
                for name, page in PAGES.items():
                    driver.get(f"{address}/{page}{'&' if '?' in page else '?'}workspace={arguments.workspace}")
                    first, paints, reruns = figures[name]
                    (paints if run else first).append(driver.execute_async_script(PAINT))
                    wait_drawn(driver, seconds=120)
                    if run:
                        reruns += [driver.execute_async_script(RERUN) for _ in range(2)]
    print(f"{'page':<16} {'first opening':>14} {'first paint':>24} {'rerun':>22}   milliseconds")
    for name, (first, paints, reruns) in figures.items():
        print(f"{name:<16} {first[0]:>14.0f} {_told(paints):>24} {_told(reruns):>22}")
    medians = [(statistics.median(paints), statistics.median(reruns)) for _, paints, reruns in figures.values()]
    slow = sum(paint > AIM_PAINT for paint, _ in medians), sum(rerun > AIM_RERUN for _, rerun in medians)
    print(f"above {AIM_PAINT} ms to paint: {slow[0]} of {len(medians)}; above {AIM_RERUN} ms to rerun: {slow[1]}")


def _told(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", default=load_settings().workspace)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
