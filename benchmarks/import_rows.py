"""How fast reviews are imported, and whether memory stays flat as they double: python benchmarks/import_rows.py

Generates Amazon 2023 reviews in a temporary folder and imports each number of them in a process of its own. About a
minute and 1 GB of disk on two cores.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

VOCABULARY = (
    "good bad soft warm large small cheap bright nice quality colour size fits leather zipper strap price gift again "
    "returned recommend delivery box broke after week washing daughter husband winter summer comfortable tight loose"
)
WORDS = VOCABULARY.split()
IMPORT = """
import resource, sys, time
from pathlib import Path
from engine.data.importer import import_files
from engine.workspace import Workspace
start = time.perf_counter()
report = import_files(Workspace.create(Path(sys.argv[1])), "amazon", [Path(sys.argv[2])])
print(report.kept["reviews"], time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write_reviews(file: Path, rows: int) -> None:
    """Write `rows` reviews of rows / 20 SKUs; one in a thousand is there twice."""
    rng = random.Random(rows)
    with file.open("w", encoding="utf-8") as handle:
        for number in range(rows):
            record = {
                "rating": float(rng.randint(1, 5)),
                "title": " ".join(rng.choices(WORDS, k=3)),
                "text": " ".join(rng.choices(WORDS, k=rng.randint(4, 60))),
                "asin": f"B{rng.randrange(rows // 20):09}",
                "user_id": f"A{rng.randrange(rows):027}",
                "timestamp": 1_500_000_000_000 + number * 1000,
            }
            line = json.dumps(record | {"parent_asin": record["asin"]}) + "\n"
            handle.write(line * (1 if number % 1000 else 2))


def measure(folder: Path, rows: int) -> tuple[float, float]:
    """(rows per second, peak memory in MB) of an import of `rows` reviews."""
    file = folder / f"Reviews_{rows}.jsonl"
    write_reviews(file, rows)
    command = [sys.executable, "-c", IMPORT, str(folder / str(rows)), str(file)]
    kept, seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    file.unlink()
    assert int(kept) == rows, f"{kept} of {rows} reviews kept"
    return rows / float(seconds), float(peak)


def main() -> None:
    """Measure each number of rows and print a line for each, then the ratio of the last peak to the first."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("rows", nargs="*", type=int, default=[250_000, 500_000, 1_000_000])
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in arguments.parse_args().rows:
            start = time.perf_counter()
            speed, peak = measure(Path(folder), rows)
            peaks.append(peak)
            print(
                f"{rows:>10,} reviews: {speed:>9,.0f} rows/s, peak {peak:,.0f} MB ({time.perf_counter() - start:.0f} s)"
            )
    print(f"peak memory, last to first: {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
