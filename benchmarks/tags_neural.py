"""How good and how fast the taggers over an encoder are: python benchmarks/tags_neural.py [WORKSPACE]

On the tags of WORKSPACE (default: demo), split as training splits them: micro-F1 on test of each tagger beside the
prior and the linear one, with paired intervals, and SKUs a second in batches against one at a time. Both read with the
embedded all-MiniLM-L6-v2; the adapters are those in lora_model/. Most of the time goes into training the
transformer: ten minutes or more on two cores.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from engine.data.splits import split_by_item
from engine.metrics.measures import measures
from engine.metrics.significance import paired_bootstrap
from engine.settings import load_settings
from engine.tags.corpus import read_corpus
from engine.tags.registry import TAGGERS
from engine.workflows import tag_rows
from engine.workspace import find_workspace

BASE = "all-MiniLM-L6-v2"
MODELS: dict[str, dict[str, Any]] = {
    "prior": {},
    "linear": {},
    "lora": {"base": BASE, "adapters": "lora_model"},
    "transformer": {"base": BASE, "frozen_layers": 3, "epochs": 1, "train_chunks": 6},
}
N_SINGLE = 10


def main(argv: Sequence[str]) -> None:
    """Learn on train and valid, read test once for each, print."""
    settings = load_settings()
    corpus = read_corpus(find_workspace(settings.home, argv[0] if argv else "demo"))
    split = split_by_item(corpus.tagged, seed=settings.seed)
    train, valid, test = (corpus.choose(split.parts[part]) for part in ("train", "valid", "test"))
    rows: dict[str, pd.DataFrame] = {}
    for name, changed in MODELS.items():
        kind, start = TAGGERS.load(name), time.perf_counter()
        tagger = kind(kind.Config(**changed)).fit(train, valid)
        fitted = time.perf_counter()
        rows[name] = tag_rows(tagger, test)
        scored = time.perf_counter()
        for item in test.items[:N_SINGLE]:
            tagger.probabilities([item])
        single = N_SINGLE / (time.perf_counter() - scored)
        figure = measures("tags", rows[name], ["micro_f1"])["micro_f1"].total
        speed = f"{len(test.items) / (scored - fitted):8.1f} SKUs/s batched {single:8.1f} one by one"
        print(f"{name:<12} micro-F1 {figure:.3f} {speed}   learned in {fitted - start:.0f} s", flush=True)
    for name in ("lora", "transformer"):
        for other in ("prior", "linear"):
            pair = [measures("tags", rows[model], ["micro_f1"])["micro_f1"] for model in (other, name)]
            print(f"{name} - {other}: {paired_bootstrap(*pair, seed=0, unit='SKUs').words()}")


if __name__ == "__main__":
    main(sys.argv[1:])
