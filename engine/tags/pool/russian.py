"""Opinion phrases in Russian: parts of speech, cases and agreement come from OpenCorpora's dictionary (pymorphy3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.tags.pool.lexicon import listed, roots_of_group
from engine.tags.pool.polarity import signature
from engine.tags.pool.roots import parses, part_of_speech, root
from engine.text import INTENSIFIERS

_SILENT = frozenset(
    {
        *("быть", "стать", "мочь", "хотеть", "иметь", "казаться", "нравиться", "понравиться", "подойти", "брать"),
        *("взять", "покупать", "купить", "заказать", "знать", "думать", "советовать", "рекомендовать", "прийти"),
    }
)
_EMPTY = frozenset(
    ("весь", "этот", "такой", "который", "сам", "самый", "свой", "мой", "наш", "другой", "каждый", "любой")
)
_WITHOUT = ("без", "нет")
_GOOD = {"masc": "хороший", "femn": "хорошая", "neut": "хорошее", "plur": "хорошие"}
_BAD = {"masc": "плохой", "femn": "плохая", "neut": "плохое", "plur": "плохие"}
_OF_QUALITY = "качественный"  # "отличное качество" says the same in two words


def russian_opinions(words: Sequence[str]) -> Iterator[str]:
    """Phrases of one clause of normalised words."""
    kinds = [part_of_speech(word) for word in words]
    for i, word in enumerate(words):
        denial = "не " if _denied(words, i) else ""
        if kinds[i] in ("ADJF", "PRTF", "ADJS"):
            phrase = _described(words, kinds, i)
            if phrase:
                yield denial + phrase
        elif kinds[i] == "VERB":
            phrase = _done(words, kinds, i)
            if phrase and (denial or " " in phrase or signature(word)):
                yield denial + phrase
        elif i and words[i - 1] in _WITHOUT and kinds[i] == "NOUN":
            yield f"{words[i - 1]} {word}"


def _described(words: Sequence[str], kinds: Sequence[str | None], i: int) -> str | None:
    """The adjective at `i` with the noun it agrees with: after it, before it, or, in the nominative, none."""
    first = parses(words[i])[0]
    if first.normal_form in _EMPTY or {"Apro", "Anum"} & set(first.tag.grammemes):
        return None
    if kinds[i] == "ADJS":
        return str(first.normal_form).replace("ё", "е")
    for j in (i + 1, i - 1, i - 2):
        if 0 <= j < len(words) and kinds[j] == "NOUN" and (j > i or set(words[j + 1 : i]) <= INTENSIFIERS):
            pair = _agreeing(words[i], words[j])
            if pair:
                return pair
    alone = (
        first.normal_form not in listed("vague")
        and first.tag.case == "nomn"
        and not (i + 1 < len(words) and kinds[i + 1] == "NOUN")
    )
    return words[i] if alone else None


def _agreeing(adjective: str, noun: str) -> str | None:
    """Both words in the nominative, when some reading of them agrees in case, number and gender."""
    for one in parses(adjective):
        for other in parses(noun):
            same = one.tag.case == other.tag.case and one.tag.number == other.tag.number
            gender = one.tag.number == "plur" or one.tag.gender == other.tag.gender
            if other.tag.POS == "NOUN" and one.tag.case and same and gender:
                return _nominative(one, other)
    return None


def _nominative(adjective: Any, noun: Any) -> str | None:
    wanted = {"nomn", noun.tag.number}
    noun_form = noun.inflect(wanted)
    gender = "plur" if noun.tag.number == "plur" else str(noun.tag.gender)
    adjective_form = adjective.inflect(wanted | {gender})
    if noun_form is None or adjective_form is None:
        return None
    if root(noun.word) in roots_of_group("things"):
        return None if adjective.normal_form in listed("vague") else str(adjective_form.word).replace("ё", "е")
    said = _plainly(adjective.normal_form, noun.word, gender) or adjective_form.word
    return said if said == _OF_QUALITY else f"{said} {noun_form.word}".replace("ё", "е")


def _plainly(adjective: str, noun: str, gender: str) -> str | None:
    """ "хороший" or "плохой" in place of the many words that praise and blame an aspect; None in place of others."""
    if root(noun) not in roots_of_group("aspects"):
        return None
    if adjective in listed("praise"):
        return _OF_QUALITY if noun.startswith("качеств") else _GOOD.get(gender)
    return _BAD.get(gender) if adjective in listed("blame") else None


def _done(words: Sequence[str], kinds: Sequence[str | None], i: int) -> str | None:
    """The verb at `i` in the third person, with an adverb before or after it and the thing it is done to."""
    reading = parses(words[i])[0]
    if reading.normal_form in _SILENT or not (reading.tag.person == "3per" or reading.tag.tense == "past"):
        return None
    adverb = next(
        (
            words[j]
            for j in (i - 1, i + 1)
            if 0 <= j < len(words) and kinds[j] == "ADVB" and words[j] not in INTENSIFIERS
        ),
        "",
    )
    following = words[i + 1] if i + 1 < len(words) else ""
    thing = following if any(p.tag.POS == "NOUN" and p.tag.case == "accs" for p in parses(following)[:2]) else ""
    if reading.tag.tense == "past" and not signature(words[i]):
        return None
    if not thing and not adverb and reading.normal_form in listed("incomplete"):
        return None
    return " ".join(filter(None, (adverb, words[i], thing)))


def _denied(words: Sequence[str], i: int) -> bool:
    j = i - 1
    while j >= 0 and words[j] in INTENSIFIERS:
        j -= 1
    return j >= 0 and words[j] == "не"
