"""Search queries and graded judgments: what shoppers type, and how well each SKU answers it by its hidden traits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.data.demo.catalogue import STRONG, Sku
from engine.data.demo.config import DemoConfig
from engine.data.demo.grammar import Dice, expand
from engine.data.demo.vocabulary import Attribute, Kind, Vocabulary

JUDGED = 24
"""At most this many relevant SKUs are judged for one query, best first; as in real pools, some go unjudged."""
UNRELATED = 8
"""SKUs judged 0 beside them: near misses of the same categories, and others."""


@dataclass(frozen=True)
class Wish:
    """What a query asks for: grades by kind, wanted sides of traits, wanted columns, and the highest price."""

    query: str
    kinds: Mapping[str, int]
    traits: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    below: float | None = None

    def grade(self, sku: Sku) -> int:
        """0 to 3: the kind's grade, less one for each wish that the SKU meets half, less two for each it fails."""
        grade = self.kinds.get(sku.kind.name, 0)
        for key, side in self.traits.items():
            met = side * sku.traits.get(key, 0.0)
            grade -= 0 if met >= STRONG else 2 if met <= -STRONG else 1
        grade -= sum(2 for column, value in self.columns.items() if getattr(sku, column) != value)
        grade -= 2 if self.below is not None and sku.price > self.below else 0
        return max(grade, 0)


def make_judgments(
    vocabulary: Vocabulary, skus: list[Sku], config: DemoConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """The judgments table: handwritten wishes first, then wishes made from the shelf; without an answer, no query."""
    dice = Dice(rng)
    wishes = [_written(one) for one in vocabulary.queries] + _from_shelf(vocabulary, skus, dice)
    rows: list[dict[str, Any]] = []
    asked = set[str]()
    for wish in wishes:
        judged = _judge(wish, skus, dice)
        if wish.query in asked or len(asked) >= config.n_queries or max(grade for _, grade in judged) < 2:
            continue
        asked.add(wish.query)
        head = {"query_id": f"Q-{len(asked):03d}", "query": wish.query, "source": "import"}
        rows += [head | {"item_id": sku.item_id, "relevance": float(grade)} for sku, grade in judged]
    return pd.DataFrame(rows)


def _written(one: Mapping[str, Any]) -> Wish:
    return Wish(one["q"], one["kinds"], one.get("traits", {}), one.get("columns", {}), one.get("below"))


def _from_shelf(vocabulary: Vocabulary, skus: list[Sku], dice: Dice) -> list[Wish]:
    """In turns over the kinds: what people want of it, a look, a brand, a cheap one."""
    makers = (_by_need, _by_look, _by_need, _by_brand, _by_price, _by_look)
    wishes = []
    for make in makers:
        for kind in vocabulary.kinds:
            wishes += make(kind, [sku for sku in skus if sku.kind is kind], dice)
    return wishes


def _by_need(kind: Kind, shelf: list[Sku], dice: Dice) -> list[Wish]:
    wanted: list[Attribute] = [attribute for attribute in kind.attributes if attribute.asked]
    if not wanted:
        return []
    attribute = dice.pick(wanted)
    query = expand(dice.pick(attribute.asked), {"n": kind.words["say"][0]}, dice)
    return [Wish(query, {kind.name: 3}, {attribute.key: 1})]


def _by_look(kind: Kind, shelf: list[Sku], dice: Dice) -> list[Wish]:
    sku = dice.pick(shelf)
    words = (sku.colour, kind.words["say"][0])
    if dice.chance(0.5):
        return [Wish(" ".join(words), {kind.name: 3}, columns={"colour": sku.colour})]
    columns = {"colour": sku.colour, "material": sku.material}
    return [Wish(f"{sku.material} {words[1]} {words[0]}", {kind.name: 3}, columns=columns)]


def _by_brand(kind: Kind, shelf: list[Sku], dice: Dice) -> list[Wish]:
    sku = dice.pick(shelf)
    return [Wish(f"{sku.brand.lower()} {dice.pick(kind.words['say'])}", {kind.name: 3}, columns={"brand": sku.brand})]


def _by_price(kind: Kind, shelf: list[Sku], dice: Dice) -> list[Wish]:
    limit = 5.0 * round(float(np.quantile([sku.price for sku in shelf], 0.4)) / 5)
    form = dice.pick(("{n} under {p}", "cheap {n}", "{n} less than {p} euros"))
    query = form.format(n=kind.words["say"][0], p=f"{limit:.0f}")
    return [Wish(query, {kind.name: 3}, below=limit)] if limit > 0 else []


def _judge(wish: Wish, skus: list[Sku], dice: Dice) -> list[tuple[Sku, int]]:
    graded = [(sku, wish.grade(sku)) for sku in skus]
    best = sorted((pair for pair in graded if pair[1]), key=lambda pair: (-pair[1], -pair[0].popularity))[:JUDGED]
    categories = {sku.kind.category for sku, _ in graded if sku.kind.name in wish.kinds}
    misses = [sku for sku, grade in graded if not grade]
    near = [sku for sku in misses if sku.kind.category in categories] or misses
    drawn = [dice.pick(near if dice.chance(0.7) else misses) for _ in range(UNRELATED)] if misses else []
    return best + [(sku, 0) for sku in {sku.item_id: sku for sku in drawn}.values()]
