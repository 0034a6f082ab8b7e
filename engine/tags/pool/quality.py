"""Which tags are worth keeping: short, concrete, about the product. Whatever makes tags, all of them pass here."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.tags.pool.polarity import signature
from engine.tags.pool.roots import root
from engine.text import NEGATIONS, normalise

MAX_LETTERS, MAX_WORDS, MAX_TAGS = 48, 5, 12
MAX_SEEN = 200  # tags of one answer that are looked at
_EDGES = " \t\n\"'«»“”„`.,;:!?*_#•-–—()[]"
_ALLOWED = re.compile(r"[^\W_][\w\s'’%/,+&.°×-]*")
_ADDRESS = re.compile(r"https?:|www\.|\w\.(?:ru|com|net|org|рф)\b|@|\d{6,}")
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True)
class Cleaned:
    """The tags that were kept, in order and without repetition, and how many were dropped for each reason."""

    tags: tuple[str, ...]
    dropped: Counter[str]


def tidy(tag: str) -> str:
    """The form in which tags are kept: NFC, lower case, single spaces, no quotes or stops around."""
    return " ".join(normalise(tag[: 4 * MAX_LETTERS]).split()).strip(_EDGES)


def content(tag: str) -> tuple[str, ...]:
    """Roots of the words that say something, in order."""
    return tuple(
        root(word) for word in _WORDS.findall(normalise(tag)) if word not in _empty() and not word.endswith("n't")
    )


def fault(tag: str) -> str | None:
    """Why a tidied tag isn't worth keeping; None when it is."""
    words = _WORDS.findall(tag)
    if not tag or not any(letter.isalpha() for letter in tag):
        return "says nothing"
    if len(tag) > MAX_LETTERS or len(words) > MAX_WORDS:
        return "is too long"
    if not _ALLOWED.fullmatch(tag) or _ADDRESS.search(tag):
        return "holds markup, an address or a number"
    stems = {root(word) for word in words}
    if stems & _listed("commands"):
        return "speaks to a machine"
    if stems & _listed("service"):
        return "is about the shop, not the product"
    if not set(content(tag)) - _listed("generic"):
        return "would fit any product"
    return None


def clean(tags: Iterable[object], *, most: int = MAX_TAGS) -> Cleaned:
    """The tags worth keeping, at most `most`; of two that say the same the first stays; what is no text is dropped."""
    kept: dict[tuple[frozenset[str], frozenset[str]], str] = {}
    dropped: Counter[str] = Counter()
    for index, raw in enumerate(tags):
        if index >= MAX_SEEN or not isinstance(raw, str):
            dropped["is no text" if index < MAX_SEEN else "is one too many"] += 1
            continue
        tag = tidy(raw)
        reason = fault(tag)
        key = (frozenset(content(tag)), signature(tag))
        if reason is None and key in kept:
            reason = "is there already"
        if reason is None and len(kept) >= most:
            reason = "is one too many"
        if reason is None:
            kept[key] = tag
        else:
            dropped[reason] += 1
    return Cleaned(tuple(kept.values()), dropped)


def generic_roots() -> frozenset[str]:
    """Roots of words that fit any product: "good", "нравится", "product"."""
    return _listed("generic")


@cache
def _listed(group: str) -> frozenset[str]:
    return frozenset(root(word) for word in _words("quality", group))


@cache
def _empty() -> frozenset[str]:
    """Words without a content of their own: what is compared and looked for in reviews leaves them out."""
    return NEGATIONS | {*_words("quality", "empty"), *_words("polarity", "negations")}


def _words(file: str, group: str) -> list[str]:
    text = Path(__file__).with_name(f"{file}.json").read_text(encoding="utf-8")
    return normalise(json.loads(text)[group]).split()
