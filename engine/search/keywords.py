"""Contextual keywords of a review without a model: who uses the product, when, and why it is useful.

Who and when are found by a lexicon of people and occasions behind words such as "for my" or "as a"; why are the runs of
content words between function words, as in RAKE (Rose et al., "Automatic keyword extraction from individual documents",
2010), without its word scores: phrases are weighed against the whole catalogue when documents are built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.search.context import lexicon
from engine.search.plain_text import line
from engine.text import NEGATIONS, NOT, normalise, stem

MOST_READ = 6000  # characters of one review
REACH = 4  # words between a lead ("for") and the person or occasion it leads to
PHRASE, LONGEST_WORD = 3, 30  # words of a phrase, letters of a word
OLDEST = 17  # years; an older one is more often a thing: "a 20 year old album"
MOST, LONGEST = 24, 80  # keywords of one review, letters of one
_SHORTENED = ("'ve", "'ll", "'re", "'d", "'m")
_END = "the"  # a word that ends a phrase
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+|[^\w\s'-]+|\n")
_NUMBERS = "two three four five six seven eight nine ten eleven twelve"
_AGE = re.compile(rf"\b(\d{{1,2}}|{_NUMBERS.replace(' ', '|')})[ -]?(month|year|yr)s?[ -]olds?\b")
_EASE = re.compile(r"\b(?:easy|easier|hard|quick|fun|simple|difficult|safe|comfortable) to (?!me\b|get\b)[a-z]+\b")


@dataclass(frozen=True)
class Keywords:
    """What one review says: who uses the product, when or for what occasion, and why it is useful (or isn't)."""

    who: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, in that order, without repetitions."""
        return tuple(dict.fromkeys((*self.who, *self.when, *self.why)))[:MOST]


def embedded_keywords(text: str) -> Keywords:
    """The keywords of one review, normalised; those that would fit any product are left out."""
    words = lexicon()
    said = text[:MOST_READ]
    said = normalise(line(said) if "<" in said or "&" in said else said)
    who, when = (dict.fromkeys(f"for {age}" for age in _ages(said)), dict[str, None]())
    why = dict.fromkeys(match.group() for match in _EASE.finditer(said))
    for clause in _clauses(said):
        for place, word in enumerate(clause):
            if word in words.people and _led(clause, place, words.people_leads):
                who[words.people[word]] = None
            if word in words.openings and (occasion := _occasion(clause, place)):
                when[occasion] = None
        why.update(dict.fromkeys(_phrases(clause)))
    return Keywords(tuple(who), tuple(when), tuple(why)[:MOST])


def informative(keyword: str) -> bool:
    """Whether a keyword says something that wouldn't fit any product, and is about the product, not the shop."""
    return len(keyword) <= LONGEST and _tells(
        [word for word in _TOKEN.findall(normalise(keyword)) if word[0].isalnum()]
    )


@lru_cache(maxsize=1 << 17)
def meaning(keyword: str) -> frozenset[str]:
    """What two keywords that say the same have in common: the stems of their telling words, denied ones apart."""
    words = _TOKEN.findall(normalise(keyword))
    telling = [word for word in words if _telling(word)] or words
    denial = NOT if words and words[0] in NEGATIONS else ""
    return frozenset(denial + stem(word) for word in telling)


def _tells(words: Sequence[str]) -> bool:
    known = lexicon()
    return known.service.isdisjoint(words) and any(map(_telling, words))


@lru_cache(maxsize=1 << 16)
def _telling(word: str) -> bool:
    known = lexicon()
    return len(word) > 2 and not word.isdigit() and word not in known.breaks and not known.is_generic(word)


def _ages(said: str) -> Iterator[str]:
    for match in _AGE.finditer(said):
        if not (match[2] != "month" and match[1].isdigit() and int(match[1]) > OLDEST):
            yield f"{match[1]} {'month' if match[2] == 'month' else 'year'} olds"


def _clauses(said: str) -> Iterator[list[str]]:
    """Runs of words between punctuation."""
    clause: list[str] = []
    for token in _TOKEN.findall(said):
        if token[0].isalnum():
            clause.append(token)
        elif clause:
            yield clause
            clause = []
    if clause:
        yield clause


def _led(clause: Sequence[str], place: int, leads: frozenset[str]) -> bool:
    return not leads.isdisjoint(clause[max(0, place - REACH) : place])


def _occasion(clause: Sequence[str], place: int) -> str | None:
    words, word = lexicon(), clause[place]
    pair = f"{word} {clause[place + 1]}" if place + 1 < len(clause) else ""
    if pair in words.occasions:
        return words.occasions[pair]
    if word not in words.occasions or (word == "work" and place and clause[place - 1] == "to"):
        return None
    return words.occasions[word] if word in words.bare or _led(clause, place, words.occasion_leads) else None


def _phrases(clause: Sequence[str]) -> Iterator[str]:
    """The telling phrases of a clause; one that is denied begins with its denial."""
    run, denial = list[str](), ""
    for word in [*clause, _END]:
        if _joins(word):
            run.append(word)
            continue
        if run:
            yield from _cut(run, denial)
        run, denial = [], _denial(word)


@lru_cache(maxsize=1 << 12)
def _denial(word: str) -> str:
    if word.endswith("n't") or (word in NEGATIONS and word.endswith("nt")):
        return "not"
    return word if word in NEGATIONS else ""


@lru_cache(maxsize=1 << 16)
def _joins(word: str) -> bool:
    """Whether phrases may hold a word."""
    short = word.endswith(_SHORTENED) or len(word) == 1
    return not (short or word in lexicon().breaks or word.isdigit() or len(word) > LONGEST_WORD)


def _cut(run: Sequence[str], denial: str) -> Iterator[str]:
    """`run` in phrases of equal length, without empty praise at the ends, each with something to say."""
    trimmed = _trimmed(run)
    pieces = -(-len(trimmed) // PHRASE)
    for piece in range(pieces):
        phrase = trimmed[piece * len(trimmed) // pieces : (piece + 1) * len(trimmed) // pieces]
        if _tells(phrase) and (len(phrase) > 1 or not _weak_alone(phrase[0])):
            yield " ".join((denial, *phrase)).strip()


def _weak_alone(word: str) -> bool:
    """Whether a word says little alone: "experimented", "flying", or what `who` and `when` are for."""
    return word.endswith(("ed", "ing", "-old", "-olds")) or word in lexicon().contextual


def _trimmed(run: Sequence[str]) -> Sequence[str]:
    generic, start, end = lexicon().is_generic, 0, len(run)
    while start < end and generic(run[start]):
        start += 1
    while end > start and generic(run[end - 1]):
        end -= 1
    return run[start:end]
