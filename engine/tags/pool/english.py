"""Opinion phrases in English, where lists of words (opinions.json) stand for a dictionary of parts of speech."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.tags.pool.lexicon import listed
from engine.text import INTENSIFIERS, stem

_DENIAL = re.compile(r"not|never|no|\w+n't")
_DEGREES = INTENSIFIERS | {"too", "super", "pretty", "quite", "rather", "a", "bit", "little", "slightly", "extremely"}
_FAR = _DEGREES | {
    "far",
    "much",
    "way",
    "more",
    "still",
}  # between a verb and its adjective: "looks far more expensive"
_CLITIC = re.compile(r"(it|they|this|that|these|which)('s|'re)")
_COPULA = {"'s": "is", "'re": "are"}
_PRONOUNS = frozenset(("it", "they", "this", "these", "which"))
_ARTICLES = frozenset(("a", "an", "the", "my", "our", "its", "their", "your", "any"))
_COMES = frozenset(("come", "comes", "came"))  # says something of a named part only: "plating came off"
_ARRIVED = {("comes", "in"), ("came", "in"), ("come", "in")}  # "came in a box"
_REEKS = frozenset(("smells", "smell", "stinks", "stink", "reeks", "reek"))
_NOBODY = frozenset(("nothing", "none", "nobody"))
_OTHER = re.compile(r"(?:my|the|our) (?:old|last|previous|other|designer)\b|\bunlike\b")
_LABEL = 4  # words before a colon that announce something: "a big plus:"
_QUICK = frozenset(("easy", "hard", "difficult", "simple", "quick", "impossible"))
_USEFUL = frozenset(("good", "great", "ideal", "perfect", "handy", "suitable"))


def english_opinions(words: Sequence[str], *, announces: bool = False) -> Iterator[str]:
    """Phrases of one clause of normalised words; `announces`: a colon follows, so a short one is a label."""
    if (announces and len(words) <= _LABEL) or _OTHER.search(" ".join(words)):
        return
    words = list(_apart(words))
    for i, word in enumerate(words):
        if word in listed("adverbs") and words[i + 1 : i + 2] and words[i + 1] in listed("participles"):
            yield f"{word} {words[i + 1]}"
        elif word in _REEKS and words[i + 1 : i + 2] in (["of"], ["like"]):
            yield from (f"smells of {noun}" for noun in [_nouns(words, _after_article(words, i + 2))] if noun)
        elif _is_verb(words, i):
            yield from _verb_phrase(words, i)
        elif word in listed("adjectives"):
            yield from filter(None, [_adjective_phrase(words, i)])
        elif word in ("no", "without"):
            yield from _absence(words, i)


def _apart(words: Sequence[str]) -> Iterator[str]:
    """ "it's" as "it" and "is"; "father's" stays."""
    for word in words:
        clitic = _CLITIC.fullmatch(word)
        yield from (clitic[1], _COPULA[clitic[2]]) if clitic else (word,)


def _adjective_phrase(words: Sequence[str], i: int) -> str | None:
    """The adjective at `i` with what it is said of, or what it is good for; alone where "it" is meant."""
    j = _before(words, i, _FAR)
    denied = j >= 0 and _DENIAL.fullmatch(words[j]) is not None
    said = (f"{_denial(words[j])} " if denied else "") + ("too " if i and words[i - 1] == "too" else "") + words[i]
    nouns, use = _nouns(words, i + 1), _use(words, i)
    if use:
        return f"good {use}" if words[i] in _USEFUL and use.startswith("for") and not denied else f"{said} {use}"
    if nouns and not (i and words[i - 1] in listed("copulas") and words[i] in listed("verbs")):
        return said if nouns in listed("things") else f"{said} {nouns}"
    if denied:
        j -= 0 if words[j].endswith("n't") else 1
    if j >= 0 and (words[j] in listed("copulas") | listed("senses") or words[j].endswith("n't")):
        return _said_of(words, j, said, denied=denied)
    return _fragment(words, i, said)


def _denial(word: str) -> str:
    """ "no loose threads", and "not soft" for all other denials."""
    return "no" if word == "no" else "not"


def _said_of(words: Sequence[str], j: int, said: str, *, denied: bool) -> str | None:
    """What a copula or a verb of sense at `j` says of its subject: "soft foam", "looks cheap"."""
    subject = words[j - 1] if j else ""
    thing = subject in listed("things")
    if words[j] in listed("senses") and not denied:
        sense = f"{words[j].removesuffix('ed').removesuffix('s')}s".replace("felts", "feels")
        return f"{sense} {said}" if thing or not _is_noun(subject) else f"{subject} {sense} {said}"
    if _is_noun(subject) and not thing:
        return f"{subject} {said}" if denied else f"{said} {subject}"
    return said if thing or not subject or subject in _PRONOUNS or words[j].endswith("n't") else None


def _fragment(words: Sequence[str], i: int, said: str) -> str | None:
    """An adjective in a clause without a verb: "soft", "heavy and bulky", "zip broken"."""
    if i and _is_noun(words[i - 1]) and len(words) <= 3:
        return said if words[i - 1] in listed("things") else f"{said} {words[i - 1]}"
    alone = i == len(words) - 1 or words[i + 1] in ("and", "but", "enough", "yet", "so")
    begins = all(word in _DEGREES | {"and", "but", "not"} | listed("adjectives") for word in words[:i])
    return said if alone and begins else None


def _use(words: Sequence[str], i: int) -> str:
    """What comes after the adjective at `i`: "to clean", "for travel", "for a laptop"; empty when nothing does."""
    following = words[i + 1] if i + 2 < len(words) else ""
    if following == "to" and words[i] in _QUICK and words[i + 2] not in listed("not_nouns") | {"please", "find"}:
        return f"to {words[i + 2]}"
    if following == "for" and (words[i] in _USEFUL or words[i - 1 : i] == ["too"]):
        noun = _nouns(words, _after_article(words, i + 2))
        return f"for {noun}" if noun else ""
    return ""


def _absence(words: Sequence[str], i: int) -> Iterator[str]:
    """ "no pockets", "no chemical smell"."""
    named = i + 1 if words[i + 1 : i + 2] and words[i + 1] in listed("adjectives") else i
    if named + 1 < len(words) and words[named + 1] in listed("aspects"):
        yield " ".join(words[i : named + 2])


def _verb_phrase(words: Sequence[str], i: int) -> Iterator[str]:
    """The verb at `i` with its subject and its particle or object; "doesn't fade" without a subject."""
    denial = words[i - 1] if i and _DENIAL.fullmatch(words[i - 1]) else ""
    subject = words[_before(words, i, {"just", "still", "always", "really", "already", "also", "even"})] if i else ""
    rest = ""
    if i + 1 < len(words) and words[i + 1] in listed("particles") and (words[i], words[i + 1]) not in _ARRIVED:
        rest = words[i + 1]
    elif words[i] in listed("with_object"):
        start = _after_article(words, i + 1)
        if not _nouns(words, start):
            return
        rest = " ".join(word for word in (*words[i + 1 : start], _nouns(words, start)) if word != "my")
    if words[i] in _COMES and not _is_noun(subject):
        return
    if denial:
        yield " ".join(filter(None, (denial, words[i], rest)))
    elif subject in _NOBODY or words[:1] in (["no"], ["nothing"]):
        yield " ".join(filter(None, ("doesn't", _plain(words[i]), rest)))
    elif rest or words[i] not in listed("need_more"):
        named = subject if _is_noun(subject) and subject not in listed("things") else ""
        yield " ".join(filter(None, (named, words[i], rest)))


def _plain(verb: str) -> str:
    """The verb without the ending of the third person."""
    long = verb.endswith(("shes", "ches", "sses", "xes"))
    return verb[: -2 if long else -1] if verb.endswith("s") else verb


def _is_verb(words: Sequence[str], i: int) -> bool:
    """Whether the word at `i` is a listed verb there: some are nouns as well, and plain forms need a plural subject."""
    word, before = words[i], words[i - 1] if i else ""
    if before in listed("copulas") or before in _ARTICLES:
        return False
    if word in listed("verbs"):
        return i > 0 or len(words) <= 3 or word not in listed("ambiguous")
    plural = before in ("they", "these") or (before.endswith("s") and _is_noun(before))
    return stem(word) in listed("verbs", stems=True) and (plural or _denies_verb(before))


def _nouns(words: Sequence[str], start: int) -> str:
    """One or two noun-like words from `start` on; empty when there is none."""
    taken = []
    for word in words[start : start + 2]:
        if not _is_noun(word):
            break
        taken.append(word)
    return " ".join(taken)


def _after_article(words: Sequence[str], i: int) -> int:
    return i + 1 if i < len(words) and words[i] in _ARTICLES else i


def _before(words: Sequence[str], i: int, passed: frozenset[str] | set[str]) -> int:
    """The place before `i` that holds none of the words of `passed`."""
    j = i - 1
    while j >= 0 and words[j] in passed:
        j -= 1
    return j


def _is_noun(word: str) -> bool:
    others = ("not_nouns", "adjectives", "verbs", "copulas", "particles", "senses")
    return len(word) > 2 and "'" not in word and not word.endswith("ly") and not any(word in listed(g) for g in others)


def _denies_verb(word: str) -> bool:
    return word != "no" and _DENIAL.fullmatch(word) is not None
