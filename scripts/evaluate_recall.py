"""How much the retrievers find of what later reviews ask for: python scripts/evaluate_recall.py [--workspace NAME]

Each review of a part is a query that should find its own product; documents know nothing of it. Recall at 1 to 100 and
MRR (within the first 100) with 95 % intervals, beside popularity and BM25; each retriever's run is kept in the
workspace. About 200 queries a second without a hybrid.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from engine.errors import counted
from engine.recall import QUERIES, RecallReport
from engine.search.encoders import EMBEDDED
from engine.search.evaluation import CUTOFFS, METRICS
from engine.search_measuring import BASELINES, RETRIEVERS, recall_of_part
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

COMPARED = ("recall@10", "recall@100", "mrr")


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Measure, save runs, and print them beside each other."""
    made = parser(__doc__)
    made.add_argument("--split", choices=("valid", "test"), default="valid", help="whose reviews (default: valid)")
    made.add_argument("--queries", choices=tuple(QUERIES), default="reviews", help="what asks (default: reviews)")
    made.add_argument(
        "--retrievers", nargs="+", default=list(RETRIEVERS), metavar="NAME", help="default: all but the second stage"
    )
    made.add_argument("--encoder", default=EMBEDDED, metavar="MODEL", help=f"whose index (default: {EMBEDDED})")
    made.add_argument("--max-queries", type=int, metavar="N", help="N of the reviews, drawn at random")
    arguments = made.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    with tqdm(desc="Searching", unit=" queries", file=sys.stderr, disable=None) as bar:
        report = recall_of_part(
            workspace,
            arguments.split,
            encoder=arguments.encoder,
            names=tuple(arguments.retrievers),
            kind=arguments.queries,
            most=arguments.max_queries,
            on_done=bar.update,
        )
    show_recall(report)
    return 0


def show_recall(report: RecallReport) -> None:
    """Print the figures, their intervals, and every retriever against both baselines."""
    first = next(iter(report.runs.values()))
    print(f"Rule     {first.eligibility}, {first.split}")
    print(f"Queries  {report.n_queries:,}; the product of {report.n_queries - report.n_answerable:,} is in no document")
    print(" " * 14 + "".join(f"R@{k}".rjust(15) for k in CUTOFFS) + "MRR".rjust(15))
    for name, figures in report.figures.items():
        print(f"{name:<14}" + "".join(f"{figures[metric].b:15.3f}" for metric in METRICS))
        print(" " * 14 + "".join(f"{figures[m].low:.3f} to {figures[m].high:.3f}".rjust(15) for m in METRICS))
    if report.n_answerable < report.n_queries:
        print(f"Of the {counted(report.n_answerable, 'query')} whose product is there:".replace("querys", "queries"))
        for name, figures in report.answerable.items():
            print(f"{name:<14}" + "".join(f"{figures[metric].b:15.3f}" for metric in METRICS if figures))
    for base in BASELINES:
        for name in report.runs:
            for metric in COMPARED if name not in BASELINES else ():
                print(f"{name} against {base}: {metric} {report.compared(base, name, metric).words()}")
    for name, run_ in report.runs.items():
        print(f"Run {run_.id} ({name})")


if __name__ == "__main__":
    sys.exit(main())
