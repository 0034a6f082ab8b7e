"""Free tags to an agreed pool: the same said otherwise becomes one, opposites never do, nothing goes without a reason.

Per category, inside blocks of equal signature (polarity.py), so that no step can join opposites:
1. tags made of the same roots are one, and clusters of complete linkage above the likeness threshold are one; the namer
   may take them apart again;
2. a rare tag goes to the longest, then most frequent tag whose roots it contains ("вместительная сумка на лето" ->
   "вместительная сумка"): what is said stays true, and stays in the reviews' own words;
3. the pool keeps the most frequent groups up to its size; the others are dropped by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.tags.pool.build import Counts, Pool, most_first
from engine.tags.pool.families import Families
from engine.tags.pool.likeness import likeness
from engine.tags.pool.naming import Cluster, Namer, most_usual
from engine.tags.pool.polarity import signature
from engine.tags.pool.quality import content, fault
from engine.tags.pool.roots import is_russian, part_of_speech
from engine.text import normalise

MOST_COMPARED = 4000  # meanings of one block compared pair by pair; rarer ones only join their own roots
VERDICTS = ("comfort:", "beauty:", "not comfort:", "not beauty:")  # marks of judgement, not of make
Vectors = Callable[[Sequence[str]], Awaitable[NDArray[np.float32] | None]]


@dataclass(frozen=True)
class ConsolidationConfig:
    """How far tags are merged.

    threshold:  cosine from which two tags are near enough to be one (SIMILARITY_THRESHOLD)
    most_share: the pool's size as a share of the category's different tags
    rare:       a group of fewer SKUs than this goes to a more general tag where there is one
    common:     a group of so many SKUs stays even where the pool is full
    """

    threshold: float = 0.91
    most_share: float = 0.25
    rare: int = 2
    common: int = 4


async def consolidate(
    counts: Counts,
    namer: Namer,
    *,
    config: ConsolidationConfig | None = None,
    vectors: Vectors | None = None,
    grounded: Mapping[str, Mapping[str, int]] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> dict[str, Pool]:
    """The pool of each category of `counts` (tags as engine.tags.pool.build.count_tags gives them).

    `vectors` gives an encoder's vectors for tags, or None to compare letters alone; `grounded` the number of SKUs whose
    reviews hold a tag's own words: of equally rare tags those are kept first. `on_done(1)` is called per cluster named.
    """
    config, pools = config or ConsolidationConfig(), {}
    for category, found in counts.items():
        bad = {tag: f"it {reason}" for tag in found if (reason := fault(tag))}
        good = {tag: count for tag, count in found.items() if tag not in bad}
        clusters = _clusters(good, config, await vectors(list(good)) if vectors and good else None)
        named = await asyncio.gather(*(_named(namer, category, members, good, on_done) for members in clusters))
        groups = _Groups({name: list(members) for part in named for name, members in part}, good, _apart(named))
        groups.move([name for name in groups.members if groups.size(name) < config.rare])
        pools[category] = groups.pool(_size(groups, found, config), bad, (grounded or {}).get(category, {}))
    return pools


async def _named(
    namer: Namer,
    category: str,
    members: Sequence[str],
    counts: Mapping[str, int],
    on_done: Callable[[int], None] | None,
) -> list[Cluster]:
    if len(members) == 1:
        return [(members[0], (members[0],))]
    named = await namer.name(category, {tag: counts[tag] for tag in members})
    if on_done:
        on_done(1)
    return named


def _clusters(
    counts: Mapping[str, int], config: ConsolidationConfig, vectors: NDArray[np.float32] | None
) -> list[list[str]]:
    """Tags that are near enough to be one, each list inside one block of equal signature."""
    meanings: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for tag in counts:
        meanings.setdefault((signature(tag), frozenset(content(tag))), []).append(tag)
    blocks: dict[frozenset[str], list[list[str]]] = {}
    for (mark, _), tags in meanings.items():
        blocks.setdefault(mark, []).append(tags)
    table = None if vectors is None else dict(zip(counts, vectors, strict=True))
    return [joined for block in blocks.values() for joined in _joined(block, counts, config.threshold, table)]


def _joined(
    meanings: list[list[str]],
    counts: Mapping[str, int],
    threshold: float,
    vectors: Mapping[str, NDArray[np.float32]] | None,
) -> list[list[str]]:
    """Meanings of one block, clustered by complete linkage: every two members are as near as the threshold says."""
    from sklearn.cluster import AgglomerativeClustering

    meanings = sorted(meanings, key=lambda tags: (-sum(counts[tag] for tag in tags), tags))
    compared, rest = meanings[:MOST_COMPARED], meanings[MOST_COMPARED:]
    if len(compared) < 2:
        return meanings
    usual = [most_usual({tag: counts[tag] for tag in tags}) for tags in compared]
    distance = 1 - likeness(usual, None if vectors is None else np.stack([vectors[tag] for tag in usual]))
    model = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=1 - threshold + 1e-6
    )
    joined: dict[int, list[str]] = {}
    for label, tags in zip(model.fit_predict(distance), compared, strict=True):
        joined.setdefault(int(label), []).extend(tags)
    return [*joined.values(), *rest]


def _apart(named: Sequence[Sequence[Cluster]]) -> set[frozenset[str]]:
    """Pairs of names that came out of one cluster: the namer refused to merge them."""
    return {
        frozenset((one, other))
        for part in named
        for one, _ in part
        for other, _ in part
        if len(part) > 1 and one != other
    }


class _Groups:
    """Named groups of tags that still take in others."""

    def __init__(self, members: dict[str, list[str]], counts: Mapping[str, int], apart: set[frozenset[str]]) -> None:
        self.members, self._counts, self._apart = members, counts, apart
        self._families = Families.of(counts)

    def size(self, name: str) -> int:
        """Assignments of a group's tags."""
        return sum(self._counts[tag] for tag in self.members[name])

    def move(self, names: Sequence[str]) -> None:
        """Put each of the groups `names` into the most fitting of the other ones, where there is one."""
        moving, index = set(names), dict[str, list[str]]()
        for name in self.members:
            for part in self._families.content(name) if name not in moving else ():
                index.setdefault(part, []).append(name)
        for name in names:
            near = {other for part in self._families.content(name) for other in index.get(part, ())}
            fitting = [other for other in near if self._fits(other, name)]
            if fitting:
                home = min(fitting, key=lambda other: (-len(content(other)), -self.size(other), other))
                self.members[home] += self.members.pop(name)

    def pool(self, size: int, bad: Mapping[str, str], grounded: Mapping[str, int]) -> Pool:
        """The pool of the `size` largest groups; what can't be taken in by one of them is dropped with its reason."""
        sizes = {name: self.size(name) for name in self.members}
        own_words = {name: sum(grounded.get(tag, 0) for tag in tags) for name, tags in self.members.items()}
        ranked = sorted(sizes, key=lambda name: (-sizes[name], -own_words[name], name))
        self.move(ranked[size:])
        dropped = dict(bad)
        for name in [name for name in ranked[size:] if name in self.members]:
            reason = f"it is rare ({sizes[name]} SKU{'s' * (sizes[name] != 1)}), and no tag of the pool says the same"
            dropped |= dict.fromkeys(self.members.pop(name), reason)
        mapping = {tag: name for name, tags in self.members.items() for tag in tags}
        counts = most_first({name: self.size(name) for name in self.members})
        return Pool(dict(sorted(mapping.items())), dict(sorted(dropped.items())), counts)

    def _fits(self, general: str, special: str) -> bool:
        return is_general(general, special, self._families) and frozenset((general, special)) not in self._apart


def is_general(general: str, special: str, families: Families) -> bool:
    """Whether `general` says part of what `special` says, of the same thing, and nothing else."""
    wide, narrow, marks = families.content(general), families.content(special), signature(general)
    if not wide or not wide < narrow or marks != signature(special):
        return False
    things = families.content(" ".join(_things(special)))
    # Without its thing a quality would pass from a part to the whole: "soft lining" doesn't make a soft bag. A verdict
    # may: a bag with a handy strap is handy in that.
    return not things or bool(things & wide) or all(mark.startswith(VERDICTS) for mark in marks)


def _things(tag: str) -> list[str]:
    """What the tag is about: its nouns in Russian, its last word in English."""
    words = [word for word in normalise(tag).split() if content(word)]
    last = words[-1:] if len(words) > 1 and not is_russian(words[-1]) else []
    return last + [word for word in words if is_russian(word) and part_of_speech(word) == "NOUN"]


def _size(groups: _Groups, found: Mapping[str, int], config: ConsolidationConfig) -> int:
    common = sum(groups.size(name) >= config.common for name in groups.members)
    return max(1, common, int(config.most_share * len(found)))
