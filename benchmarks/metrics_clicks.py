"""From every headline number to its rows, by clicks in a real browser, and back: the rows, exported, give the number.

For each number of each page the script reads what is shown, clicks until its rows are on the screen (at most three
clicks are allowed), downloads them through the page's own export, and computes the number again from that file alone:
counts and means from the CSV, figures of many rows together from the Parquet file. Pages without what they need (no
run, no ensemble) are left out and named. A few minutes on two cores; needs chromium and chromedriver.

    python benchmarks/metrics_clicks.py [--workspace demo] [--page metrics]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).resolve().parents[1] / "tests" / "browser"),
]

from driving import browser, serve, wait_drawn, wait_for, wait_until  # noqa: E402

from engine.metrics.measures import KINDS, aggregate  # noqa: E402
from engine.settings import load_settings  # noqa: E402
from engine.watching.quantiles import quantile  # noqa: E402

MOST_CLICKS = 3
ROOMS = {"tags": "SKU", "search": "query", "recommend": "user", "rank": "list"}
TOGETHER = {"micro_f1", "macro_f1", "micro_f1_oov", "auc_pooled", "ece", "log_loss", "auc"}  # of all rows, no mean
DIALOG = "[data-testid=stDialog] "
ROWS_OF_METRICS = ".st-key-rows-table tbody tr"


@dataclass(frozen=True)
class Line:
    """One number: the page, what it is called, how many clicks led to its rows, what was shown and what they give."""

    page: str
    number: str
    clicks: int
    shown: str
    found: float

    @property
    def right(self) -> bool:
        """Whether the rows give the number, to the digits that are shown, in few enough clicks."""
        return self.clicks <= MOST_CLICKS and same(self.shown, self.found)


def same(shown: str, found: float) -> bool:
    """Whether `found` is what `shown` says, to its digits: half a unit of the last one at most."""
    text = shown.replace(",", "").replace("−", "-").replace("+", "")
    digits = len(text.partition(".")[2])
    return abs(float(text) - found) <= 0.5 * 10**-digits + 1e-9


class Person:
    """Somebody at the browser: opens pages, reads numbers, clicks, downloads."""

    def __init__(self, driver: Any, address: str, workspace: str, folder: Path) -> None:
        self._driver, self._address, self._workspace, self._folder = driver, address, workspace, folder
        self._downloads = 0

    def open(self, page: str, **asked: str) -> None:
        """A page at an address."""
        query = "&".join([f"workspace={self._workspace}", *(f"{name}={value}" for name, value in asked.items())])
        self._driver.get(f"{self._address}/{page}?{query}")
        wait_drawn(self._driver, seconds=120)

    def ask(self, script: str) -> Any:
        """What `script` gives."""
        return self._driver.execute_script(f"return {script}")

    def links(self, selector: str, number: str = "") -> list[tuple[str, str]]:
        """Of each link at `selector`: its address, and the text of its part `number`."""
        part = f"one.querySelector({number!r})" if number else "one"
        return self.ask(
            f"[...document.querySelectorAll({selector!r})].filter(one => {part})"
            f".map(one => [one.getAttribute('href'), {part}.childNodes[0].textContent.trim()])"
        )

    def click(self, address: str, ready: str) -> None:
        """Click the link to `address`; wait until `ready` stands on the page."""
        link = f"document.querySelector('a[href=\"{address}\"]')"
        wait_for(self._driver, link)
        self.ask(f"{link}.click()")
        wanted = parse_qs(urlsplit(address).query)
        wait_until(lambda: parse_qs(urlsplit(self._driver.current_url).query) == wanted, f"{address} isn't open")
        wait_for(self._driver, f"document.querySelector({ready!r})", seconds=60)
        time.sleep(0.3)
        wait_drawn(self._driver, seconds=120)

    def download(self, button: str, *, within: str = "") -> Path:
        """Press a download button, named by its key; the file."""
        place = self._folder / str(self._downloads)
        self._downloads += 1
        place.mkdir()
        self._driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(place)})
        press = f"document.querySelector({f'{within}.st-key-{button} button'!r})"
        wait_for(self._driver, press)
        self.ask(f"{press}.click()")
        whole = lambda: [one for one in place.iterdir() if one.suffix in (".csv", ".parquet")]  # noqa: E731
        return wait_until(whole, f"nothing was downloaded by {button}", seconds=60)[0]

    def rows(self, button: str, **where: str) -> pd.DataFrame:
        """The rows of a CSV export."""
        return pd.read_csv(self.download(button, **where), encoding="utf-8-sig")

    def whole(self, button: str) -> pd.DataFrame:
        """The rows of a Parquet export."""
        return pd.read_parquet(self.download(f"{button}-parquet"))


def overview(person: Person) -> Iterator[Line]:
    """Each tile opens its rows in the drawer."""
    person.open("")
    for address, shown in person.links(".st-key-tiles a.sw-tile", "b"):
        person.click(address, DIALOG + "[data-testid=stDataFrame]")
        found = person.rows("rows-export", within=DIALOG)
        yield Line("Overview", asked(address, "rows"), 1, shown, len(found))
        person.open("")


def metrics(person: Person) -> Iterator[Line]:
    """Each tile of each room has its rows below."""
    for room in ROOMS:
        person.open("metrics", room=room)
        if not person.ask(f"document.querySelector({ROWS_OF_METRICS!r})"):
            continue
        for address, shown in person.links(".st-key-tiles a.sw-tile", "b"):
            metric = asked(address, "metric")
            person.click(address, f"{ROWS_OF_METRICS}")
            yield Line(f"Metrics, {room}", metric, 1, shown, figure(person, room, metric))


def figure(person: Person, room: str, metric: str) -> float:
    """A metric from the rows that the page Metrics exports."""
    base = metric.partition("@")[0]
    if base in ("coverage", "gini"):
        items = person.rows("items-export")
        total = int(items["n_items"].iloc[0])
        return len(items) / total if base == "coverage" else unequal(items["lists"].to_numpy(), total)
    if metric in TOGETHER or room == "tags":
        return aggregate(room, person.whole("rows-export"), [metric])[metric]
    return float(person.rows("rows-export")[metric].mean())


def unequal(counts: np.ndarray, total: int) -> float:
    """The Gini coefficient of counts with zeros up to `total`, by its definition: the mean difference of all pairs."""
    values = np.concatenate([counts, np.zeros(total - len(counts))])
    return float(np.abs(values[:, None] - values).sum() / (2 * total * values.sum()))


def compare(person: Person) -> Iterator[Line]:
    """The first figures of the matrix open the page Metrics; a difference is the sum of its flips over all rows."""
    for room in ROOMS:
        person.open("compare", room=room)
        cells = person.links(".st-key-matrix tbody tr td:nth-child(3) a")[:4]
        for address, shown in cells:
            person.open("compare", room=room)
            person.click(address, ROWS_OF_METRICS)
            metric = asked(address, "metric")
            yield Line(f"Compare, {room}", metric, 1, shown, figure(person, room, metric))
        if not cells or room == "tags":
            continue
        person.open("compare", room=room)
        differences = person.ask(
            "[...document.querySelectorAll('.st-key-differences tbody tr')].map(one =>"
            " [one.querySelector('a').getAttribute('href'), one.children[3].textContent.trim().split(' ')[0]])"
        )
        metric = next(name for name in KINDS[room].metrics if name.startswith(("ndcg", "recall")))
        shown = next(said for address, said in differences if asked(address, "metric") == metric)
        person.open("compare", room=room, metric=metric)
        change = person.rows("flips-export")["change"].sum()
        yield Line(f"Compare, {room}", f"difference of {metric}", 0, shown, change / rows_of(person, room))


def rows_of(person: Person, room: str) -> int:
    """How many rows the runs of the comparison have: the parts of a slice together."""
    return person.ask(
        "[...document.querySelector('.st-key-flip-slices table').querySelectorAll('tbody tr')]"
        ".reduce((sum, one) => sum + +one.children[1].textContent.replace(',', ''), 0)"
    )


def leaks(person: Person) -> Iterator[Line]:
    """Each bar of the funnel opens its rows."""
    for room in ("search", "recommend", "rank"):
        person.open("leaks", room=room)
        for address, shown in person.links(".st-key-funnel a.sw-bar", ".sw-num"):
            if shown == "0":
                continue
            person.click(address, ".st-key-rows tbody tr")
            yield Line(f"Leak map, {room}", asked(address, "ask"), 1, shown, len(person.rows("leaks-export")))


def runs(person: Person) -> Iterator[Line]:
    """The headline of the newest run of each kind opens the page Metrics, its count the drawer."""
    for room in ROOMS:
        person.open("runs", room=room)
        found = person.links(".st-key-runs tbody tr:first-child a")
        for address, shown in [one for one in found if one[0].startswith(("./metrics", "./?"))]:
            person.open("runs", room=room)
            if address.startswith("./?"):
                person.click(address, DIALOG + "[data-testid=stDataFrame]")
                yield Line("Runs", f"rows of {room}", 1, shown, len(person.rows("rows-export", within=DIALOG)))
            else:
                person.click(address, ROWS_OF_METRICS)
                metric = person.links(".st-key-tiles a[aria-current=true]")[0][0]
                metric = asked(metric, "metric")
                yield Line("Runs", f"{room} {metric}", 1, shown.split(" ")[-1], figure(person, room, metric))


def rescue(person: Person) -> Iterator[Line]:
    """Each kind of task filters the queue."""
    person.open("rescue")
    for address, shown in person.links(".st-key-kinds a.sw-chip", "b"):
        if shown != "0" and asked(address, "ask"):
            person.open("rescue")
            person.click(address, ".sw-task")
            yield Line("Rescue queue", asked(address, "ask"), 1, shown, len(person.rows("rescue-export")))


def ranking(person: Person) -> Iterator[Line]:
    """Tiles, members' figures and parts of like chance open their rows in the drawer."""
    person.open("rank")
    table = DIALOG + "[data-testid=stDataFrame]"
    sums = {"lists": len, "candidates": lambda rows: rows["candidates"].sum(), "wanted candidates": len}
    sums["lost before ranking"] = lambda rows: (rows["wanted"] - rows["found"]).sum()
    tiles = person.ask(
        "[...document.querySelectorAll('.st-key-tiles a.sw-tile')].map(one => [one.getAttribute('href'),"
        " one.querySelector('b').textContent, one.querySelector('span').textContent])"
    )
    for address, shown, name in tiles:
        person.click(address, table)
        rows = person.rows("rows-export", within=DIALOG)
        count: Callable[[pd.DataFrame], float] = sums.get(name, len)
        yield Line("Ranking lab", name, 1, shown, float(count(rows)))
        person.open("rank")
    heads = ("ndcg@5", "auc", "log_loss", "ece")
    figures = person.ask(
        "[...document.querySelectorAll('.st-key-figures tbody tr')].slice(0, 3).map(one =>"
        " [...one.querySelectorAll('td a.sw-link')].map(link => [link.getAttribute('href'), link.textContent]))"
    )
    for member in figures:
        for (address, shown), metric in zip(member, heads, strict=True):
            person.open("rank")
            person.click(address, table)
            rows = person.rows("rows-export", within=DIALOG)
            name = f"{asked(address, 'rows').partition(':')[2]} {metric}"
            yield Line("Ranking lab", name, 1, shown, of_chances(rows, metric))


