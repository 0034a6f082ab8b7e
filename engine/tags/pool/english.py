"""Opinion phrases in English, where lists of words (opinions.json) stand for a dictionary of parts of speech."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from engine.text import INTENSIFIERS, stem

_DENIAL = re.compile(r"not|never|no|\w+n't")
_DEGREES = INTENSIFIERS | {"too", "super", "pretty", "quite", "rather", "a", "bit", "little", "slightly", "extremely"}


def english_opinions(words: Sequence[str]) -> Iterator[str]:
    """Phrases of one clause of normalised words."""
    for i, word in enumerate(words):
        if word in _listed("verbs") or (i and _denies_verb(words[i - 1]) and stem(word) in _verb_stems()):
            yield from _verb_phrase(words, i)
        elif word in _listed("adjectives"):
            phrase = _adjective_phrase(words, i)
            if phrase:
                yield phrase
        elif i and words[i - 1] in ("no", "without") and word in _listed("aspects"):
            yield f"{words[i - 1]} {word}"


def _adjective_phrase(words: Sequence[str], i: int) -> str | None:
    """The adjective at `i` with the noun after it, or the one that a copula joins to it, or, said of "it", alone."""
    nouns = _nouns(words, i + 1)
    j = _before_degree(words, i)
    denied = j >= 0 and _DENIAL.fullmatch(words[j]) is not None
    too = "too " if i and words[i - 1] == "too" else ""
    said = f"not {too}{words[i]}" if denied else too + words[i]
    if nouns and not (i and words[i - 1] in _listed("copulas") and words[i] in _listed("verbs")):
        return f"{said} {nouns}"
    if denied:
        j -= 0 if words[j].endswith("n't") else 1
    copula = j >= 0 and (words[j] in _listed("copulas") or words[j].endswith("n't"))
    subject = words[j - 1] if copula and j else ""
    if copula and _is_noun(subject) and not denied:
        return f"{said} {subject}"
    if copula or len(words) <= 3:
        return f"{subject} {said}" if copula and _is_noun(subject) else said
    return None


def _verb_phrase(words: Sequence[str], i: int) -> Iterator[str]:
    """The verb at `i` with its subject and its particle or object; "doesn't fade" without a subject."""
    denied = i > 0 and _DENIAL.fullmatch(words[i - 1]) is not None
    rest = ""
    if i + 1 < len(words) and words[i + 1] in _listed("particles"):
        rest = words[i + 1]
    elif words[i] in (
        "keeps",
        "kept",
        "holds",
        "held",
        "loses",
        "lost",
        "absorbs",
        "irritates",
        "irritated",
        "rubs",
        "fits",
    ):
        start = i + 2 if i + 1 < len(words) and words[i + 1] in ("its", "their", "the", "a", "my") else i + 1
        rest = " ".join(
            filter(None, (words[i + 1] if start > i + 1 and words[i + 1] != "my" else "", _nouns(words, start)))
        )
        if not _nouns(words, start):
            return
    if denied:
        yield " ".join(filter(None, (words[i - 1], words[i], rest)))
    elif rest or words[i] not in _listed("need_more"):
        subject = words[i - 1] if i and _is_noun(words[i - 1]) and not rest else ""
        yield " ".join(filter(None, (subject, words[i], rest)))


def _nouns(words: Sequence[str], start: int) -> str:
    """One or two noun-like words from `start` on; empty when there is none."""
    taken = []
    for word in words[start : start + 2]:
        if not _is_noun(word):
            break
        taken.append(word)
    return " ".join(taken)


def _before_degree(words: Sequence[str], i: int) -> int:
    """The place before `i` that holds no word of degree ("very", "a bit")."""
    j = i - 1
    while j >= 0 and words[j] in _DEGREES:
        j -= 1
    return j


def _is_noun(word: str) -> bool:
    others = ("not_nouns", "adjectives", "verbs", "copulas", "particles")
    return len(word) > 2 and "'" not in word and not word.endswith("ly") and not any(word in _listed(g) for g in others)


def _denies_verb(word: str) -> bool:
    return word != "no" and _DENIAL.fullmatch(word) is not None


@cache
def _verb_stems() -> frozenset[str]:
    return frozenset(map(stem, _listed("verbs")))


@cache
def _listed(group: str) -> frozenset[str]:
    text = Path(__file__).with_name("opinions.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)[group].split())
