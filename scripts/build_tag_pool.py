"""Collect the different tags of each category, with the number of SKUs: python scripts/build_tag_pool.py

Reads the free tags of the workspace (source llm, extracted or import; the one with most rows unless --source names it)
and keeps them as its raw pool, for consolidate_tags.py. A second or two.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.settings import load_settings
from engine.tags.pool.build import count_tags, free_source, save_raw
from engine.tags.pool.lamoda_files import write_pools
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

SHOWN = 5


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Count, save, and show the most frequent tags of each category."""
    made = parser(__doc__)
    made.add_argument("--source", help="the source of the tags (default: llm, extracted or import, whichever has most)")
    made.add_argument("--csv", type=Path, metavar="FILE", help="also write them as tag_pulls_raw.csv does")
    arguments = made.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    source = free_source(workspace, arguments.source)
    counts = count_tags(workspace, source)
    place = save_raw(workspace, source, counts)
    for category, tags in counts.items():
        best = ", ".join(f"{tag} ({count})" for tag, count in list(tags.items())[:SHOWN])
        print(f"{category:<14}{len(tags):>7,} tags: {best}")
    print(f"Saved the raw pool of source {source} in {place}")
    if arguments.csv:
        write_pools(arguments.csv, counts)
        print(f"Wrote {arguments.csv}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