def of_chances(rows: pd.DataFrame, metric: str) -> float:
    """A figure of the ranking lab: a mean over lists, or over candidates from the chance of each."""
    if metric in rows:
        return float(rows[metric].mean())
    chance, wanted = rows["chance"], rows["wanted"].astype(float)
    if metric == "log_loss":
        return float(-(wanted * np.log(chance) + (1 - wanted) * np.log(1 - chance)).mean())
    bins = rows.assign(wanted=wanted).groupby("bin")[["chance", "wanted"]].agg(["mean", "size"])
    gaps = (bins[("chance", "mean")] - bins[("wanted", "mean")]).abs()
    return float((gaps * bins[("chance", "size")]).sum() / len(rows))


def search(person: Person) -> Iterator[Line]:
    """The number of hits is that of the list's rows."""
    person.open("search", q="bag", by="bm25")
    time.sleep(2)  # the list is a fragment of its own
    shown = person.ask("document.querySelector('.st-key-count b')?.textContent")
    if shown:
        yield Line("Product search", "hits", 0, shown, len(person.rows("export")))


def recommend(person: Person) -> Iterator[Line]:
    """What other weights would cost opens the users that it is made of."""
    person.open("recommend", user="new+visitor", see="what-if", diversity="0.5")
    table = DIALOG + "[data-testid=stDataFrame]"
    for address, shown in person.links(".st-key-cost td a"):
        person.click(address, table)
        rows = person.rows("rows-export", within=DIALOG)
        metric = asked(address, "rows").partition(":")[2]
        yield Line("Recommendations", f"cost, {metric}", 1, shown, tried(rows, metric))
        person.open("recommend", user="new+visitor", see="what-if", diversity="0.5")


