"""Give every SKU the pooled tags that stand for its free ones: python scripts/apply_tag_pool.py --workspace NAME

Uses the pool of consolidate_tags.py, or a map old -> new in the form of tag_mappings.csv (--map-csv), perhaps with the
agreed tags in the form of tag_pulls_best.csv (--pool-csv). Chains of the map are followed to their end. Writes source
"pool" of the tags table and accounts for every assignment. A few seconds.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from engine.data.lamoda import read_mappings, read_pools
from engine.errors import SettingsError
from engine.settings import load_settings
from engine.tags.pool.apply import ApplyReport, apply_pools, pools_of_map
from engine.tags.pool.build import Pool, count_tags, free_source, load_pools, load_raw
from engine.tags.pool.lamoda_files import write_tagged_reviews
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Apply, and print what became of the assignments."""
    made = parser(__doc__)
    made.add_argument("--source", help="the source of the free tags (default: the one that was consolidated)")
    made.add_argument("--map-csv", type=Path, metavar="FILE", help="a map of your own: good_type, old_tags, new_tag")
    made.add_argument("--pool-csv", type=Path, metavar="FILE", help="with --map-csv, the agreed tags: good_type, tags")
    made.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="also write lamoda_reviews_sampled_with_pull_tags.csv's columns to FILE",
    )
    arguments = made.parse_args(argv)
    if arguments.pool_csv and not arguments.map_csv:
        raise SettingsError("--pool-csv goes with --map-csv; without a map, the workspace's own pool is used.")
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    source, pools = _pools(workspace, arguments)
    _show(apply_pools(workspace, source, pools), source)
    if arguments.csv:
        rows = write_tagged_reviews(workspace, arguments.csv, sources=["pool"])
        print(f"Wrote     {rows:>9,} SKUs to {arguments.csv}")
    return 0


def _pools(workspace: Workspace, arguments: Namespace) -> tuple[str, dict[str, Pool]]:
    if arguments.map_csv is None:
        pools = load_pools(workspace)
        return arguments.source or load_raw(workspace)[0], pools
    source = free_source(workspace, arguments.source)
    agreed = read_pools(arguments.pool_csv) if arguments.pool_csv else None
    return source, pools_of_map(count_tags(workspace, source), read_mappings(arguments.map_csv), agreed)


def _show(report: ApplyReport, source: str) -> None:
    print(f"Read      {report.assignments:>9,} tags of SKUs, source {source}")
    print(f"Kept      {report.kept:>9,} pooled tags; {report.together:,} fell together with another of their SKU")
    for reason, count in report.dropped.most_common():
        print(f"Dropped   {count:>9,} {reason}")


if __name__ == "__main__":
    sys.exit(main())
