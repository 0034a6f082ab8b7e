"""The whole demo store in memory: one seed in, every table and the hidden truth out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.demo.catalogue import Sku, make_catalogue
from engine.data.demo.config import DemoConfig
from engine.data.demo.events import make_events
from engine.data.demo.people import People, make_people
from engine.data.demo.queries import make_judgments
from engine.data.demo.reviews import make_reviews
from engine.data.demo.vocabulary import Vocabulary, load_vocabulary

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and what comes next."""


@dataclass(frozen=True)
class World:
    """The store and the truth behind it: `skus` know their traits, `people` their tastes."""

    vocabulary: Vocabulary
    skus: list[Sku]
    people: People
    tables: dict[str, pd.DataFrame]


def make_world(config: DemoConfig, seed: int, progress: Progress | None = None) -> World:
    """The store of `seed`. Each part has its own stream of numbers, so that a change in one leaves the others."""
    report = progress or (lambda share, step: None)
    streams = [np.random.default_rng([seed, part]) for part in range(5)]
    vocabulary = load_vocabulary()
    report(0.0, "filling the shelf")
    skus = make_catalogue(vocabulary, config, streams[0])
    report(0.05, "inviting visitors")
    shares = [persona["share"] for persona in vocabulary.language["personas"]]
    people = make_people(skus, shares, config, streams[1])
    report(0.1, "living through a year")
    events = make_events(skus, people, config, streams[2])
    report(0.45, "writing reviews")
    reviews, mentions = make_reviews(vocabulary, skus, people, events, (config, streams[3]))
    report(0.75, "judging searches")
    tables = {"items": _items(skus), "reviews": reviews, "events": events, "tags": _tags(skus), "mentions": mentions}
    tables["judgments"] = make_judgments(vocabulary, skus, config, streams[4])
    return World(vocabulary, skus, people, tables)


def _items(skus: list[Sku]) -> pd.DataFrame:
    rows = [
        {
            "item_id": sku.item_id,
            "title": sku.title,
            "category": sku.kind.category,
            "subcategory": sku.kind.name,
            "category_path": [*sku.kind.path, sku.kind.name],
            "description": sku.description,
            "features": list(sku.features),
            "brand": sku.brand,
            "price": sku.price,
            "available": sku.available,
        }
        for sku in skus
    ]
    return pd.DataFrame(rows)


def _tags(skus: list[Sku]) -> pd.DataFrame:
    rows = [
        {"item_id": sku.item_id, "tag": tag, "source": "import", "score": score}
        for sku in skus
        for tag, score in sku.true_tags
    ]
    return pd.DataFrame(rows)
