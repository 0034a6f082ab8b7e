"""Sellers' texts as plain sentences: markup, entities and control characters taken out, cut at a sentence's end."""

from __future__ import annotations

import html
import re
import unicodedata

from engine.text import sentences

MOST_READ = 20_000  # characters of a description that are looked at
# Tags end a line where they would on a page; scripts, styles and comments go with what is in them.
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_BREAKS = re.compile(r"</?(?:p|br|li|ul|ol|div|h[1-6]|tr|table|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_SPACE = re.compile(r"[^\S\n]+")


def plain(text: str) -> str:
    """`text` without markup, NFC, one space between words, line ends kept where the markup had them.

    Entities are resolved first and a second time for shops that escape twice; "5 < 6" stays.
    """
    readable = html.unescape(html.unescape(text[:MOST_READ]))
    readable = _TAG.sub(" ", _BREAKS.sub("\n", _HIDDEN.sub(" ", readable)))
    lines = (_printable(line) for line in unicodedata.normalize("NFC", readable).split("\n"))
    return "\n".join(line for line in (_SPACE.sub(" ", line).strip() for line in lines) if line)


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)


def line(text: str) -> str:
    """`plain(text)` on one line."""
    return " ".join(plain(text).split("\n"))


def shortened(text: str, most: int) -> str:
    """`text` cut to `most` characters at a space, without an ellipsis: what follows would match nothing."""
    return text if len(text) <= most else text[: most + 1].rsplit(" ", 1)[0][:most].rstrip(" ,;:-–—")


def lead(text: str, most: int) -> str:
    """The first sentences of `text` that fit into `most` characters together; at least the beginning of the first."""
    taken = ""
    for start, end in sentences(text):
        longer = f"{taken} {text[start:end]}".strip()
        if taken and len(longer) > most:
            break
        taken = longer
    return shortened(" ".join(taken.split()), most)
