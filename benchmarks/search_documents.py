"""How fast documents are made of reviews, and what memory that takes: python benchmarks/search_documents.py [DATA]

For amazon_2023_subscription_boxes under DATA (default ../shared/data): reviews a second of the embedded keywords, alone
and with reading and writing; documents and pairs a second; then the same reviews 1, 4 and 16 times over (as other
items'), each in a process of its own, with the peak of its memory. About two minutes on two cores.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from engine.data.importer import import_files
from engine.search.building import build_documents
from engine.search.extraction import extract_keywords, review_text
from engine.search.keywords import embedded_keywords
from engine.search.pairs import PairConfig, build_pairs
from engine.search.review_splits import read_part, split_reviews
from engine.workspace import Workspace, new_workspace

SOURCE = "amazon_2023_subscription_boxes"
TIMES = (1, 4, 16)
MOST_PAIRS = 50  # of one item


def main() -> None:
    """Measure on the data itself, then on copies of it."""
    if sys.argv[1:2] == ["--one"]:
        return measure(Workspace.open(Path(sys.argv[2])))
    data = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data") / SOURCE
    with tempfile.TemporaryDirectory() as home:
        workspace = new_workspace(Path(home), "boxes")
        import_files(workspace, "amazon", [data])
        split_reviews(workspace)
        alone(workspace)
        for times in TIMES:
            copied = new_workspace(Path(home), f"times{times}")
            with copied.replace_tables("copies") as writer:
                for table, key in (("items", None), ("reviews", "review_id")):
                    for rows in copies(workspace, table, key, times):
                        writer.write(table, rows)
            subprocess.run([sys.executable, __file__, "--one", str(copied.path)], check=True)
    return None


def alone(workspace: Workspace) -> None:
    """The extractor without reading and writing."""
    texts = [review_text(row) for row in read_part(workspace, "train").to_dict("records")]
    started = time.perf_counter()
    said = [embedded_keywords(text).all for text in texts]
    seconds = time.perf_counter() - started
    letters = sum(map(len, texts))
    print(f"extractor  {len(texts) / seconds:>9,.0f} reviews/s, {letters / seconds / 1e6:.2f} million letters/s")
    print(
        f"           {sum(map(len, said)) / len(said):.1f} keywords a review, none in {said.count(()) / len(said):.1%}"
    )


def copies(workspace: Workspace, table: str, key: str | None, times: int) -> Iterator[pa.Table]:
    """The table `times` over, each time with ids of its own."""
    rows = workspace.read(table)
    for number in range(times):
        made = rows.copy()
        for column in filter(None, ("item_id", key)):
            made[column] = made[column] + f"-{number}"
        yield made


def measure(workspace: Workspace) -> None:
    """Each step of one workspace, and the peak of this process's memory."""
    split_reviews(workspace)
    n_items, n_reviews = workspace.tables["items"].rows, workspace.tables["reviews"].rows
    seconds = []
    for step in (
        lambda: extract_keywords(workspace, "train"),
        lambda: build_documents(workspace),
        lambda: sum(1 for _ in build_pairs(workspace, config=PairConfig("both", per_item=MOST_PAIRS))),
    ):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rates = f"keywords {n_reviews * 0.8 / seconds[0]:>7,.0f} reviews/s, documents {n_items / seconds[1]:>6,.0f}/s"
    print(f"{n_reviews:>9,} reviews of {n_items:>6,} items: {rates}, pairs {seconds[2]:>5.1f} s, peak {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
