"""The shelf: SKUs with their hidden traits, and the titles, texts, facts and prices that follow from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.demo.config import DAYS, DemoConfig
from engine.data.demo.grammar import Dice, expand
from engine.data.demo.vocabulary import Attribute, Kind, Vocabulary

STRONG = 0.9
"""From this strength on (the scale is about -2 to 2) a trait is a true tag of the SKU."""
PATTERNS = {"striped": "striped", "checked": "checked", "dotted": "polka-dot", "floral": "floral-print", "plain": ""}
CENTS = (0.0, 0.5, 0.9, 0.95, 0.99)
_RANGE = re.compile(r"\{(\d+(?:\.\d)?)-(\d+(?:\.\d)?)\}")


NAMED = {"wooden": "wood", "rigid": "rigid denim", "stretch": "stretch denim", "enamel": "enamelled metal"}
_WORD = re.compile(r"[^\W\d_]{5,}")
_MEASURE = re.compile(r"(\d+) (L|cm|pieces|ml|g)\b")


@dataclass(frozen=True)
class Look:
    """What can be seen of a SKU, as one draw: parts that go together."""

    noun: str
    material: str
    colour: str
    pattern: str


@dataclass(frozen=True)
class Sku:
    """One SKU with what only its maker knows.

    traits: signed strength by attribute key; popularity: relative demand; launched: day it came to the shop, counted
    from the start of the event log, negative before it; quality: how good its strong traits are together, about -1..1
    """

    item_id: str
    kind: Kind
    title: str
    description: str
    features: tuple[str, ...]
    brand: str
    price: float
    available: bool
    colour: str
    material: str
    pattern: str
    style: str
    traits: Mapping[str, float]
    popularity: float
    launched: int

    @property
    def quality(self) -> float:
        """Mean of the strong traits that matter to the stars, each as ±1 times its stakes."""
        felt = [np.sign(z) * a.stakes for a in self.kind.attributes if abs(z := self.traits[a.key]) >= STRONG]
        return float(np.mean(felt)) if felt else 0.0

    @property
    def true_tags(self) -> list[tuple[str, float]]:
        """Tags of the strong traits, each with its strength in 0..1."""
        strong = [(a, self.traits[a.key]) for a in self.kind.attributes if abs(self.traits[a.key]) >= STRONG]
        return [(a.pole(z).tag, round(abs(z) / 2, 3)) for a, z in strong]


def make_catalogue(vocabulary: Vocabulary, config: DemoConfig, rng: np.random.Generator) -> list[Sku]:
    """`config.n_items` SKUs over all kinds, titles unique, ids numbered per category."""
    dice, titles, skus = Dice(rng), set[str](), list[Sku]()
    numbers: dict[str, int] = {}
    for kind, count in zip(vocabulary.kinds, _shares(vocabulary, config.n_items), strict=True):
        for _ in range(count):
            numbers[kind.code] = numbers.get(kind.code, 100) + dice.between(1, 9)
            skus.append(_make_sku(f"{kind.code}-{numbers[kind.code]:04d}", kind, titles, dice))
    return skus


def _shares(vocabulary: Vocabulary, n_items: int) -> list[int]:
    """SKUs per kind: at least one, else by weight with the largest remainders rounded up."""
    weights = np.array([kind.weight for kind in vocabulary.kinds])
    wanted = weights / weights.sum() * (n_items - len(weights))
    counts = np.floor(wanted).astype(int)
    counts[np.argsort(counts - wanted, kind="stable")[: n_items - len(weights) - counts.sum()]] += 1
    return [int(count) + 1 for count in counts]


def _make_sku(item_id: str, kind: Kind, titles: set[str], dice: Dice) -> Sku:
    brand, level, quality = dice.pick(kind.brands)
    traits = {attribute.key: _trait(attribute, quality, dice) for attribute in kind.attributes}
    title, look = _title(kind, traits, dice)
    while title in titles:
        title, look = _title(kind, traits, dice)
    titles.add(title)
    launched = dice.between(-900, -1) if dice.chance(0.72) else dice.between(0, DAYS - 4)
    return Sku(
        item_id=item_id,
        kind=kind,
        title=title,
        description=_description(kind, traits, look.material, dice),
        features=_features(kind, title, look, dice),
        brand=brand,
        price=_price(kind, level, dice),
        available=dice.chance(0.93),
        colour=look.colour,
        material=look.material,
        pattern=look.pattern,
        style=dice.pick(kind.words["styles"]),
        traits=traits,
        popularity=float(np.exp(1.05 * dice.normal())) * (0.7 if level > 1.3 else 1.0),
        launched=launched,
    )


def _trait(attribute: Attribute, quality: float, dice: Dice) -> float:
    """Remarkable (1.2 to 2) as often as the attribute's rate, its side leaning with the brand; else near zero."""
    lean = min(max(attribute.lean + 0.25 * quality * attribute.stakes, 0.05), 0.95) if attribute.bad else 1.0
    side = 1.0 if dice.chance(lean) else -1.0
    return side * (1.2 + 0.8 * dice.unit() if dice.chance(attribute.rate) else 0.45 * dice.unit())


