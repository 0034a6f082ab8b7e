"""Measure a tagger on what people decided: python scripts/evaluate_gold.py --model linear

Decisions of the page Tag review are the golden set: only (SKU, tag) pairs that somebody decided count. They are
measured on SKUs that neither the tagger nor the prior beside it learned from; --seen takes all of them, which flatters
both. What was measured is saved as runs. A few seconds.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from engine.golden import METRICS, evaluate_gold
from engine.settings import load_settings
from engine.workflows import BASELINE, TaggerReport
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

WORDS = {"precision": "precision", "recall": "recall", "micro_f1": "micro-F1"}
CAUTION = (
    "People mostly look at what a tagger proposes, so recall is too good here and precision is what to look at; what "
    "nobody decided is neither right nor wrong."
)


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Measure, save the runs, print the figures beside the baseline's."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    _show(evaluate_gold(workspace, arguments.model, seen=arguments.seen))
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--model", default="linear", help="which trained tagger to measure (default: linear)")
    made.add_argument("--seen", action="store_true", help="count SKUs that the taggers learned from as well")
    return made


def _show(report: TaggerReport) -> None:
    print(f"Rule     {report.run.eligibility}")
    print(
        f"SKUs     {report.n_items:,}".ljust(21)
        + report.run.model.rjust(10)
        + (BASELINE.rjust(10) * bool(report.baseline))
    )
    for name in METRICS:
        beside = _figure(report.baseline[name]) if report.baseline else ""
        print(f"  {WORDS[name]:<19}{_figure(report.figures[name])}{beside}")
    if report.difference:
        print(f"Against the prior: micro-F1 {report.difference.words()}")
    print(CAUTION)
    print(f"Run {report.run.id}")


def _figure(value: float) -> str:
    return f"{'none':>10}" if math.isnan(value) else f"{value:10.3f}"


if __name__ == "__main__":
    sys.exit(main())
