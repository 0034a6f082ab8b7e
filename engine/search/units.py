"""Numbers and units in one form, so that "12 in.", "12-inch" and 12" are one term, and "3-1/2" and "3.5" one number.

Catalogues and shoppers write sizes in many ways, and sizes decide whether an item answers a query. Each number with a
unit becomes "12in"; a fraction becomes a decimal; "2x4" falls apart into its numbers.
"""

from __future__ import annotations

import re

_WORDS = {
    "sqft": r"(?:sq|square)\.?\s?-?(?:ft|foot|feet)|ft\.?\s?sq|кв\.?\s?фут\w*",
    "cuft": r"(?:cu|cubic)\.?\s?-?(?:ft|foot|feet)|куб\.?\s?фут\w*",
    "sqm": r"(?:sq|square)\.?\s?(?:m|meters?|metres?)|кв\.?\s?м",
    "in": r"inch(?:es)?|in|дюйм\w*|\"|''",
    "ft": r"feet|foot|ft|фут\w*|'(?!\w)",
    "yd": r"yards?|yds?",
    "gal": r"gallons?|gal|галлон\w*",
    "qt": r"quarts?|qt",
    "oz": r"ounces?|oz|унци\w*",
    "lb": r"pounds?|lbs?|фунт\w*",
    "mm": r"millimet(?:er|re)s?|mm|миллиметр\w*|мм",
    "cm": r"centimet(?:er|re)s?|cm|сантиметр\w*|см",
    "kg": r"kilograms?|kgs?|килограмм\w*|кг",
    "ml": r"millilit(?:er|re)s?|ml|миллилитр\w*|мл",
    "m": r"met(?:er|re)s?|метр\w*|м",
    "l": r"lit(?:er|re)s?|литр\w*|л",
    "g": r"grams?|грамм\w*|гр|г",
    "v": r"volts?|вольт\w*",
    "w": r"watts?|ватт?\w*|вт",
    "a": r"amperes?|amps?|ампер\w*",
    "hp": r"horse\s?power|hp",
    "btu": r"btus?",
    "psi": r"psi",
    "pk": r"packs?|pk|pcs|pieces?|pc|шт\w*",
}
_ATTACHED = {"m": "m", "l": "l", "g": "g", "v": "v", "w": "w", "a": "a"}  # alone they are letters: only as in "12v"
_UNITS = "|".join(f"(?P<{unit}>{words})" for unit, words in _WORDS.items())
_SHORT = "|".join(f"(?P<short_{unit}>{letter})" for unit, letter in _ATTACHED.items())
NUMBER = r"(?:\d+[- ])?\d+/\d+|\d*\.?\d+"
_MEASURE = re.compile(rf"(?<![\w./])(?P<number>{NUMBER})(?:[\s-]{{0,2}}(?:{_UNITS})|(?:{_SHORT}))(?![\w]|-\d)")
_TIMES = re.compile(r"(?<=[\d\"'.])\s?[x×х*]\s?(?=\.?\d)|(?<=in|ft|cm|mm)\.?\s?[x×х]\s?(?=\.?\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_NUMBER = re.compile(rf"(?<![\w./])(?:{NUMBER})(?![\w/])")
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_QUOTES = str.maketrans({"″": '"', "”": '"', "“": '"', "′": "'", "’": "'", "`": "'", "⁄": "/"})
_NEAR = re.compile(r"\d|[½¼¾⅓⅔⅛⅜⅝⅞]")
MEASURED = re.compile(r"^(\d+(?:\.\d+)?)([a-z]+)$")
_PLAIN = re.compile(r"^\d+(?:\.\d+)?$")


def one_form(text: str) -> str:
    """`text` (normalised) with each number as a decimal and its unit attached: "3-1/2 in. x 2ft" -> "3.5in 2ft"."""
    if not _NEAR.search(text):
        return text
    text = text.translate(_QUOTES)
    for sign, fraction in _VULGAR.items():
        text = text.replace(sign, f" {fraction}")
    text = _COMMA.sub(".", _THOUSANDS.sub("", text))
    text = _MEASURE.sub(_measured, _TIMES.sub(" ", text))
    return _NUMBER.sub(lambda match: decimal(match.group()), text)


def decimal(number: str) -> str:
    """ "3-1/2" -> "3.5", "3/4" -> "0.75", "12.0" -> "12"; what can't be divided stays."""
    whole, _, fraction = number.replace("-", " ").rpartition(" ")
    above, _, below = fraction.partition("/")
    if below and not int(below):
        return number
    value = float(whole or 0) + float(above) / float(below or 1)
    return f"{value:.4f}".rstrip("0").rstrip(".")


def bare_number(term: str) -> str | None:
    """The number of a measure such as "12in", None for any other term."""
    match = MEASURED.match(term)
    return match[1] if match and (match[2] in _WORDS) else None


def is_number(term: str) -> bool:
    """Whether a term is a number or a measure."""
    return bool(_PLAIN.match(term)) or bare_number(term) is not None


def _measured(match: re.Match[str]) -> str:
    unit = next(name for name, found in match.groupdict().items() if found is not None and name != "number")
    return f" {decimal(match['number'])}{unit.removeprefix('short_')} "