def _look(kind: Kind, dice: Dice) -> Look:
    """Colour, material, pattern and noun that go together."""
    noun, _, materials = dice.pick(kind.words["nouns"]).partition("@")
    allowed = [word for word in kind.words["materials"] if not materials or word.split("@")[0] in materials.split("/")]
    material, _, colours = dice.pick(allowed).partition("@")
    colour = dice.pick(colours.split("/") if colours else kind.words["colours"])
    return Look(noun, material, colour, dice.pick(kind.words["patterns"]))


def _title(kind: Kind, traits: Mapping[str, float], dice: Dice) -> tuple[str, Look]:
    look = _look(kind, dice)
    adjective = dice.pick(kind.words["adjectives"])
    lead = adjective if look.pattern == "plain" else PATTERNS[look.pattern]
    words = dice.pick(([lead, look.material], [lead, look.material], [lead], [look.material]))
    if look.pattern != "plain" and lead not in words:
        words.insert(0, lead)
    words = [word for word in words if not set(re.split("[ -]", word)) & set(re.split("[ -]", look.noun))]
    text, detail = " ".join([*words, look.noun]), _detail(kind, traits, dice) if dice.chance(0.6) else ""
    if set(_WORD.findall(detail.lower())) & set(_WORD.findall(text.lower())):
        detail = ""
    if dice.chance(0.5) or not words:
        text, detail = (f"{text} in {look.colour}", detail) if detail and detail[0].isdigit() else (text, detail)
        text += f"{detail}, {look.colour}" if look.colour not in text else detail
    else:
        text += detail
    return text[0].upper() + text[1:], look


def _detail(kind: Kind, traits: Mapping[str, float], dice: Dice) -> str:
    """A selling point that the SKU's traits don't contradict, with what parts it from the noun; empty for none."""
    points = [point.partition("@") for point in kind.words["details"]]
    honest = [words for words, _, key in points if not key or traits[key] > 0]
    detail = dice.pick(honest) if honest else ""
    return f" {detail}" if detail.startswith(("with", "in", "that", "for")) else f", {detail}" if detail else ""


def _description(kind: Kind, traits: Mapping[str, float], material: str, dice: Dice) -> str:
    name = _plain(material)
    slots = {"material": name, "Material": name[0].upper() + name[1:]}
    sentences = [dice.pick(kind.words["blurbs"]).format_map(slots)]
    for attribute in kind.attributes:
        if attribute.claims and traits[attribute.key] > STRONG and dice.chance(0.45) and len(sentences) < 4:
            sentences.append(expand(dice.pick(attribute.claims), slots, dice))
    if len(sentences) == 1:
        others = [blurb.format_map(slots) for blurb in kind.words["blurbs"]]
        sentences.append(dice.pick([blurb for blurb in others if blurb not in sentences]))
    return " ".join(sentences)


def _plain(material: str) -> str:
    """The material as a noun: "organic-cotton" becomes "organic cotton", "wool-blend" stays."""
    return material if material.endswith(("-blend", "-plated")) else material.replace("-", " ")


def _features(kind: Kind, title: str, look: Look, dice: Dice) -> tuple[str, ...]:
    """Colour, material and three of the kind's facts."""
    facts = list(kind.words["facts"])
    while len(facts) > 3:
        facts.remove(dice.pick(facts))
    stuff = NAMED.get(look.material, _plain(look.material))
    return (
        f"{kind.tone}: {look.colour}",
        f"{kind.stuff}: {stuff}",
        *(_fact(fact, title, look, dice) for fact in facts),
    )


def _fact(fact: str, title: str, look: Look, dice: Dice) -> str:
    """A short fact with its numbers drawn: `{14-28}` becomes a whole number, `{0.8-1.6}` one with a decimal.

    Where the title gives the number in the same unit ("18 L"), the fact repeats it.
    """
    told = _MEASURE.search(title)

    def draw(found: re.Match[str]) -> str:
        if told and fact[found.end() :] == f" {told[2]}":
            return told[1]
        low, high = float(found[1]), float(found[2])
        number = low + dice.unit() * (high - low)
        return f"{number:.1f}" if "." in found[0] else str(round(number))

    text = _RANGE.sub(draw, fact).format_map({"material": _plain(look.material)}).replace(" 1 years", " 1 year")
    return text[0].upper() + text[1:]


def _price(kind: Kind, level: float, dice: Dice) -> float:
    low, high = kind.price
    price = low * (high / low) ** dice.unit() * level
    return round(int(price) + dice.pick(CENTS), 2)
