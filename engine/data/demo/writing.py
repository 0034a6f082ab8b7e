"""How a review is written: what is noticed, in whose manner, and where each remark stands in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.demo.catalogue import Sku
from engine.data.demo.grammar import Dice, expand
from engine.data.demo.slips import roughen
from engine.data.demo.vocabulary import Attribute, Pole, Vocabulary

OPINION_NOISE = 0.8
"""How far people's experience strays from the SKU's trait: about one remark in thirty contradicts a strong trait."""
SMALL_TALK = 0.04
"""Weight of a trait of no strength among what reviewers bring up; a strong one has 1 to 2."""


@dataclass(frozen=True)
class Mention:
    """A sentence of a review that speaks for (1) or against (-1) a tag: `text[start:end]` is the sentence."""

    start: int
    end: int
    tag: str
    polarity: int


@dataclass(frozen=True)
class Review:
    """A finished review."""

    text: str
    title: str | None
    rating: float
    mentions: tuple[Mention, ...]


@dataclass(frozen=True)
class Remark:
    """One thing that a reviewer has to say: an attribute, and on which side of it they stand."""

    attribute: Attribute
    side: int

    @property
    def pole(self) -> Pole:
        """The pole that the remark expresses."""
        return self.attribute.pole(self.side)

    @property
    def valence(self) -> float:
        """What it does to the stars, -1 to 1."""
        return self.side * self.attribute.stakes


class Writer:
    """Writes reviews with the language's personas."""

    def __init__(self, vocabulary: Vocabulary, dice: Dice) -> None:
        self._language: Mapping[str, Any] = vocabulary.language
        self._personas: list[Mapping[str, Any]] = list(vocabulary.language["personas"])
        self._dice = dice

    def write(self, sku: Sku, persona: int, generosity: float) -> Review:
        """A review of `sku` in the manner of a persona; `generosity` is added to the stars."""
        manner = self._personas[persona]
        remarks = self._remarks(sku, self._dice.weighted(range(len(manner["remarks"])), manner["remarks"]))
        rating = self._rating(sku, remarks, generosity)
        slots = Slots(sku, self._language["slots"], self._dice)
        sentences = self._sentences(remarks, manner, slots, rating)
        text, mentions = self._assemble(sentences, manner, sunny=rating >= 3)
        return Review(text, self._headline(remarks, slots, rating, manner), rating, tuple(mentions))

    def _remarks(self, sku: Sku, count: int) -> list[Remark]:
        attributes = list(sku.kind.attributes)
        chosen: list[Remark] = []
        while attributes and len(chosen) < count:
            weights = [a.talk * (SMALL_TALK + abs(sku.traits[a.key])) for a in attributes]
            attribute = self._dice.weighted(attributes, weights)
            attributes.remove(attribute)
            felt = sku.traits[attribute.key] + OPINION_NOISE * self._dice.normal()
            if attribute.bad is not None or felt > 0:
                chosen.append(Remark(attribute, 1 if felt > 0 else -1))
        return chosen

    def _rating(self, sku: Sku, remarks: list[Remark], generosity: float) -> float:
        said = sum(remark.valence for remark in remarks) / max(len(remarks), 1)
        heard = (1.6 if said > 0 else 2.4) * said + 0.3 * sku.quality if remarks else 1.2 * sku.quality
        stars = 3.75 + heard + 0.6 * generosity + 0.4 * self._dice.normal()
        return float(min(max(round(stars), 1), 5))

    def _mood(self, rating: float) -> str:
        return "bad" if rating <= 2 else "fair" if rating == 3 else "good"

    def _sentences(
        self, remarks: list[Remark], manner: Mapping[str, Any], slots: Slots, rating: float
    ) -> list[tuple[str, list[Remark]]]:
        """Sentences in order, each with the remarks that it makes."""
        dice, language, mood = self._dice, self._language, self._mood(rating)
        if not remarks:
            return [(expand(dice.pick(language["short"][mood]), slots, dice), [])]
        body = self._body(remarks, manner, slots)
        sentences: list[tuple[str, list[Remark]]] = []
        if dice.chance(manner["opener"]):
            own = manner.get("openers", {}).get(mood)
            source = own if own and dice.chance(0.6) else language["openers"][mood]
            sentences.append((expand(dice.pick(source), slots, dice), []))
        elif slots.category in language["outings_for"] and dice.chance(0.07):
            sentences.append((expand(dice.pick(language["outings"]), slots, dice), []))
        sentences += body
        if dice.chance(manner["aside"]):
            aside = (expand(dice.pick(language["asides"]), slots, dice), list[Remark]())
            sentences.insert(dice.between(0, len(sentences)), aside)
        if dice.chance(manner["closer"]):
            sentences.append((expand(dice.pick(language["closers"][mood]), slots, dice), []))
        return sentences

    def _body(self, remarks: list[Remark], manner: Mapping[str, Any], slots: Slots) -> list[tuple[str, list[Remark]]]:
        dice, waiting, body = self._dice, list(remarks), list[tuple[str, list[Remark]]]()
        if dice.chance(manner["brief"]):
            return [(self._fragments(waiting, slots), waiting)]
        while waiting:
            remark = waiting.pop(0)
            if waiting and dice.chance(manner["joined"]):
                other = waiting.pop(0)
                body.append((self._joined(remark, other, manner, slots), [remark, other]))
            else:
                body.append((self._framed(remark, manner, slots, first=not body), [remark]))
        return body

    def _fragments(self, remarks: list[Remark], slots: Slots) -> str:
        parts = [expand(remark.pole.brief, slots, self._dice) for remark in remarks]
        if len(parts) > 1 and self._dice.chance(0.4):
            contrast = remarks[-1].valence * remarks[-2].valence < 0
            parts[-2:] = [f"{parts[-2]} {'but' if contrast else 'and'} {parts[-1]}"]
        return ", ".join(parts)

    def _said(self, remark: Remark, manner: Mapping[str, Any], slots: Slots) -> str:
        if remark.side < 0 and remark.attribute.irony and self._dice.chance(manner["irony"]):
            return expand(self._dice.pick(remark.attribute.irony), slots, self._dice)
        return expand(self._dice.pick(remark.pole.said), slots, self._dice)

    def _framed(self, remark: Remark, manner: Mapping[str, Any], slots: Slots, *, first: bool) -> str:
        """The remark as a sentence, sometimes with a few words before it or after it."""
        dice, language = self._dice, self._language
        text: str = self._said(remark, manner, slots)
        tone = "good" if remark.valence > 0 else "bad" if remark.valence < 0 else "plain"
        if dice.chance(manner["framed"]):
            before = dice.pick(language["before"][tone if dice.chance(0.5) else "plain"])
            text = expand(before, slots, dice) + uncapital(text)
        elif not first and dice.chance(0.12):
            text = dice.pick(language["linking"]) + uncapital(text)
        if dice.chance(0.6 * manner["framed"]) and not any(mark in text for mark in ",;:—"):
            text += expand(dice.pick(language["after"][tone]), slots, dice)
        return text

    def _joined(self, one: Remark, other: Remark, manner: Mapping[str, Any], slots: Slots) -> str:
        contrast = one.valence * other.valence < 0
        link: str = self._dice.pick(self._language["joins"]["contrast" if contrast else "same"])
        return self._said(one, manner, slots) + link + uncapital(self._said(other, manner, slots))

    def _assemble(
        self, sentences: list[tuple[str, list[Remark]]], manner: Mapping[str, Any], *, sunny: bool
    ) -> tuple[str, list[Mention]]:
        text, mentions = "", list[Mention]()
        for number, (sentence, remarks) in enumerate(sentences):
            text += " " if number else ""
            finished = roughen(sentence, manner, self._dice, last=number == len(sentences) - 1, sunny=sunny)
            start, end = len(text), len(text) + len(finished)
            text += finished
            for remark in remarks:
                mentions.append(Mention(start, end, remark.pole.tag, 1))
                if remark.attribute.bad is not None:
                    mentions.append(Mention(start, end, remark.attribute.pole(-remark.side).tag, -1))
        return text, mentions

    def _headline(self, remarks: list[Remark], slots: Slots, rating: float, manner: Mapping[str, Any]) -> str | None:
        dice = self._dice
        if not dice.chance(manner["headline"]):
            return None
        if remarks and dice.chance(0.35):
            text = expand(remarks[0].pole.brief, slots, dice)
        else:
            text = expand(dice.pick(self._language["headlines"][self._mood(rating)]), slots, dice)
        return text[0].upper() + text[1:]


