"""How reviews are read: normalised, cut into words, stemmed by language, and split into sentences with exact offsets.

Reviews are informal Russian and English: missing spaces after a dot, smileys as full stops, lists of short lines. The
language is told per word by its script, because one review often mixes both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

import Stemmer

NOT = "¬"  # in front of what is negated
STOPS = ".,;:!?\n"
MAX_WORD = 64  # longer runs without a space are links or noise; their start says enough
WORD = re.compile(r"\w+(?:'\w+)?|[.,;:!?\n]")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# A negation turns the next word into another term: "not soft" must not count as "soft".
NEGATIONS = _words("не ни без нет not no never without isnt wasnt arent dont doesnt didnt cant wont")
# Words that may stand between a negation and what it negates.
INTENSIFIERS = _words("очень особо особенно слишком совсем такой такая такое very really so too that all at")

# A dot after these, or after a single letter, ends no sentence unless a capital follows.
ABBREVIATIONS = _words(
    "т е д п к н др пр см мм кг гр руб коп шт стр тел ул им тыс млн мин макс разм рис "
    "e g i mr mrs ms dr st vs etc inc no approx"
)
TITLES = _words("mr mrs ms dr st им")
_SMILEY = r"[:;=8xX]['’]?-?[)(DdPp*/\\|oO3]{1,20}|<3"
_EMOJI = r"[\u2190-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]"
# What may follow a full stop and still belongs to its sentence.
_CLOSING = rf"(?:\s*(?:{_SMILEY}|{_EMOJI}+|\)+)|[\"'»”’\]])*"
# The look-behind and the bounded repeats keep long runs of one character from being tried again at each of them.
BOUNDARY = re.compile(
    r"(?P<line>(?<!\s)\s*\n\s*)"
    rf"|(?P<stop>[.!?…]+){_CLOSING}(?P<gap>\s*)"
    rf"|(?P<smile>(?>(?:{_SMILEY}|{_EMOJI}|\)){{1,20}}))(?:\s+|$)"
)
WINDOW = 200  # how far back an opening bracket is looked for


def normalise(text: str) -> str:
    """NFC, lower case, ё as е, one kind of apostrophe: the form in which texts and tags are compared."""
    return unicodedata.normalize("NFC", text).lower().replace("ё", "е").replace("’", "'")


@cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language, 0)


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """The Snowball stem of a normalised word, Russian when it has a Cyrillic letter, otherwise English."""
    cyrillic = any("\u0400" <= letter <= "\u04ff" for letter in word)
    stemmed: str = _stemmer("russian" if cyrillic else "english").stemWord(word[:MAX_WORD])
    return stemmed


def terms(text: str) -> list[str]:
    """Stems of the words of `text` in order; a negated word is marked: "не тяжёлая" -> ¬тяжел.

    The negation itself is no term; it passes over intensifiers ("not very soft" -> ¬veri ¬soft) and ends at
    punctuation.
    """
    return [NOT + stem(word) if negated else stem(word) for word, negated in _negated(WORD.findall(normalise(text)))]


def chunks(text: str) -> list[str]:
    """The normalised text at its spaces, punctuation kept, negated ones marked: what character n-grams are made of."""
    cut = [chunk[:MAX_WORD] for chunk in normalise(text).split()]
    return [NOT + chunk if negated else chunk for chunk, negated in _negated(cut)]


@lru_cache(maxsize=1 << 17)
def _bare(piece: str) -> str:
    return piece.strip(STOPS).replace("'", "")


def _negated(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The words among `pieces` and whether each is negated. Negations are left out, and so are bare stops."""
    active = False
    for piece in pieces:
        bare = _bare(piece)
        if bare in NEGATIONS:
            active = piece[-1] not in STOPS
            continue
        if bare or len(piece) > 1:
            yield piece, active
        active = active and bare in INTENSIFIERS and piece[-1] not in STOPS


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence: `text[start:end]` is the sentence without surrounding spaces, in order.

    Everything but white space belongs to exactly one sentence. Stretches without a letter or digit, such as a smiley
    on a line of its own, belong to the sentence before (at the beginning: to the one after).
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [*_ends(text), len(text)]:
        piece = text[start:end]
        left, right = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = end
        if left >= right:
            continue
        if spans and not (_says_something(text, left, right) and _says_something(text, *spans[-1])):
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    return spans


def _says_something(text: str, start: int, end: int) -> bool:
    return any(letter.isalnum() for letter in text[start:end])


def _ends(text: str) -> list[int]:
    """Where sentences may end, ascending."""
    ends = []
    for match in BOUNDARY.finditer(text):
        if match["line"] is not None or (match["stop"] and _stops(text, match)) or _smiles(text, match):
            ends.append(match.end())
    return ends


def _stops(text: str, match: re.Match[str]) -> bool:
    """Whether a run of stops ends a sentence there, by what stands around it."""
    following = text[match.end() : match.end() + 1]
    before = re.search(r"\w*$", text[max(0, match.start() - MAX_WORD) : match.start()])
    word = before.group().lower() if before else ""
    if not following or match["stop"].strip(".…"):  # the end, or a ! or ? among the stops
        return following != ","
    if len(match["stop"]) > 1 or "…" in match["stop"]:  # "ну... так себе" goes on
        return following.isupper() or following.isdigit()
    if following.isupper():
        return word not in TITLES and (len(word) != 1 or word.isdigit())  # one letter: an initial
    if not following.isalnum():
        return bool(match["gap"])
    if word in ABBREVIATIONS or len(word) <= 1:
        return False
    if match["gap"]:
        return not (word.isdigit() and following.isdigit())
    # no space and no capital: "отлично.рекомендую" is two sentences, "site.com" and "3.5" are not
    return following.isalpha() and all("\u0400" <= letter <= "\u04ff" for letter in word + following.lower())


def _smiles(text: str, match: re.Match[str]) -> bool:
    """Whether a smiley, or brackets that close nothing, end a sentence: a capital or the end follows."""
    if not match["smile"]:
        return False
    following = text[match.end() : match.end() + 1]
    before = text[max(0, match.start() - WINDOW) : match.start()]
    closes = match["smile"] == ")" and before.rfind("(") > before.rfind(")")
    return not closes and (not following or following.isupper())
