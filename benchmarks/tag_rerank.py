"""Whether the local check helps: python benchmarks/tag_rerank.py [WORKSPACE] [MODEL] [--encoder]

Reranks the 20 best tags of every SKU of test and measures the tagger's own list and the reranked one on the same SKUs:
micro-F1 of asserted tags, of the asserted ones among the first five, and precision at 3, each with a paired bootstrap
interval. The workspace (default: demo) needs the tagger (default: linear). A few seconds on two cores; with --encoder
(nearness in meaning by the embedded encoder) about a second per SKU. An LLM isn't measured here: it needs an endpoint.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import pandas as pd

from engine.metrics.measures import measures
from engine.metrics.significance import paired_bootstrap
from engine.settings import DEFAULT_SEED, load_settings
from engine.tags.corpus import read_corpus
from engine.tags.predictor import TagPredictor
from engine.tags.rerank import Move, RerankConfig, Reranker
from engine.tags.rerank_local import Encode, LocalCheck
from engine.workflows import tag_rows, trained_on
from engine.workspace import Workspace, find_workspace

FIRST = 5


def main(argv: Sequence[str]) -> None:
    """Measure, print the differences and what moved."""
    names = [name for name in argv if name != "--encoder"] + ["demo", "linear"][len(argv) - argv.count("--encoder") :]
    workspace, model = find_workspace(load_settings().home, names[0]), names[1]
    reranker = Reranker(LocalCheck(_encoder() if "--encoder" in argv else None), RerankConfig(20, 20))
    base, after, moves, seconds = measured(workspace, model, reranker)
    print(f"{len(base)} SKUs of test, {model}, {reranker.checker.name}{' with the encoder' * ('--encoder' in argv)}")
    for what, first, metric in (
        ("micro-F1, asserted", None, "micro_f1"),
        (f"micro-F1, asserted of the first {FIRST}", FIRST, "micro_f1"),
        ("precision at 3", None, "p@3"),
    ):
        a, b = (measures("tags", _cut(rows, first), [metric])[metric] for rows in (base, after))
        found = paired_bootstrap(a, b, seed=DEFAULT_SEED, unit="SKUs")
        print(f"{what:<34} {found.a:.3f} -> {found.b:.3f}  {found.words()}")
    judged = [(move, right) for move, right in moves if move.verdict]
    up = [right for move, right in judged if move.score > move.probability]
    down = [right for move, right in judged if move.score < move.probability]
    print(
        f"{len(judged)} of {len(moves)} candidates judged; truly the SKU's tags: {_share([r for _, r in moves])} of all"
    )
    print(f"of {len(up)} raised ones {_share(up)}, of {len(down)} lowered ones {_share(down)}")
    print(f"{seconds / len(base):.3f} s per SKU")


def measured(
    workspace: Workspace, model: str, reranker: Reranker
) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[Move, bool]], float]:
    """(rows of the tagger's lists, rows of the reranked ones, each candidate and whether it is true, seconds)."""
    predictor = TagPredictor.load(workspace, model)
    test = read_corpus(workspace).choose(trained_on(workspace, model)["test"])
    base = tag_rows(predictor.tagger, test)
    after, moves, seconds = base.copy(), [], 0.0
    for place, (item, true) in enumerate(zip(test.items, test.tags, strict=True)):
        scores = predictor.scores(item)
        started = time.perf_counter()
        found = reranker.rerank(item, scores)
        seconds += time.perf_counter() - started
        rest = scores[reranker.config.top_n :]
        asserted = [move.tag for move in found.moves if move.asserted] + [one.tag for one in rest if one.asserted]
        after.at[place, "predicted"] = asserted
        after.at[place, "ranked"] = [move.tag for move in found.moves]
        after.at[place, "scores"] = [move.score for move in found.moves]
        moves += [(move, move.tag in true) for move in found.moves]
    return base, after, moves, seconds


def _cut(rows: pd.DataFrame, first: int | None) -> pd.DataFrame:
    """`rows` with only those asserted tags that are among the first `first` of the ranking."""
    if first is None:
        return rows
    kept = [
        [tag for tag in predicted if tag in set(list(ranked)[:first])]
        for predicted, ranked in zip(rows["predicted"], rows["ranked"], strict=True)
    ]
    return rows.assign(predicted=kept)


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.1%}" if right else "none"


def _encoder() -> Encode:
    from engine.models.embedded import encode

    return encode


if __name__ == "__main__":
    main(sys.argv[1:])