def service(person: Person) -> Iterator[Line]:
    """Tiles of traffic and business open what was counted, variants their users."""
    table = DIALOG + "[data-testid=stDataFrame]"
    rooms = {"traffic": ("30d", of_answers), "business": ("30d", of_events)}
    for see, (window, figure_of) in rooms.items():
        person.open("service", see=see, window=window)
        tiles = person.ask(
            "[...document.querySelectorAll('.st-key-tiles a.sw-tile')].map(one => [one.getAttribute('href'),"
            " one.querySelector('b').textContent, one.querySelector('span').textContent])"
        )
        for address, said, name in tiles:
            shown, scale = plain(said)
            if not shown:
                continue
            person.open("service", see=see, window=window)
            person.click(address, table)
            found = figure_of(person.rows("rows-export", within=DIALOG), name)
            yield Line(f"Service, {see}", name, 1, shown, found * scale)
    yield from of_variants(person, table)


def plain(said: str) -> tuple[str, float]:
    """The number in what a tile says, and what a figure is multiplied by to be it; "" where there is none."""
    number, _, unit = said.partition(" ")
    return (number, {"%": 100.0, "ms": 1000.0}.get(unit, 1.0)) if number[:1].isdigit() else ("", 1.0)


def of_answers(rows: pd.DataFrame, name: str) -> float:
    """A figure of traffic from its rows."""
    shares = {"Half are faster": 0.5, "95 of 100 are faster": 0.95, "99 of 100 are faster": 0.99}
    if name in shares:
        found = quantile(shares[name], rows[[one for one in rows if one.startswith("ms_")]].sum().tolist())
        return found.seconds if found else 0.0
    return float(rows["n"].sum() / rows["of"].sum() if name == "Errors" else rows["n"].sum())


