"""What consolidation makes of Lamoda's free tags, beside the published map: python benchmarks/consolidation.py FOLDER

FOLDER holds lamoda_reviews_sampled_with_tags.csv, …_with_pull_tags.csv, tag_mappings.csv and tag_pulls_best.csv. Shows
for raw tags, the published map as its files apply it, and ours: different tags, assignments, losses with and without a
reason, grounding, and merges of opposites. Then what the embedded encoder and the letters of roots hold for the same.
About a minute on two cores, no network.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.importer import ImportOptions, import_files
from engine.data.lamoda import read_mappings, read_pools
from engine.models.embedded import encode
from engine.tags.pool.apply import grounded_counts, item_tags, pools_of_map
from engine.tags.pool.build import Counts, Pool, count_tags
from engine.tags.pool.consolidate import ConsolidationConfig, consolidate
from engine.tags.pool.grounding import grounding, roots_of
from engine.tags.pool.likeness import embedded_vectors, lexical_vectors
from engine.tags.pool.naming import UsualNamer
from engine.tags.pool.polarity import compatible, signature
from engine.tags.pool.quality import content
from engine.workspace import Workspace

Tags = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Setting:
    """The raw tags of every SKU by category, the roots of its reviews, and counts of tags."""

    items: Mapping[str, Mapping[str, list[str]]]
    roots: Mapping[str, frozenset[str]]
    counts: Counts

    def applied(self, pools: Mapping[str, Pool]) -> dict[str, list[str]]:
        """Every SKU's pooled tags."""
        return {
            item: list(dict.fromkeys(pools[category].mapping[tag] for tag in tags if tag in pools[category].mapping))
            for category, items in self.items.items()
            for item, tags in items.items()
        }

    def show(self, name: str, tags: Tags, different: int, pools: Mapping[str, Pool] | None = None) -> None:
        """One line of the table."""
        found = grounding(tags, self.roots)
        joined = 0 if pools is None else sum(opposites_joined(pool) for pool in pools.values())
        print(f"{name:<26}{different:>10,}{found.assignments:>13,}{found.share:>11.1%}{joined:>12,}")


def opposites_joined(pool: Pool) -> int:
    """Old tags of a pool whose new tag asserts something else (another polarity, size or number)."""
    return sum(not compatible(old, new) for old, new in pool.mapping.items())


def load(folder: Path, file: str, workspace: Workspace, source: str) -> Setting:
    """Import one file of the pipeline and take its tags."""
    import_files(workspace, "lamoda", [folder / file], options=ImportOptions())
    reviews = workspace.read("reviews", ["item_id", "text"]).groupby("item_id")["text"].agg(list)
    roots = {str(item): roots_of(texts) for item, texts in reviews.items()}
    return Setting(item_tags(workspace, source), roots, count_tags(workspace, source))


def likeness_table(counts: Counts) -> None:
    """Pairs of tags of one category at 0.91 or more: opposites among them, pairs without a common root."""
    print(f"\n{'pairs at 0.91 or more':<26}{'pairs':>10}{'opposites':>13}{'no root in common':>20}")
    for name, vectors_of in (("embedded encoder", encode), ("letters of roots", lexical_vectors)):
        pairs = opposed = strange = 0
        for found in counts.values():
            tags = list(found)
            vectors = vectors_of(tags)
            ones, others = np.nonzero(np.triu(vectors @ vectors.T >= ConsolidationConfig().threshold, 1))
            pairs += len(ones)
            opposed += sum(signature(tags[i]) != signature(tags[j]) for i, j in zip(ones, others, strict=True))
            strange += sum(not set(content(tags[i])) & set(content(tags[j])) for i, j in zip(ones, others, strict=True))
        print(f"{name:<26}{pairs:>10,}{opposed:>13,}{strange:>20,}")


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace.create(Path(place) / "raw")
        raw = load(folder, "lamoda_reviews_sampled_with_tags.csv", workspace, "llm")
        grounded = grounded_counts(workspace, raw.items)
        pulled = load(
            folder, "lamoda_reviews_sampled_with_pull_tags.csv", Workspace.create(Path(place) / "pull"), "pool"
        )
    mapped = pools_of_map(
        raw.counts, read_mappings(folder / "tag_mappings.csv"), read_pools(folder / "tag_pulls_best.csv")
    )
    started = time.perf_counter()
    ours = asyncio.run(consolidate(raw.counts, UsualNamer(), vectors=embedded_vectors, grounded=grounded))
    seconds = time.perf_counter() - started

    different = sum(map(len, raw.counts.values()))
    print(f"{'':<26}{'different':>10}{'assignments':>13}{'grounded':>11}{'opposites':>12}")
    raw.show("raw", {item: tags for items in raw.items.values() for item, tags in items.items()}, different)
    pulled_tags = {item: tags for items in pulled.items.values() for item, tags in items.items()}
    pulled.show("published, as its file has", pulled_tags, sum(map(len, pulled.counts.values())))
    raw.show("published map, followed", raw.applied(mapped), sum(len(pool.counts) for pool in mapped.values()), mapped)
    raw.show("ours", raw.applied(ours), sum(len(pool.counts) for pool in ours.values()), ours)
    kept = sum(len(pool.counts) for pool in ours.values())
    print(
        f"\nours keeps {kept / different:.1%} of the different tags, in {seconds:.1f} s; dropped assignments by reason:"
    )
    reasons = Counter[str]()
    for category, pool in ours.items():
        for tag, reason in pool.dropped.items():
            reasons[reason] += raw.counts[category][tag]
    for reason, count in reasons.most_common():
        print(f"{count:>8,}  {reason}")
    unnamed = sum(
        tag not in ours[category].mapping and tag not in ours[category].dropped
        for category, tags in raw.counts.items()
        for tag in tags
    )
    print(f"{unnamed:>8,}  without a reason")
    likeness_table(raw.counts)


if __name__ == "__main__":
    sys.exit(main())
