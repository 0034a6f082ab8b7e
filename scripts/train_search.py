"""Train the search: train_search.py [--workspace NAME] [--encoder all-MiniLM-L6-v2] [--set NAME=VALUE] [--seed N]

Indexes the documents by words, fits the weight of words against meaning on valid, and learns the second stage from the
judged queries of train (without judgments: from later reviews). Measures every retriever once on test beside BM25 and
popularity. Needs documents and an index (build_documents.py, build_index.py). Seconds for the demo, minutes for
100,000 items. Stop it at any moment: the version that served before stays until the new one is whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tqdm import tqdm

from engine.search.encoders import EMBEDDED
from engine.search.registry import RETRIEVERS
from engine.searching import METRICS, SearchReport, train_search
from engine.settings import load_settings
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.component_settings import config_of


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then print what every retriever reaches and where the result is."""
    made = parser(__doc__)
    made.add_argument("--encoder", default=EMBEDDED, metavar="NAME", help=f"whose index (default: {EMBEDDED})")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the second stage, as rounds=200"
    )
    made.add_argument("--seed", type=int, help="seed of the split of queries (default: SHELFWISE_SEED)")
    arguments = made.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    config = config_of(RETRIEVERS, "second_stage", arguments.set) if arguments.set else None
    with tqdm(unit=" queries", file=sys.stderr, leave=False) as bar:
        seed = chosen_seed(arguments.seed)
        report = train_search(workspace, encoder=arguments.encoder, config=config, seed=seed, report=_moving(bar))
    _show(workspace, report)
    return 0


def _moving(bar: tqdm) -> Callable[[str, int], None]:
    def report(step: str, done: int) -> None:
        bar.set_description(step)
        bar.n = done
        bar.refresh()

    return report


def _show(workspace: Workspace, report: SearchReport) -> None:
    fusion = report.card.config["fusion"]
    print(f"Weight   {fusion['weight']:.2f} of words, {1 - fusion['weight']:.2f} of meaning, fitted on valid")
    if "second_stage" not in report.card.config:
        print("Order    no candidate of train was relevant, so there is no second stage")
    print(f"Rule     {next(iter(report.runs.values())).eligibility}, {report.card.split}")
    print("Test".ljust(16) + "".join(metric.rjust(12) for metric in METRICS))
    for name, figures in report.figures.items():
        print(f"  {name:<14}" + "".join(f"{figures[metric]:12.3f}" for metric in METRICS))
    for (baseline, other, metric), difference in report.compared.items():
        print(f"{other} against {baseline}: {metric} {difference.words()}")
    print(f"Saved in {workspace.path / 'artifacts' / report.card.kind / report.card.name / report.card.version}")


if __name__ == "__main__":
    sys.exit(main())