def of_events(rows: pd.DataFrame, name: str) -> float:
    """A figure of business from the events."""
    kinds = rows["event"].value_counts()
    if name == "CTR":
        return float(kinds["click"] / kinds["impression"])
    if name == "Conversion":
        return rows[rows["event"] == "transaction"]["user_id"].nunique() / rows["user_id"].nunique()
    return float(rows["revenue"].sum()) if name == "Revenue" else float(len(rows))


def of_variants(person: Person, table: str) -> Iterator[Line]:
    """What each variant's users did, and the figures made of that."""
    person.open("service", see="experiment")
    for address, said in person.links(".st-key-variants td.sw-r a"):
        shown, scale = plain(said)
        variant, _, counted = asked(address, "rows").partition(":")
        if not shown:
            continue
        person.open("service", see="experiment")
        person.click(address, table)
        found = of_users(person.rows("rows-export", within=DIALOG), counted)
        yield Line("Service, experiment", f"{variant} {counted or 'users'}", 1, shown, found * scale)


def of_users(rows: pd.DataFrame, counted: str) -> float:
    """A figure of an experiment from the users of a variant."""
    if counted == "ctr":
        return float(rows["clicks"].sum() / rows["impressions"].sum())
    if counted == "conversion":
        return float((rows["transactions"] > 0).mean())
    if counted == "revenue_per_user":
        return float(rows["revenue"].mean())
    return float(rows[counted].sum()) if counted else float(len(rows))


def tried(rows: pd.DataFrame, metric: str) -> float:
    """A figure with the tried weights."""
    base, _, k = metric.partition("@")
    if base != "coverage":
        return float(rows[f"{metric} tried"].mean())
    first = {item for hits in rows["hits tried"].fillna("") for item in hits.split("; ")[: int(k)] if item}
    return len(first) / int(rows["n_items"].iloc[0])


PAGES: dict[str, Callable[[Person], Iterator[Line]]] = {
    "overview": overview,
    "metrics": metrics,
    "compare": compare,
    "leaks": leaks,
    "runs": runs,
    "rescue": rescue,
    "rank": ranking,
    "search": search,
    "recommend": recommend,
    "service": service,
}


def asked(address: str, name: str) -> str:
    """A parameter of an address."""
    return parse_qs(urlsplit(address).query).get(name, [""])[0]


def main() -> int:
    """Print a line for each number; 1 when a number isn't what its rows give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", default=load_settings().workspace)
    parser.add_argument("--page", choices=PAGES, nargs="+", default=list(PAGES))
    chosen = parser.parse_args()
    wrong = total = 0
    print(f"{'page':<24}{'number':<34}{'clicks':>6}  {'shown':>9}  {'from the rows':>14}")
    with serve(load_settings().home) as address, browser() as driver, tempfile.TemporaryDirectory() as folder:
        person = Person(driver, address, chosen.workspace, Path(folder))
        for page in chosen.page:
            lines = 0
            for line in PAGES[page](person):
                said = "" if line.right else "   DIFFERS"
                print(f"{line.page:<24}{line.number:<34}{line.clicks:>6}  {line.shown:>9}  {line.found:>14.6f}{said}")
                lines, wrong = lines + 1, wrong + (not line.right)
            total += lines
            if not lines:
                print(f"{page:<24}has no number in this workspace")
    print(f"{total} numbers, {total - wrong} given by their rows in at most {MOST_CLICKS} clicks")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
