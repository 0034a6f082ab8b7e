"""Tagged items whose tags follow from their reviews by construction, in Russian and English."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.workspace import Workspace

# tag: (categories that may have it, share of their items that do, sentences that say so)
TAGS = {
    "лёгкая": (("Bags", "Shoes"), 0.4, ("Очень легкая, не чувствуется", "Сама вещь лёгкая.Носить приятно")),
    "маломерит": (("Shoes",), 0.3, ("Берите на размер больше!", "Маломерят, пришлось менять")),
    "вместительная": (("Bags",), 0.9, ("Влезает всё и еще ноутбук", "Вместительная сумка")),
    "keeps warm": (("Shoes",), 0.35, ("Toasty even in the snow.", "These keep my feet warm")),
    "bright colour": (("Bags", "Shoes"), 0.3, ("The colour is so bright :)", "Bright as in the picture")),
}
FILLER = ("Спасибо продавцу", "Доставили вовремя...", "Nice thing!", "Bought it for my sister", "норм)", "ok")
CATEGORIES = ("Bags", "Shoes")


def made(n: int, seed: int = 0) -> TaggedItems:
    """`n` items of both categories in turn, 2 to 5 reviews each; a tenth of them has none, and no tag that shows."""
    rng = np.random.default_rng(seed)
    items, tags = [], []
    for place in range(n):
        category = CATEGORIES[place % 2]
        given = {tag for tag, (where, share, _) in TAGS.items() if category in where and rng.random() < share}
        said = [str(rng.choice(TAGS[tag][2])) for tag in sorted(given)]
        said += [str(text) for text in rng.choice(FILLER, rng.integers(2, 6))]
        reviews = tuple(said[at] for at in rng.permutation(len(said))) if place % 10 else ()
        items.append(ItemText(f"SKU-{place:03d}", category, reviews))
        tags.append(frozenset(given))
    return TaggedItems(items, tags)


def cut(data: TaggedItems, *sizes: int) -> list[TaggedItems]:
    """Consecutive parts of `data`, of those sizes."""
    ends = np.cumsum([0, *sizes])
    return [TaggedItems(data.items[a:b], data.tags[a:b]) for a, b in pairwise(ends)]


def fill(workspace: Workspace, data: TaggedItems, source: str = "import") -> Workspace:
    """Write `data` as the tables items, reviews and tags."""
    items = [{"item_id": item.item_id, "title": item.item_id, "category": item.category} for item in data.items]
    reviews = [(item.item_id, text) for item in data.items for text in item.reviews]
    tags = [(item.item_id, tag) for item, given in zip(data.items, data.tags, strict=True) for tag in sorted(given)]
    with workspace.replace_tables("test") as writer:
        writer.write("items", pd.DataFrame(items))
        frame = pd.DataFrame(reviews, columns=["item_id", "text"])
        writer.write("reviews", frame.assign(review_id=[f"R{n}" for n in range(len(frame))]))
        writer.write("tags", pd.DataFrame(tags, columns=["item_id", "tag"]).assign(source=source))
    return workspace
