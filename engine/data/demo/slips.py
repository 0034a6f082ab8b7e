"""Slips of the keyboard: typos, missing capitals, exclamation marks and emoji, as a persona makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.data.demo.grammar import Dice

CASUAL = {
    "really": "realy", "definitely": "definately", "because": "cos", "though": "tho", "you": "u", "and": "&",
    "received": "recieved", "beautiful": "beautifull", "comfortable": "comfy", "probably": "prob", "quality": "qualty",
    "very": "v", "please": "pls", "their": "there", "colour": "color", "don't": "dont", "doesn't": "doesnt",
    "it's": "its", "isn't": "isnt", "can't": "cant", "wouldn't": "wouldnt", "didn't": "didnt", "perfect": "perfct",
    "which": "wich", "material": "materiel", "disappointed": "dissapointed", "until": "untill", "separate": "seperate",
}  # fmt: skip
EMOJI = ("😍", "👍", "❤️", "😊", "🙂", "👌", "🥰", "✨")
SULKS = ("🙄", "😡", "👎", "😒", "🤷‍♀️")


def roughen(sentence: str, manner: Mapping[str, Any], dice: Dice, *, last: bool, sunny: bool) -> str:
    """The sentence as it was typed: with the persona's spelling, case and ending; emoji only where the review ends."""
    text = " ".join(sentence.split())
    text = text[:1].upper() + text[1:]
    if manner["typos"] and dice.chance(manner["typos"]):
        text = _misspell(text, dice)
    if dice.chance(manner["small"]):
        text = text.lower()
    if dice.chance(manner["shout"]):
        text = _shout(text, dice)
    return text + _ending(text, manner, dice, last=last, sunny=sunny)


def _ending(text: str, manner: Mapping[str, Any], dice: Dice, *, last: bool, sunny: bool) -> str:
    if text.endswith(("!", "?", "…", ".")):
        return ""
    mark = "." if not dice.chance(manner["exclaim"]) else dice.pick(("!", "!", "!!", "!!!"))
    if dice.chance(0.03):
        mark = "…"
    if not last:
        return mark
    if dice.chance(manner["emoji"]):
        return mark + " " + dice.pick(EMOJI if sunny else SULKS)
    return "" if mark == "." and dice.chance(manner["open_end"]) else mark


def _misspell(text: str, dice: Dice) -> str:
    """A casual spelling where the sentence has a word for it, else two letters swapped in a longer word."""
    words = text.split(" ")
    known = [place for place, word in enumerate(words) if word in CASUAL]
    if known:
        place = dice.pick(known)
        words[place] = CASUAL[words[place]]
        return " ".join(words)
    long = [place for place, word in enumerate(words) if len(word) > 5 and word.isalpha() and word.islower()]
    if long:
        place = dice.pick(long)
        word = words[place]
        at = dice.between(1, len(word) - 3)
        words[place] = dice.pick((word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at + 1 :]))
    return " ".join(words)


def _shout(text: str, dice: Dice) -> str:
    """One word in capitals."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 3]
    if long:
        place = dice.pick(long)
        words[place] = words[place].upper()
    return " ".join(words)
