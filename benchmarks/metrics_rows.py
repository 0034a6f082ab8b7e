"""Metrics of runs with many rows: making the flat table, figures, slices and pages; and the page in a browser.

Two runs of generated recommendations are written part by part, then opened as the page Metrics opens them. Printed are
seconds and peak memory of making a flat table (as an evaluation does when it ends), and milliseconds of what a click
asks. With --browser also: first paint of the page on a server that has served nobody and in the sessions after, a rerun
after a click on a slice, and the server's memory with 1 and with 20 sessions open.

    python benchmarks/metrics_rows.py [--rows 10000 1000000] [--browser]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).resolve().parents[1] / "tests" / "browser"),
]

from engine.run_table import run_table  # noqa: E402
from engine.run_values import open_values  # noqa: E402
from engine.runs import RunStore, new_run  # noqa: E402
from engine.workspace import Workspace  # noqa: E402

K, ITEMS, PART = 20, 5000, 100_000
CATEGORIES = ("Bags", "Shoes", "Toys", "Clothes")
HISTORIES = ("no history", "1 item", "2-5 items", "6-20 items", "more than 20 items")


def table(start: int, n: int, better: float, rng: np.random.Generator) -> pa.Table:
    """n users with lists of K items and one to three wanted ones, the first of them found with chance `better`."""
    items = np.array([f"i{place:05}" for place in range(ITEMS)], dtype=object)
    hits = rng.integers(0, ITEMS, (n, K))
    wanted = rng.integers(0, ITEMS, (n, 3))
    found = rng.random(n) < better
    hits[found, rng.integers(0, K, n)[found]] = wanted[found, 0]
    sizes = rng.integers(1, 4, n)
    relevant = wanted[np.arange(3)[None, :] < sizes[:, None]]
    lists = pa.ListArray.from_arrays(np.arange(0, n * K + 1, K, dtype=np.int32), pa.array(items[hits.ravel()]))
    aims = pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32), pa.array(items[relevant]))
    bits = pa.ListArray.from_arrays(np.arange(0, n * K + 1, K, dtype=np.int32), pa.array(rng.random(n * K) * 10))
    paths = pa.ListArray.from_arrays(
        np.arange(0, n * K + 1, K, dtype=np.int32), pa.array(np.array(CATEGORIES, dtype=object)[hits.ravel() % 4])
    )
    return pa.table(
        {
            "user_id": pa.array([f"u{place:07}" for place in range(start, start + n)]),
            "hits": lists,
            "relevant": aims,
            "surprise": bits,
            "hit_categories": paths,
            "n_items": pa.array(np.full(n, ITEMS)),
            "category": pa.array(np.array(CATEGORIES, dtype=object)[wanted[:, 0] % 4]),
            "history": pa.array(np.array(HISTORIES, dtype=object)[rng.integers(0, 5, n)]),
        }
    )


def make_run(workspace: Workspace, model: str, n: int, better: float) -> str:
    """A run of `n` rows, written part by part: as large ones come from an evaluation that streams."""
    run = new_run("recommend", model, config={}, data_hash="generated", split="none", seed=0, eligibility="all")
    folder = workspace.path / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(asdict(run)), encoding="utf-8")
    rng, writer = np.random.default_rng(n), None  # the same users and wishes for both runs
    for start in range(0, n, PART):
        part = table(start, min(PART, n - start), better, rng)
        writer = writer or pq.ParquetWriter(folder / "rows.parquet", part.schema, compression="zstd")
        writer.write_table(part)
    if writer:
        writer.close()
    return run.id


def milliseconds(work: Callable[[], Any], times: int = 5) -> float:
    """The median of a few calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start))
    return statistics.median(found)


