"""Merge tags that say the same into an agreed pool: python scripts/consolidate_tags.py --workspace NAME

Works on the raw pool of build_tag_pool.py. Tags are compared by the letters of their roots and, in English or with an
endpoint that embeds, by vectors; those above SIMILARITY_THRESHOLD are one. An LLM names each cluster and may refuse to
merge it, where one is configured; else the most frequent member names it. Opposites, other sizes and denials never
merge. Every tag that goes is listed with its reason. About ten seconds per 5,000 tags on two cores without an LLM.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import SettingsError
from engine.llm.client import LlmClient
from engine.settings import load_llm_settings, load_settings
from engine.state import State
from engine.tags.pool.apply import grounded_counts, item_tags
from engine.tags.pool.build import Counts, Pool, load_raw, save_pools
from engine.tags.pool.consolidate import ConsolidationConfig, consolidate
from engine.tags.pool.lamoda_files import write_mappings, write_pools
from engine.tags.pool.likeness import embedded_vectors
from engine.tags.pool.naming import LlmNamer, Namer, UsualNamer
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_workspace, parser, run
from scripts.llm_options import add_llm_options, chosen_client, cost_line, progress_bar


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Consolidate, save the pool and the map, and say what became of the tags and who named them."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    source, counts = load_raw(workspace)
    with State.open(workspace) as state:
        client = chosen_client(arguments, state)
        namer = UsualNamer() if client is None else LlmNamer(client)
        pools = asyncio.run(_consolidate(workspace, source, counts, client, namer, arguments))
    place = save_pools(workspace, namer.id, pools)
    _show(counts, pools, namer, cost_line(client, arguments))
    print(f"Saved     {place}")
    if arguments.pool_csv:
        write_pools(arguments.pool_csv, {category: pool.counts for category, pool in pools.items()})
    if arguments.map_csv:
        write_mappings(arguments.map_csv, {category: pool.mapping for category, pool in pools.items()})
    return 0


async def _consolidate(
    workspace: Workspace, source: str, counts: Counts, client: LlmClient | None, namer: Namer, arguments: Namespace
) -> dict[str, Pool]:
    config = ConsolidationConfig(load_llm_settings().similarity, arguments.most_share, arguments.rare)
    vectors = client.embed if client and client.endpoint.embed_model else embedded_vectors
    grounded = grounded_counts(workspace, item_tags(workspace, source)) if "reviews" in workspace.tables else None
    try:
        with progress_bar("Naming", "clusters", client, arguments) as (_, step):
            return await consolidate(counts, namer, config=config, vectors=vectors, grounded=grounded, on_done=step)
    finally:
        if client:
            await client.close()


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    add_llm_options(made)
    default = ConsolidationConfig()
    made.add_argument(
        "--most-share",
        type=float,
        default=default.most_share,
        metavar="SHARE",
        help=f"the pool's size as a share of the different tags (default {default.most_share})",
    )
    made.add_argument(
        "--rare",
        type=int,
        default=default.rare,
        metavar="N",
        help=f"tags of fewer than N SKUs go to a more general tag (default {default.rare})",
    )
    made.add_argument("--pool-csv", type=Path, metavar="FILE", help="also write the pool as tag_pulls_best.csv does")
    made.add_argument("--map-csv", type=Path, metavar="FILE", help="also write the map as tag_mappings.csv does")
    arguments = made.parse_args(argv)
    if not 0 < arguments.most_share <= 1:
        raise SettingsError(f"--most-share is {arguments.most_share}; it must be above 0 and up to 1.")
    if arguments.rare < 1:
        raise SettingsError(f"--rare is {arguments.rare}; it must be 1 or more.")
    return arguments


def _show(counts: Counts, pools: Mapping[str, Pool], namer: Namer, cost: str) -> None:
    for category, pool in pools.items():
        dropped = len(pool.dropped)
        print(f"{category:<14}{len(counts[category]):>7,} tags -> {len(pool.counts):,}, {dropped:,} dropped")
    reasons = Counter(reason for pool in pools.values() for reason in pool.dropped.values())
    for reason, count in reasons.most_common():
        print(f"Dropped   {count:>7,} tags: {reason}")
    print(f"Named by  {namer.id}")
    if cost:
        print(f"Asked     {cost}")


if __name__ == "__main__":
    sys.exit(main())
