"""How well the taggers do on Lamoda's pooled tags: python benchmarks/tags_lamoda.py [DATA] [--seeds N]

DATA is the folder of the raw files (default: ../shared/data/lamoda). N (default 5) random 80/20 splits by SKU; labels
are tags that at least 5 SKUs of train have; calibration and thresholds come from inside train. Test is read once for
each seed. Printed twice: over all SKUs, where one without pooled tags makes every asserted tag a mistake, and over
those with tags only. About six minutes on two cores.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.importer import import_files
from engine.metrics.measures import measures
from engine.metrics.significance import paired_bootstrap
from engine.tags.base import TaggedItems
from engine.tags.corpus import Corpus, read_corpus
from engine.tags.registry import TAGGERS
from engine.workflows import tag_rows
from engine.workspace import Workspace

FILE = "lamoda_reviews_sampled_with_pull_tags.csv"
METRICS = ["micro_f1", "macro_f1", "p@3", "r@3", "micro_f1_oov"]
MODELS = ("prior", "linear", "stacked")


def main(argv: Sequence[str] | None = None) -> None:
    """Import the file into a workspace that is thrown away, measure, print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data/lamoda")
    arguments.add_argument("--seeds", type=int, default=5, metavar="N")
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace.create(Path(place) / "lamoda")
        import_files(workspace, "lamoda", [chosen.data / FILE])
        corpus = read_corpus(workspace)
    everything = [item.item_id for item in corpus.items]
    corpus = Corpus(corpus.items, {sku: corpus.tags.get(sku, frozenset()) for sku in everything}, corpus.source)
    for about, skus in (("all SKUs", everything), ("SKUs with tags", [sku for sku in everything if corpus.tags[sku]])):
        _report(about, len(skus), [_measure(corpus, skus, seed) for seed in range(chosen.seeds)])


def _measure(corpus: Corpus, skus: list[str], seed: int) -> dict[str, tuple[pd.DataFrame, float]]:
    """For each model the rows of its run on test, and the seconds that it took to learn."""
    shuffled = np.random.default_rng(seed).permutation(np.array(skus, dtype=object))
    test, valid, train = np.split(shuffled, [len(skus) // 5, len(skus) // 5 + len(skus) * 4 // 25])
    parts: list[TaggedItems] = [corpus.choose(part) for part in (train, valid, test)]
    measured = {}
    for model in MODELS:
        start = time.perf_counter()
        tagger = TAGGERS.load(model)().fit(parts[0], parts[1])
        measured[model] = (tag_rows(tagger, parts[2]), time.perf_counter() - start)
    return measured


def _report(about: str, n_skus: int, seeds: list[dict[str, tuple[pd.DataFrame, float]]]) -> None:
    print(f"\nLamoda pooled tags, {about} ({n_skus:,}), {len(seeds)} seeds: mean ± sd over seeds")
    print(f"{'':<10}" + "".join(name.rjust(17) for name in METRICS) + "train and test".rjust(17))
    for model in MODELS:
        figures = [{name: m.total for name, m in measures("tags", s[model][0], METRICS).items()} for s in seeds]
        cells = [[one[name] for one in figures] for name in METRICS]
        seconds = np.mean([s[model][1] for s in seeds])
        shown = "".join(f"{np.mean(cell):.3f} ± {_sd(cell):.3f}".rjust(17) for cell in cells)
        print(f"{model:<10}{shown}{f'{seconds:.1f} s':>17}", flush=True)
    for worse, better in itertools.pairwise(MODELS):
        for seed, measured in enumerate(seeds):
            both = [measures("tags", measured[model][0], ["micro_f1"])["micro_f1"] for model in (worse, better)]
            words = paired_bootstrap(*both, seed=seed, unit="SKUs").words()
            print(f"{better} - {worse}, seed {seed}: micro-F1 {words}", flush=True)


def _sd(cell: Sequence[float]) -> float:
    return float(np.std(cell, ddof=1)) if len(cell) > 1 else 0.0


if __name__ == "__main__":
    main()
