"""What a tag asserts and denies: two tags whose signatures differ are never merged, however near their words are.

A signature holds the poles that a tag's words stand on (small against large, soft against firm, ...: polarity.json),
what is negated, weakened or overdone, and numbers. Equal signatures are an equivalence, so tags fall into blocks, and
whatever is merged inside blocks can't join opposites, not even by way of a third tag.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from engine.tags.pool.roots import root
from engine.text import INTENSIFIERS, NEGATIONS, normalise

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+(?:[.,]\d+)?|[,;]")
_LETTER_SIZES = frozenset(["xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"])
# Words that begin like a denial and aren't one.
_NO_DENIAL = re.compile(
    r"нежн|недел|некотор|нейтр|нейл|неон|нефрит|нерв|немец|небес|невест|необходим|негр|недр|нектар"
    r"|under|uni|until|unless|unto|бесед|бесплат|бесподоб|безум|безусловн"
)
_DENIAL = re.compile(
    r"(?P<prefix>не|без|бес|un|non|in(?=accur|conven|effect|elast|suffic|visib|complet|flex|stab|consist|sens)"
    r"|im(?=practic|perfect|precis|balanc|permeab)|ir(?=regul)|dis(?=lik|comfort|color|colour|proport|assembl)|mis(?=match|shap))"
    r"(?P<rest>\w{4,})"
)
_LESS = re.compile(r"(?P<rest>\w{3,})less")


@dataclass(frozen=True, eq=False)  # hashed by identity
class _Lexicon:
    exact: Mapping[str, frozenset[str]]
    prefixes: tuple[tuple[str, str], ...]

    @lru_cache(maxsize=1 << 16)  # noqa: B019 - there is one lexicon, for good
    def marks(self, word: str) -> frozenset[str]:
        """The poles and other marks that a normalised word carries."""
        by_prefix = {mark for prefix, mark in self.prefixes if word.startswith(prefix)}
        return self.exact.get(root(word), frozenset()) | by_prefix


@cache
def _lexicon() -> _Lexicon:
    read = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    groups = {f"{axis}:{pole}": words for axis, poles in read["axes"].items() for pole, words in poles.items()}
    groups |= {"not": read["negations"], "not after": read["negations_after"]}
    groups |= {"weak": read["weakeners"], "too": read["excess"]}
    exact: dict[str, set[str]] = {}
    prefixes = []
    for mark, words in groups.items():
        for word in normalise(words).split():
            if word.endswith("*"):
                prefixes.append((word[:-1], mark))
            else:
                exact.setdefault(root(word), set()).add(mark)
    return _Lexicon({word: frozenset(marks) for word, marks in exact.items()}, tuple(prefixes))


@lru_cache(maxsize=1 << 17)
def signature(tag: str) -> frozenset[str]:
    """The marks of a tag: "axis:pole", "not <root>", "weak", "too", numbers and letter sizes."""
    found: set[str] = set()
    denied = False
    last = ""
    for word in _WORD.findall(normalise(tag)):
        bare = word.replace("'", "")
        if not bare[0].isalnum():
            denied = False
        elif bare[0].isdigit() or bare in _LETTER_SIZES:
            found.add(f"size {bare.replace(',', '.')}")
        elif bare in NEGATIONS or word.endswith("n't") or "not" in _lexicon().marks(word):
            denied = True
        elif "not after" in _lexicon().marks(word) and last:
            found.add(f"not {root(last)}")
        elif not (denied and bare in INTENSIFIERS):  # "not very soft" denies "soft"
            found |= _asserted(word, denied)
            denied, last = False, word
    return frozenset(found | ({"not"} if denied else set()))


def compatible(one: str, other: str) -> bool:
    """Whether two tags may be merged as far as polarity, sizes and numbers go."""
    return signature(one) == signature(other)


def _asserted(word: str, denied: bool) -> set[str]:
    """The marks of one word, turned round when it is denied or denies itself (unsafe, неудобный, seamless)."""
    marks = set(_lexicon().marks(word))
    match = None if _NO_DENIAL.match(word) else _DENIAL.fullmatch(word) or _LESS.fullmatch(word)
    if match and not (marks - {"weak", "too"}):
        word, denied = match["rest"], not denied
        marks = set(_lexicon().marks(word))
    if not denied:
        return marks
    return {f"not {mark}" for mark in marks} | {f"not {root(word)}"}
