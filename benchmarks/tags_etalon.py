"""How well the taggers do on Lamoda's five labelled sets: python benchmarks/tags_etalon.py [DATA] [--seeds N]

DATA is the folder of the raw files (default: ../shared/data/lamoda). N (default 10) random 90/10 splits of each set; a
ninth of train is the taggers' valid, so that weights, calibration and thresholds are chosen inside train, and test is
read once for each seed. Micro-F1 counts every true tag, also one too rare to be learned. Intervals: paired bootstrap
over the SKUs of a set, those of all its seeds together. About ten minutes for ten seeds on two cores.

Published adapters over a base of 359 million parameters, on one split that they were also chosen on: accs 0.679,
beauty 0.650, clothes 0.575, bags 0.733.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.importer import import_files
from engine.metrics.measures import measures
from engine.metrics.significance import Measure, paired_bootstrap
from engine.tags.corpus import Corpus, read_corpus
from engine.tags.registry import TAGGERS
from engine.workflows import tag_rows
from engine.workspace import Workspace

SETS = {"accs": 0.679, "beauty": 0.650, "clothes": 0.575, "bags": 0.733, "shoes": float("nan")}
METRICS = ["micro_f1_oov", "macro_f1"]
MODELS = ("prior", "linear", "stacked")
Rows = dict[str, tuple[pd.DataFrame, float]]


def main(argv: Sequence[str] | None = None) -> None:
    """Import each set into a workspace that is thrown away, measure, print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data/lamoda")
    arguments.add_argument("--seeds", type=int, default=10, metavar="N")
    chosen = arguments.parse_args(argv)
    print(f"{'':<20}{'micro-F1':>17}{'macro-F1':>17}{'train and test':>16}", flush=True)
    for name in SETS:
        corpus = _read(chosen.data / f"etalon_{name}.csv")
        _report(name, [_measure(corpus, seed) for seed in range(chosen.seeds)])


def _read(file: Path) -> Corpus:
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace.create(Path(place) / "etalon")
        import_files(workspace, "lamoda", [file])
        corpus = read_corpus(workspace)
    tags = {item.item_id: corpus.tags.get(item.item_id, frozenset()) for item in corpus.items}
    return Corpus(corpus.items, tags, corpus.source)


def _measure(corpus: Corpus, seed: int) -> Rows:
    """For each model the rows of its run on test, and the seconds that it took to learn and to read test."""
    shuffled = np.random.default_rng(seed).permutation(np.array([item.item_id for item in corpus.items], dtype=object))
    tenth = round(len(shuffled) / 10)
    test, valid, train = (corpus.choose(part) for part in np.split(shuffled, [tenth, 2 * tenth]))
    measured = {}
    for model in MODELS:
        start = time.perf_counter()
        rows = tag_rows(TAGGERS.load(model)().fit(train, valid), test)
        measured[model] = rows, time.perf_counter() - start
    return measured


def _report(name: str, seeds: list[Rows]) -> None:
    for model in MODELS:
        figures = [{metric: m.total for metric, m in measures("tags", s[model][0], METRICS).items()} for s in seeds]
        cells = [np.array([one[metric] for one in figures]) for metric in METRICS]
        shown = "".join(f"{cell.mean():.3f} ± {_sd(cell):.3f}".rjust(17) for cell in cells)
        print(f"{name:<9}{model:<11}{shown}{np.mean([s[model][1] for s in seeds]):>14.1f} s", flush=True)
    for worse, better in (("prior", "linear"), ("linear", "stacked")):
        both = [_by_sku(pd.concat([s[model][0] for s in seeds], ignore_index=True)) for model in (worse, better)]
        print(f"{name:<9}{better} - {worse}: {paired_bootstrap(*both, seed=0, unit='SKUs').words()}", flush=True)
    if not np.isnan(SETS[name]):
        print(f"{name:<9}published adapter: {SETS[name]:.3f}", flush=True)


def _sd(cell: np.ndarray) -> float:
    return float(cell.std(ddof=1)) if len(cell) > 1 else 0.0


def _by_sku(rows: pd.DataFrame) -> Measure:
    """Micro-F1 over `rows` with all rows of a SKU as one: the seeds' tests overlap, and equal SKUs aren't news."""
    by_row = measures("tags", rows, METRICS[:1])[METRICS[0]]
    codes, names = pd.factorize(rows["item_id"])
    shape = (len(names), len(rows))
    of_sku = sparse.csr_array((np.ones(len(rows)), (codes, np.arange(len(rows)))), shape=shape)
    parts = np.asarray(of_sku @ np.asarray(by_row.parts, dtype=np.float64))
    return Measure(parts, by_row.combine, np.asarray(by_row.combine(parts, 1), dtype=np.float64))


if __name__ == "__main__":
    main()
