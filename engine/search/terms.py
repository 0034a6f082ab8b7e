"""The terms of a query and of a document, made in the same way: units in one form, words stemmed by their language.

Russian words are reduced to their lemma first (pymorphy3), because Snowball alone keeps "сумка" and "сумок" apart.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from engine.search.units import bare_number, one_form
from engine.text import MAX_WORD, normalise, stem

TOKEN = re.compile(r"\d+(?:\.\d+)?[a-z]*(?![\w])|\w+(?:'\w+)?")
_TAG = re.compile(r"<[^<>]{1,40}>")


def _listed(said: str) -> list[str]:
    return said.split()


STOPS = frozenset(
    _listed(
        "a an the and or of for to with in on at by from is are be this that it as i me my we you your some any "
        "и в во на с со для от до по из у к ко о об а но или не за мне мой моя мы вы это что как под при же ли бы"
    )
)
_IRREGULAR = {
    "shelves": "shelf",
    "leaves": "leaf",
    "loaves": "loaf",
    "scarves": "scarf",
    "halves": "half",
    "calves": "calf",
    "wolves": "wolf",
    "knives": "knife",
    "wives": "wife",
    "children": "child",
    "children's": "child",
    "men": "man",
    "men's": "man",
    "women": "woman",
    "women's": "woman",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
}


def plain(text: str) -> str:
    """`text` ready to be cut: entities resolved, tags dropped, normalised, numbers and units in one form."""
    return one_form(normalise(_TAG.sub(" ", html.unescape(text))))


def words(text: str) -> list[str]:
    """The words of `text` as they are written, numbers with their units, stop words left out."""
    return [word for word in TOKEN.findall(plain(text)) if word not in STOPS]


def terms(text: str) -> list[str]:
    """The terms of `text` in order. A measure gives two: "12in" and "12"."""
    return [term for word in words(text) for term in terms_of(word)]


def terms_of(word: str) -> Iterator[str]:
    """The terms of one word of `words`: its stem, or a measure and its number."""
    yield root(word)
    number = bare_number(word)
    if number is not None:
        yield number


@lru_cache(maxsize=1 << 17)
def root(word: str) -> str:
    """The form under which a word is found: "shelves" -> "shelf", "сумок" -> "сумк", "12in" as it is."""
    word = word[:MAX_WORD]
    if any("\u0400" <= letter <= "\u04ff" for letter in word):
        return stem(_morphology().parse(word)[0].normal_form.replace("ё", "е"))
    return stem(_IRREGULAR.get(word, word))


@cache
def _morphology() -> Any:
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer(lang="ru")
