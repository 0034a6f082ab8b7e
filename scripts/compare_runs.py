"""Compare runs honestly: python scripts/compare_runs.py A B [C …] [--metrics ndcg@10,mrr] [--margin 0.005]

Each run is compared with the first, row by row, on the same rows: the paired bootstrap's interval, wins and losses, a
permutation test whose p-values are corrected for their number (Holm), the size of the effect, and whether the run is
no worse than the first by more than the margin. Runs of other data, split or eligibility are refused.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from engine.comparing import MARGIN, compare_runs
from engine.errors import SettingsError
from engine.runs import RunStore
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print a table for each run beside the first."""
    arguments = _parser().parse_args(argv)
    if not arguments.margin >= 0:
        raise SettingsError(f"--margin is {arguments.margin}; it must be 0 or more.")
    store = RunStore(find_workspace(load_settings().home, chosen_workspace(arguments.workspace)))
    metrics = [name.strip() for name in arguments.metrics.split(",") if name.strip()] if arguments.metrics else None
    first = store.get(arguments.runs[0])
    for other in arguments.runs[1:]:
        found = compare_runs(
            store, first.id, other, metrics=metrics, margin=arguments.margin, seed=chosen_seed(arguments.seed)
        )
        print(f"{found.b.model} ({found.b.id}) beside {first.model} ({first.id})")
        for name, line in found.metrics.items():
            print(f"  {name:<14}{line.test.a:>8.4f}{line.test.b:>8.4f}  {line.words}")
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("runs", nargs="+", metavar="RUN", help="ids of two runs or more; the first is the baseline")
    made.add_argument("--metrics", metavar="A,B", help="which metrics (default: those of the kind of run)")
    made.add_argument("--margin", type=float, default=MARGIN, help="what counts as no worse (default: %(default)s)")
    made.add_argument("--seed", type=int, help="seed of the resamples (default: SHELFWISE_SEED)")
    return made


if __name__ == "__main__":
    sys.exit(main())
