"""Pools applied to a workspace: free tags become pooled ones, each assignment accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.errors import shown
from engine.tags.pool.build import Pool, follow, most_first
from engine.tags.pool.generate import save_tags
from engine.tags.pool.grounding import is_grounded, roots_of
from engine.tags.pool.quality import tidy
from engine.workspace import Workspace

UNKNOWN = "it is in no pool"


@dataclass
class ApplyReport:
    """Old assignments: how many there were, stayed, fell together with another one of their SKU, and were dropped."""

    assignments: int = 0
    kept: int = 0
    together: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def item_tags(workspace: Workspace, source: str) -> dict[str, dict[str, list[str]]]:
    """For each category, its SKUs and their tidied tags of `source`, without repetitions."""
    tags = workspace.read("tags", ["item_id", "tag", "source"])
    categories = workspace.read("items", ["item_id", "category"]).set_index("item_id")["category"]
    chosen = tags[(tags["source"] == source) & tags["item_id"].isin(categories.index)]
    found: dict[str, dict[str, list[str]]] = {}
    for item, given in chosen.groupby("item_id", sort=True)["tag"]:
        tidied = dict.fromkeys(map(tidy, given))
        found.setdefault(str(categories[item]), {})[str(item)] = list(tidied)
    return found


def grounded_counts(workspace: Workspace, tags: Mapping[str, Mapping[str, Iterable[str]]]) -> dict[str, Counter[str]]:
    """For each category, the number of SKUs in whose own reviews each of their tags is said word for word."""
    reviews = workspace.read("reviews", ["item_id", "text"]).groupby("item_id")["text"].agg(list)
    counts: dict[str, Counter[str]] = {}
    for category, items in tags.items():
        counted = counts.setdefault(category, Counter())
        for item, given in items.items():
            roots = roots_of(reviews[item] if item in reviews.index else ())
            counted.update(tag for tag in given if is_grounded(tag, roots))
    return counts


def apply_pools(workspace: Workspace, source: str, pools: Mapping[str, Pool]) -> ApplyReport:
    """Give every SKU the pooled tags (source "pool") that stand for its tags of `source`, in place of older ones."""
    report, pooled = ApplyReport(), dict[str, list[str]]()
    for category, items in item_tags(workspace, source).items():
        pool = pools.get(category, Pool({}, {}, {}))
        for item, tags in items.items():
            new = [pool.mapping[tag] for tag in tags if tag in pool.mapping]
            pooled[item] = list(dict.fromkeys(new))
            report.assignments += len(tags)
            report.kept += len(pooled[item])
            report.together += len(new) - len(pooled[item])
            report.dropped.update(pool.dropped.get(tag, UNKNOWN) for tag in tags if tag not in pool.mapping)
    save_tags(workspace, "pool", pooled)
    return report


def pools_of_map(
    tags: Mapping[str, Iterable[str]],
    mappings: Mapping[str, Mapping[str, str]],
    pool: Mapping[str, Iterable[str]] | None,
) -> dict[str, Pool]:
    """Pools from a map old -> new that somebody else made, for the `tags` of each category; chains are followed.

    A tag that the map doesn't know stays itself. Where `pool` lists the agreed tags, a tag outside it is dropped with
    the reason.
    """
    pools = {}
    for category, old_tags in tags.items():
        agreed = None if pool is None else {tidy(tag) for tag in pool.get(category, ())}
        given = {tidy(old): tidy(new) for old, new in mappings.get(category, {}).items()}
        ends = follow(given, prefer=agreed or ())
        mapping, dropped = {}, {}
        for old in map(tidy, old_tags):
            new = ends.get(old, old)
            if agreed is not None and new not in agreed:
                dropped[old] = f"its new tag {shown(new)} isn't in the pool"
            else:
                mapping[old] = new
        pools[category] = Pool(mapping, dropped, most_first(Counter(mapping.values())))
    return pools
