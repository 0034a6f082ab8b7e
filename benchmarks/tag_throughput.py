"""How fast taggers learn, predict and explain: python benchmarks/tag_throughput.py

2,000 made-up SKUs with 8 reviews each and 1,100 tags, for the linear and the stacked tagger: seconds to train, SKUs a
second in batches against one at a time, and milliseconds for the evidence of a SKU with 120 sentences. A few minutes
on two cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.schema import ItemText
from engine.tags.base import TaggedItems, Tagger
from engine.tags.evidence import explain
from engine.tags.linear import LinearTagger
from engine.tags.stacked import StackedTagger

N_ITEMS, N_TAGS, N_REVIEWS, N_SINGLE = 2000, 1100, 8, 200
CONSONANTS, VOWELS = list("бвгджзклмнпрст"), list("аеиоу")


def main() -> None:
    """Make the SKUs; for each tagger train, and time each way."""
    data = _made(np.random.default_rng(0))
    for tagger in (LinearTagger(), StackedTagger()):
        _report(tagger, data)


def _report(tagger: Tagger, data: TaggedItems) -> None:
    cut = N_ITEMS * 9 // 10
    train, valid = (TaggedItems(data.items[part], data.tags[part]) for part in (slice(cut), slice(cut, None)))
    _, seconds = _timed(lambda: tagger.fit(train, valid))
    print(f"{tagger.name}\ntrain        {seconds:8.1f} s for {N_ITEMS:,} SKUs and {len(tagger.tags):,} tags")
    _, batched = _timed(lambda: tagger.probabilities(data.items))
    _, single = _timed(lambda: [tagger.probabilities([item]) for item in data.items[:N_SINGLE]])
    fast, slow = N_ITEMS / batched, N_SINGLE / single
    print(f"batched      {fast:8,.0f} SKUs/s\none by one   {slow:8,.0f} SKUs/s\nratio        {fast / slow:8.1f}")
    long = ItemText("long", "Bags", tuple(review for item in data.items[:15] for review in item.reviews))
    _, seconds = _timed(lambda: explain(tagger, long, tagger.tags[:10]))
    print(f"evidence     {seconds * 1000:8.0f} ms for 10 tags of a SKU with {len(long.reviews)} sentences", flush=True)


def _made(rng: np.random.Generator) -> TaggedItems:
    letters = np.stack([rng.choice(letters, (6000, 3)) for letters in (CONSONANTS, VOWELS)], axis=-1)
    words = np.array(["".join(word) for word in letters.reshape(6000, 6)])
    frequency = 1 / np.arange(1, len(words) + 1)
    items, tags = [], []
    for place in range(N_ITEMS):
        given = rng.choice(N_TAGS, 8, replace=False)
        drawn = rng.choice(words, (N_REVIEWS, 12), p=frequency / frequency.sum())
        drawn[:, 0] = words[given + 1000]
        category = ("Bags", "Shoes", "Toys", "Accs")[place % 4]
        items.append(ItemText(str(place), category, tuple(" ".join(review) for review in drawn)))
        tags.append({f"{words[tag + 1000]} {words[tag % 50]} {tag}" for tag in given})
    return TaggedItems(items, tags)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main()
