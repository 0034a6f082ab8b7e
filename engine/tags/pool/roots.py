"""The part of a word that its inflections share: a dictionary's lemma for Russian, then the Snowball stem.

The stemmer alone cuts "запах" and "запаха" differently; by way of the lemma all forms of a word meet.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from engine.text import MAX_WORD, stem


@lru_cache(maxsize=1 << 17)
def root(word: str) -> str:
    """The common root of a normalised word's inflections."""
    if not is_russian(word):
        return stem(word)
    return stem(str(parses(word)[0].normal_form).replace("ё", "е"))


def part_of_speech(word: str) -> str | None:
    """OpenCorpora's name for what a normalised Russian word most likely is (NOUN, ADJF, VERB, …); None if unknown."""
    found = parses(word)[0].tag.POS
    return None if found is None else str(found)


def is_russian(word: str) -> bool:
    """Whether a normalised word is written in Cyrillic letters."""
    return any("\u0400" <= letter <= "\u04ff" for letter in word)


@cache
def _dictionary() -> Any:
    import pymorphy3  # loaded with the first Russian word

    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=1 << 16)
def parses(word: str) -> tuple[Any, ...]:
    """The dictionary's readings of a normalised Russian word, likeliest first, four at most."""
    return tuple(_dictionary().parse(word[:MAX_WORD])[:4])
