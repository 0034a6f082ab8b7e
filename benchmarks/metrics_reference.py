"""Our metrics against ranx, trec_eval (pytrec_eval) and scikit-learn on random cases, and a worked case by hand.

Each case has queries with lists of their own length, some empty; judgments with grades, some of nothing relevant;
items that a list repeats; and scores that tie. Tools get what they can take: the same lists without queries that they
would drop. Printed is the largest difference of any figure; it should stay below 1e-9.

    python benchmarks/metrics_reference.py [--cases 1000]
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.metrics.measures import aggregate, row_values
from engine.metrics.ranking import top_k
from engine.trec import qrel_lines, run_lines

TREC = {
    **{f"recall@{k}": f"recall_{k}" for k in (5, 10, 20)},
    **{f"precision@{k}": f"P_{k}" for k in (5, 10)},
    **{f"ndcg@{k}": f"ndcg_cut_{k}" for k in (5, 10)},
    "hit_rate@10": "success_10",
    "map": "map",
    "mrr": "recip_rank",
    "map@10": "map_cut_10",
}
RANX = {
    **{
        name: name for name in ("recall@5", "recall@10", "precision@5", "hit_rate@10", "map", "map@10", "mrr", "mrr@10")
    },
    "ndcg@10": "ndcg@10",
    "ndcg_exp@10": "ndcg_burges@10",
}
WORKED = {
    "hits": [["b", "c", "a", "x", "d"], ["x", "a"], ["x"], []],
    "relevant": [["a", "b", "d", "e"], ["a"], ["z", "y"], ["a"]],
    "gains": [[2.0, 1.0, 1.0, 2.0], [1.0], [2.0, 1.0], [1.0]],
}
EXPECTED = {
    "map": [0.566667, 0.5, 0, 0],
    "recall@10": [0.75, 1, 0, 0],
    "mrr": [1, 0.5, 0, 0],
    "ndcg@10": [0.56931, 0.63093, 0, 0],
    "ndcg_exp@10": [0.49573, None, 0, 0],
}


def case(seed: int) -> pd.DataFrame:
    """Rows of a run: 1 to 12 queries over up to 40 items, lists by tied scores, with repeats and empties."""
    rng = np.random.default_rng(seed)
    n, items = int(rng.integers(1, 13)), [f"i{place}" for place in range(int(rng.integers(2, 41)))]
    ids = [f"q{place}" for place in range(n)]
    scores = rng.integers(0, 5, (n, len(items))) / 4
    orders = top_k(scores, len(items), row_ids=ids, column_ids=items)
    hits = [[items[place] for place in order[: rng.integers(0, len(items) + 1)]] for order in orders]
    hits = [row + row[: rng.integers(0, 3)] for row in hits]
    relevant = [rng.choice(items, rng.integers(0, min(6, len(items))), replace=False).tolist() for _ in ids]
    gains = [rng.integers(0, 4, len(wanted)).astype(float).tolist() for wanted in relevant]
    return pd.DataFrame({"query_id": ids, "hits": hits, "relevant": relevant, "gains": gains})


def parsed(lines: Any, column: int, value: Any) -> dict[str, dict[str, Any]]:
    """TREC lines as {query: {item: value of `column`}}."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        words = line.split()
        found.setdefault(words[0], {})[words[2]] = value(words[column])
    return found


def trec_gap(rows: pd.DataFrame) -> float:
    """The largest difference from trec_eval, query by query."""
    import pytrec_eval

    qrels = parsed(qrel_lines("search", rows), 3, int)
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(TREC.values())).evaluate(
        parsed(run_lines("search", rows, "m"), 4, float)
    )
    ours = row_values("search", rows, list(TREC)).set_index("query_id")
    return max(abs(ours.loc[query, mine] - theirs[query][name]) for query in theirs for mine, name in TREC.items())


def ranx_gap(rows: pd.DataFrame) -> float:
    """The largest difference from ranx's means."""
    import ranx

    qrels = ranx.Qrels(parsed(qrel_lines("search", rows), 3, int))
    run = ranx.Run(parsed(run_lines("search", rows, "m"), 4, float))
    theirs = ranx.evaluate(qrels, run, list(RANX.values()))
    ours = aggregate("search", rows, list(RANX))
    return max(abs(ours[mine] - theirs[name]) for mine, name in RANX.items())


def sklearn_gap(seed: int) -> float:
    """The largest difference of F1, precision and recall of sets of tags from scikit-learn's."""
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(seed)
    tags = [f"t{place}" for place in range(int(rng.integers(2, 9)))]
    n = int(rng.integers(1, 20))
    true, predicted = (rng.random((n, len(tags))) < rng.random() for _ in range(2))
    columns = [[[tag for tag, on in zip(tags, row, strict=True) if on] for row in side] for side in (true, predicted)]
    rows = pd.DataFrame({"item_id": [f"s{i}" for i in range(n)], "true": columns[0], "known": columns[0]})
    ours = aggregate(
        "tags", rows.assign(predicted=columns[1], ranked=columns[1]), ["micro_f1", "macro_f1", "precision", "recall"]
    )
    theirs = precision_recall_fscore_support(true, predicted, average="micro", zero_division=0)
    gaps = [
        abs(ours[name] - value) for name, value in zip(("precision", "recall", "micro_f1"), theirs[:3], strict=True)
    ]
    supported = np.flatnonzero(true.any(axis=0))
    if len(supported):
        macro = precision_recall_fscore_support(true, predicted, average="macro", zero_division=0, labels=supported)
        gaps.append(abs(ours["macro_f1"] - macro[2]))
    return max(gaps)


def worked_gap() -> float:
    """The largest difference from the case worked by hand, whose values have five digits."""
    rows = pd.DataFrame({"query_id": ["q1", "q2", "q3", "q4"], **WORKED})
    ours = row_values("search", rows, list(EXPECTED))
    return max(
        abs(found - value)
        for name, values in EXPECTED.items()
        for found, value in zip(ours[name], values, strict=True)
        if value is not None
    )


def main() -> None:
    """Run all cases and print the largest differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    cases = parser.parse_args().cases
    warnings.simplefilter("ignore")
    frames = [case(seed) for seed in range(cases)]
    print(f"{cases} random cases; the largest difference of any figure from")
    print(f"  trec_eval, {len(TREC)} metrics, query by query  {max(map(trec_gap, frames)):.1e}")
    print(f"  ranx, {len(RANX)} metrics, means  {max(map(ranx_gap, frames)):.1e}")
    print(f"  scikit-learn, 4 metrics of tags  {max(map(sklearn_gap, range(cases))):.1e}")
    print(f"  the case worked by hand (given to five digits)  {worked_gap():.1e}")
    mean = aggregate("search", pd.DataFrame({"query_id": ["q1", "q2", "q3", "q4"], **WORKED}), ["ndcg@10"])["ndcg@10"]
    print(f"  its mean NDCG@10 over four queries, one without a list: {mean:.4f} (by hand 0.3001)")


if __name__ == "__main__":
    main()
