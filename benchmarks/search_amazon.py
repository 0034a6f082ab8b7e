"""How much search finds of what later reviews ask for: python benchmarks/search_amazon.py [DATA] [--max-pairs N]

The review-as-query protocol on two sets of Amazon's reviews: documents are made of train reviews (before the first of
two global cut-offs, 80/10/10), each review of test is a query, and its product is what should be found. Recall and MRR
(within the first 100) for popularity, BM25, dense (all-MiniLM-L6-v2), the hybrid of both, the same encoder fine-tuned
on N pairs of train (default 2,000) and the hybrid with it, with 95 % intervals and paired differences. Fusion's weight
and the best step are chosen on valid; test is read once. DATA holds the folders of the sets (default: ../shared/data).
About 20 minutes on two cores, most of them fine-tuning.
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.data.importer import import_files
from engine.data.splits import leaked_rows
from engine.recall import RecallReport, later_reviews, measure_recall
from engine.search.base import Retriever
from engine.search.building import build_documents
from engine.search.dense import Dense
from engine.search.documents import read_documents
from engine.search.evaluation import CUTOFFS, METRICS, review_queries
from engine.search.extraction import extract_keywords
from engine.search.finetune import finetune, later_pairs, pairs_of
from engine.search.finetune_config import FinetuneConfig
from engine.search.hybrid import Hybrid
from engine.search.index import build_index
from engine.search.learning import fit_weight
from engine.search.pairs import PairConfig, build_pairs
from engine.search.popular import Popular
from engine.search.review_splits import current_split, read_part, split_reviews
from engine.search.words import build_words
from engine.workspace import Workspace

SETS = ("amazon_2023_subscription_boxes", "amazon_2014_digital_music")
WEIGHED = 200  # queries of valid by which fusion's weight is chosen
STEPS = (
    ("popular", "dense"),
    ("bm25", "dense"),
    ("dense", "tuned dense"),
    ("bm25", "tuned dense"),
    ("bm25", "hybrid"),
    ("dense", "hybrid"),
    ("tuned dense", "tuned hybrid"),
    ("hybrid", "tuned hybrid"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure both sets in workspaces that are thrown away."""
    made = ArgumentParser(description=__doc__)
    made.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data")
    made.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    made.add_argument("--max-pairs", type=int, default=2000, metavar="N", help="0: without fine-tuning")
    made.add_argument("--no-fusion", action="store_true", help="leave the hybrids out, which take most of searching")
    made.add_argument("--epochs", type=int, default=1)
    made.add_argument("--train-layers", type=int, default=3, metavar="N")
    made.add_argument("--rate", type=float, default=5e-5)
    arguments = made.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        os.environ["SHELFWISE_HOME"] = home  # where trainings keep their checkpoints
        for name in arguments.sets:
            print(f"\n{name}", flush=True)
            workspace = Workspace.create(Path(home) / name)
            import_files(workspace, "amazon", [arguments.data / name])
            _measure(workspace, arguments)


def _measure(workspace: Workspace, arguments: Namespace) -> None:
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    documents = read_documents(workspace)
    eligible = np.array([bool(text) for text in documents.texts])
    retrievers = _untuned(workspace, arguments) | (_tuned(workspace, arguments) if arguments.max_pairs else {})
    asked = replace(
        later_reviews(workspace, "test"),
        eligible=eligible,
        about="reviews of test as queries for their product, among documents with a text",
    )
    report = measure_recall(
        workspace,
        retrievers,
        asked,
        configs={name: {} for name in retrievers},
        baselines=list(retrievers),
    )
    _check(workspace, eligible, report)
    _show(report)


def _untuned(workspace: Workspace, arguments: Namespace) -> dict[str, Retriever]:
    documents, start = read_documents(workspace), time.perf_counter()
    build_index(workspace)
    print(f"Embedded {len(documents.texts):,} documents in {time.perf_counter() - start:.0f} s", flush=True)
    bm25, dense = build_words(workspace), Dense.open(workspace)
    hybrid = {} if arguments.no_fusion else {"hybrid": _fused(workspace, Hybrid(bm25, dense))}
    popular = Popular.build(documents.frame, documents.item_ids)
    return {"popular": popular, "bm25": bm25, "dense": dense, **hybrid}


def _tuned(workspace: Workspace, arguments: Namespace) -> dict[str, Retriever]:
    pairs = pairs_of(build_pairs(workspace, config=PairConfig("review_text")))
    config = FinetuneConfig(
        epochs=arguments.epochs,
        rate=arguments.rate,
        train_layers=arguments.train_layers,
        max_pairs=arguments.max_pairs,
        evaluate_every=20,
    )
    start = time.perf_counter()
    card = finetune(workspace, pairs, later_pairs(workspace), config=config)
    seconds, metrics = time.perf_counter() - start, card.metrics
    print(
        f"Learned from {card.config['pairs']:,} of {len(pairs):,} pairs, epochs {config.epochs}, "
        f"upper layers {config.train_layers}, in {seconds:.0f} s; valid MRR {metrics['valid_mrr_base']:.3f} -> "
        f"{metrics['valid_mrr']:.3f} after step {card.config['best_step']}",
        flush=True,
    )
    name = f"artifact:{card.name}"
    build_index(workspace, name)
    dense = Dense.open(workspace, name)
    if arguments.no_fusion:
        return {"tuned dense": dense}
    return {"tuned dense": dense, "tuned hybrid": _fused(workspace, Hybrid(build_words(workspace), dense))}


def _fused(workspace: Workspace, hybrid: Hybrid) -> Hybrid:
    """`hybrid` with the weight that valid likes best."""
    weights = fit_weight(hybrid, review_queries(read_part(workspace, "valid"), most=WEIGHED))
    best = max(weights, key=lambda weight: weights[weight])
    print(f"Fusion: {best:.2f} of words, chosen on {WEIGHED} reviews of valid", flush=True)
    return Hybrid(hybrid.bm25, hybrid.dense, replace(hybrid.config, weight=best))


def _check(workspace: Workspace, eligible: np.ndarray, report: RecallReport) -> None:
    """The two suspicious-split checks: popularity alone, and nothing from after the cut-off."""
    late = leaked_rows(current_split(workspace), read_part(workspace, "train").dropna(subset="timestamp"))
    alone = report.figures["popular"]["recall@100"]
    print(f"Check: {len(late)} train reviews are from the cut-off or later; {int((~eligible).sum()):,} SKUs without a")
    print(f"       text of train are never found; popularity alone reaches Recall@100 {alone.b:.3f}")


def _show(report: RecallReport) -> None:
    for about, n, figures in (
        ("all; those whose product no document of train tells of count as missed", report.n_queries, report.figures),
        ("those whose product can be found", report.n_answerable, report.answerable),
    ):
        print(f"{n:,} queries: {about}")
        print(" " * 14 + "".join(f"R@{k}".rjust(9) for k in CUTOFFS) + "MRR".rjust(9))
        for name, found in figures.items():
            print(f"{name:<14}" + "".join(f"{found[metric].b:9.3f}" for metric in METRICS))
            spread = (f"±{(found[metric].high - found[metric].low) / 2:.3f}".rjust(9) for metric in METRICS)
            print(" " * 14 + "".join(spread))
    for base, other in [pair for pair in STEPS if set(pair) <= set(report.runs)]:
        for metric in ("recall@10", "recall@100", "mrr"):
            print(f"{other} against {base}: {metric} {report.compared(base, other, metric).words()}")


if __name__ == "__main__":
    main()