class Slots(dict[str, str]):
    """What templates may name: grammar forms that agree with the SKU, and drawn words for people and places."""

    def __init__(self, sku: Sku, drawn: Mapping[str, list[str]], dice: Dice) -> None:
        many = sku.kind.plural
        super().__init__(MANY if many else ONE)
        self.category = sku.kind.category
        self["n"] = dice.pick(sku.kind.words["say"])
        self["colour"], self["material"], self["brand"] = sku.colour, sku.material, sku.brand
        self._drawn, self._dice = drawn, dice

    def __missing__(self, name: str) -> str:
        return expand(self._dice.pick(self._drawn[name]), self, self._dice)


ONE = {
    "it": "it", "It": "It", "them": "it", "is": "is", "isnt": "isn't", "was": "was", "has": "has", "does": "does",
    "doesnt": "doesn't", "its": "its", "Its": "Its", "s": "s", "es": "es", "this": "this", "This": "This", "one": "one",
    "itis": "it's", "Itis": "It's", "that": "that", "wasnt": "wasn't", "hasnt": "hasn't", "ies": "ies",
}  # fmt: skip
MANY = {
    "it": "they", "It": "They", "them": "them", "is": "are", "isnt": "aren't", "was": "were", "has": "have",
    "does": "do", "doesnt": "don't", "its": "their", "Its": "Their", "s": "", "es": "", "this": "these",
    "This": "These", "one": "pair", "itis": "they're", "Itis": "They're", "that": "those", "wasnt": "weren't",
    "hasnt": "haven't", "ies": "y",
}  # fmt: skip


def uncapital(text: str) -> str:
    """`text` with a small first letter, unless it begins with "I" or a word in capitals."""
    first = text.split(" ", 1)[0]
    keep = first in ("I", "Amazon", "OK") or first.startswith("I'") or (len(first) > 1 and first.isupper())
    return text if keep else text[:1].lower() + text[1:]
