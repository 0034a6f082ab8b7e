"""How good and how fast taggers are beside those over an encoder: python benchmarks/tags_neural.py [WORKSPACE]

On the tags of WORKSPACE (default: demo), split as training splits them: micro-F1 on test of each tagger, paired
intervals against the prior and the linear one, and SKUs a second in batches and one at a time. Those over an encoder
read with the embedded all-MiniLM-L6-v2; the adapters are those in lora_model/. `--models lora stacked` runs only those,
and the two that they are compared with; `transformer` takes the longest: it reads and learns anew.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from engine.data.splits import split_by_item
from engine.metrics.measures import measures
from engine.metrics.significance import paired_bootstrap
from engine.settings import load_settings
from engine.tags.base import TaggedItems
from engine.tags.corpus import read_corpus
from engine.tags.registry import TAGGERS
from engine.workflows import tag_rows
from engine.workspace import find_workspace

BASE = "all-MiniLM-L6-v2"
MODELS: dict[str, dict[str, Any]] = {
    "prior": {},
    "linear": {},
    "stacked": {},
    "ensemble": {},
    "lora": {"base": BASE, "adapters": "lora_model", "most_chunks": 48},
    "transformer": {"base": BASE, "frozen_layers": 4, "epochs": 2, "train_chunks": 8, "most_chunks": 48},
}
COMPARED = ("prior", "linear")
N_SINGLE = 10


def main(argv: Sequence[str]) -> None:
    """Learn on train and valid, read test once for each, print."""
    arguments = _parser().parse_args(argv)
    settings = load_settings()
    corpus = read_corpus(find_workspace(settings.home, arguments.workspace))
    split = split_by_item(corpus.tagged, seed=settings.seed)
    train, valid, test = (corpus.choose(split.parts[part]) for part in ("train", "valid", "test"))
    chosen = [name for name in MODELS if name in (*COMPARED, *arguments.models)]
    rows = {name: _measure(name, train, valid, test) for name in chosen}
    for name in chosen:
        for other in COMPARED:
            if name not in COMPARED:
                pair = [measures("tags", rows[model], ["micro_f1"])["micro_f1"] for model in (other, name)]
                print(f"{name} - {other}: {paired_bootstrap(*pair, seed=0, unit='SKUs').words()}")


def _measure(name: str, train: TaggedItems, valid: TaggedItems, test: TaggedItems) -> pd.DataFrame:
    """Train, print figure and speeds; the rows of the run on test."""
    kind, start = TAGGERS.load(name), time.perf_counter()
    tagger = kind(kind.Config(**MODELS[name])).fit(train, valid)
    fitted = time.perf_counter()
    rows = tag_rows(tagger, test)
    scored = time.perf_counter()
    for item in test.items[:N_SINGLE]:
        tagger.probabilities([item])
    single = N_SINGLE / (time.perf_counter() - scored)
    figure = measures("tags", rows, ["micro_f1"])["micro_f1"].total
    speed = f"{len(test.items) / (scored - fitted):8.1f} SKUs/s batched {single:8.1f} one by one"
    print(f"{name:<12} micro-F1 {figure:.3f} {speed}   learned in {fitted - start:.0f} s", flush=True)
    return rows


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("workspace", nargs="?", default="demo")
    made.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME")
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
