"""The store's words: kinds of goods, what can be said about them, and how people write. Read from the JSON beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CATEGORIES = ("bags", "shoes", "clothes", "beauty", "accessories", "home", "toys", "jewellery")


@dataclass(frozen=True)
class Pole:
    """One end of an attribute: its tag, a fragment that names it, and sentences that express it (templates)."""

    tag: str
    brief: str
    said: tuple[str, ...]


@dataclass(frozen=True)
class Attribute:
    """Something that customers notice: two opposite poles, or one only.

    rate:   how often a SKU is remarkable in it; lean: the share of those at the good pole
    talk:   how readily reviewers bring it up; stakes: what it does to the stars (0: a matter of taste)
    claims: sentences with which a seller praises the good pole; irony: how sarcastic people say the bad one;
    asked: how shoppers ask for the good pole
    """

    key: str
    good: Pole
    bad: Pole | None
    rate: float
    lean: float
    talk: float
    stakes: float
    claims: tuple[str, ...]
    irony: tuple[str, ...]
    asked: tuple[str, ...]
    only: frozenset[str]
    never: frozenset[str]

    def fits(self, kind: str) -> bool:
        """Whether goods of `kind` can have it."""
        return kind not in self.never and (not self.only or kind in self.only)

    def pole(self, sign: float) -> Pole:
        """The pole on the side of `sign`; an attribute with one pole has only that."""
        return self.good if sign > 0 or self.bad is None else self.bad


@dataclass(frozen=True)
class Kind:
    """A subcategory: the words its titles, descriptions and reviews are made of.

    `stuff` and `tone` are what its materials and colours are called among the facts: Scent, Finish; Packaging. A word
    may carry a condition after an @: a detail the attribute that must be good, a noun the materials and a material the
    colours that go with it, parted by /.
    """

    name: str
    category: str
    code: str
    path: tuple[str, ...]
    plural: bool
    picture: str
    stuff: str
    tone: str
    weight: float
    price: tuple[float, float]
    season: str | None
    words: Mapping[str, tuple[str, ...]]
    brands: tuple[tuple[str, float, float], ...]
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Everything that the JSON files hold."""

    kinds: tuple[Kind, ...]
    palette: Mapping[str, str]
    drawings: Mapping[str, str]
    language: Mapping[str, Any]
    queries: tuple[Mapping[str, Any], ...]

    def attribute(self, category: str, key: str) -> Attribute:
        """The attribute called `key` of `category`. Raises KeyError when there is none."""
        for kind in self.kinds:
            for attribute in kind.attributes:
                if kind.category == category and attribute.key == key:
                    return attribute
        raise KeyError(f"{category}: {key}")


@cache
def load_vocabulary() -> Vocabulary:
    """Read the JSON files that come with the package, once per process."""
    shared = _read("said_any")
    kinds: list[Kind] = []
    for name in CATEGORIES:
        goods = _read(name)
        said = {key: one for key, one in shared.items() if goods["category"] in one["in"]} | _read(f"said_{name}")
        attributes = [_attribute(key, one) for key, one in said.items()]
        kinds += [_kind(kind, one, goods, attributes) for kind, one in goods["kinds"].items()]
    pictures = _read("pictures")
    return Vocabulary(
        tuple(kinds), pictures["palette"], pictures["drawings"], _read("language"), tuple(_read("queries"))
    )


def _read(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def _attribute(key: str, one: Mapping[str, Any]) -> Attribute:
    return Attribute(
        key=key,
        good=_pole(one["good"]),
        bad=_pole(one["bad"]) if "bad" in one else None,
        rate=one.get("rate", 0.4),
        lean=one.get("lean", 0.65) if "bad" in one else 1.0,
        talk=one.get("talk", 1.0),
        stakes=one.get("stakes", 1.0),
        claims=tuple(one.get("claims", ())),
        irony=tuple(one.get("irony", ())),
        asked=tuple(one.get("asked", ())),
        only=frozenset(one.get("only", ())),
        never=frozenset(one.get("never", ())),
    )


def _pole(one: Mapping[str, Any]) -> Pole:
    return Pole(one["tag"], one.get("brief", one["tag"]), tuple(one.get("said", ())) or (one["tag"],))


def _kind(name: str, one: Mapping[str, Any], goods: Mapping[str, Any], attributes: list[Attribute]) -> Kind:
    words = ("nouns", "say", "materials", "adjectives", "details", "colours", "patterns", "styles", "blurbs", "facts")
    return Kind(
        name=name,
        category=goods["category"],
        code=goods["code"],
        path=tuple(one.get("path", (goods["category"],))),
        plural=one.get("plural", False),
        picture=one["picture"],
        stuff=one.get("stuff", "Material"),
        tone=one.get("tone", "Colour"),
        weight=one["weight"],
        price=(one["price"][0], one["price"][1]),
        season=one.get("season"),
        words={word: tuple(one[word]) for word in words},
        brands=tuple((brand[0], brand[1], brand[2]) for brand in goods["brands"]),
        attributes=tuple(attribute for attribute in attributes if attribute.fits(name)),
    )