def measure(workspace: Workspace, n: int) -> None:
    """One size: the first opening, then what clicks ask."""
    store = RunStore(workspace)
    run_id = next(run.id for run in store.list("recommend") if run.model == f"als-{n}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    values = open_values(store, run_id)
    made = time.perf_counter() - start
    for run in store.list("recommend"):
        run_table(store, run)
    start = time.perf_counter()
    figures = values.figures
    told = time.perf_counter() - start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{n:>9,} rows: table {made:.1f} s, figures with intervals {told:.1f} s ({len(figures)}), peak +{peak:,.0f} MB"
    )
    part = {"history": "1 item"}
    for name, work in (
        ("first page, worst first", lambda: values.page(sort="ndcg@10", size=50)),
        ("last page", lambda: values.page(sort="ndcg@10", first=n - 50, size=50)),
        ("page of a slice", lambda: values.page(part, sort="ndcg@10", size=50)),
        ("count of a slice", lambda: values.count(part)),
        ("histogram", lambda: values.histogram("ndcg@10")),
        ("figure of a slice", lambda: values.figure("recall@20", part)),
    ):
        print(f"{'':>12}{name:<26}{milliseconds(work):8.1f} ms")


def browse(home: Path, sizes: list[int], sessions: int) -> None:
    """The page in a real browser, for each size, and the server's memory."""
    import psutil
    from driving import browser, serve, wait_drawn, wait_for

    for n in sizes:
        with serve(home) as address, contextlib.ExitStack() as stack:
            page = f"{address}/metrics?workspace=bench{n}&room=recommend"
            driver = stack.enter_context(browser())
            driver.set_script_timeout(120)
            driver.get(page)
            paint = wait_for(driver, "document.querySelector('.sw-tile') && performance.now()", seconds=120)
            wait_drawn(driver)
            whole = driver.execute_script("return performance.now()")
            rerun = [click(driver, number) for number in range(4)]
            server = next(
                process
                for process in psutil.process_iter(["cmdline"])
                if "streamlit" in " ".join(process.info["cmdline"] or [])
                and address.rsplit(":", 1)[1] in process.info["cmdline"]
            )
            one = server.memory_info().rss / 2**20
            paints = []
            for _ in range(sessions - 1):
                driver.switch_to.new_window("tab")
                driver.get(page)
                paints.append(wait_for(driver, "document.querySelector('.sw-tile') && performance.now()", seconds=120))
            many = server.memory_info().rss / 2**20
            print(
                f"{n:>9,} rows in a browser: first paint {paint:.0f} ms (of the next sessions "
                f"{statistics.median(paints):.0f}), whole page {whole:.0f} ms, slice -> rows "
                f"{statistics.median(rerun):.0f} ms; {one:,.0f} MB with 1 session, {many:,.0f} MB with {sessions}"
            )


def click(driver: Any, number: int) -> float:
    """Milliseconds from a click on a part of a slice until its rows are named."""
    script = """
    const [number, done] = arguments
    const bars = document.querySelectorAll(".sw-sliced"), bar = bars[number % bars.length]
    const before = document.querySelector(".st-key-rows-title p")?.textContent, start = performance.now()
    bar.click()
    const look = () => document.querySelector(".st-key-rows-title p")?.textContent !== before
      ? done(performance.now() - start) : requestAnimationFrame(look)
    look()
    """
    from driving import wait_drawn

    found = float(driver.execute_async_script(script, number))
    wait_drawn(driver)
    time.sleep(0.5)
    return found


@contextlib.contextmanager
def homes(sizes: list[int]) -> Iterator[Path]:
    """A home with a workspace for each size, each with two runs."""
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            workspace = Workspace.create(Path(folder) / f"bench{n}")
            make_run(workspace, "popular", n, 0.2)
            make_run(workspace, f"als-{n}", n, 0.4)
        yield Path(folder)


def main() -> None:
    """Print a block for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--browser", action="store_true", help="also measure the page in a browser")
    chosen = parser.parse_args()
    with homes(chosen.rows) as home:
        for n in chosen.rows:
            measure(Workspace.open(home / f"bench{n}"), n)
        if chosen.browser:
            browse(home, chosen.rows, chosen.sessions)


if __name__ == "__main__":
    main()
