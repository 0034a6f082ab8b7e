"""Split the reviews by time into train, valid and test: python scripts/split_reviews.py --workspace NAME

Documents are made of train reviews; later reviews are the queries that ask for them. Without cut-offs they lie where 80
and 90 per cent of the reviews are written. Reviews without a time belong to train; where most have none, all are split
by a hash of their id. A few seconds for millions of reviews.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from engine.data.splits import PARTS
from engine.errors import SettingsError
from engine.search.review_splits import ReviewSplit, split_reviews
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Split, save, and print what is in each part."""
    made = parser(__doc__)
    made.add_argument(
        "--cutoffs",
        type=int,
        nargs=2,
        metavar=("VALID", "TEST"),
        help="where valid and test begin, ms since 1970 (UTC)",
    )
    made.add_argument("--fractions", type=float, nargs=3, metavar="SHARE", help="of each part (default: 0.8 0.1 0.1)")
    made.add_argument("--seed", type=int, help="of a split by hash (default: SHELFWISE_SEED)")
    arguments = made.parse_args(argv)
    if arguments.cutoffs and arguments.fractions:
        raise SettingsError("Give --cutoffs or --fractions, not both.")
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    options = {"fractions": arguments.fractions} if arguments.fractions else {"cutoffs_ms": arguments.cutoffs}
    _show(split_reviews(workspace, seed=chosen_seed(arguments.seed), **options))
    return 0


def _show(made: ReviewSplit) -> None:
    split = made.split
    starts = ["", *(f" from {cutoff:%Y-%m-%d %H:%M:%S} UTC" for cutoff in split.cutoffs)] if split.cutoffs else [""] * 3
    for part, start in zip(PARTS, starts, strict=True):
        print(f"{part:<6}{split.sizes[part]:>12,} reviews{start}")
    if made.undated:
        print(f"      {made.undated:>12,} of train have no time; they serve documents and never ask")
    if split.seed is not None:
        print(f"Split by a hash of the review's id (seed {split.seed}), because most reviews have no time")
    print(f"Saved as {split.hash}")


if __name__ == "__main__":
    sys.exit(main())
