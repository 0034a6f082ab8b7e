"""The one language of comparison: only in A, only in B, same, up, down. Icon, words and colour always together."""

from markupsafe import Markup

from engine.comparison import Compared, Place
from pages.parts.markup import html, icon, join

_SIGNS = {
    "same": ("equal", "sw-same"),
    "only A": ("chevron_left", "sw-only-a"),
    "only B": ("chevron_right", "sw-only-b"),
    "up": ("arrow_upward", "sw-up"),
    "down": ("arrow_downward", "sw-down"),
}


def badge(where: str, words: str) -> Markup:
    """A badge for one side of a comparison (`where`: same, only A, only B, up, down) with what it means here."""
    symbol, style = _SIGNS[where]
    return html('<span class="sw-badge {}">{} {}</span>', style, icon(symbol), words)


def move_badge(place: Place) -> Markup:
    """Where an item stands in the two lists, told from B's side."""
    moved = {"up": f"up {place.moved} in B", "down": f"down {-place.moved} in B"}
    only = {"only A": "only in A", "only B": "only in B", "same": "same place"}
    return badge(place.where, {**moved, **only}[place.where])


def summary(compared: Compared, *, first: int) -> Markup:
    """How far two lists of which the `first` places are compared agree, in words and badges."""
    words = {"same": "same place", "up": "up in B", "down": "down in B", "only A": "only in A", "only B": "only in B"}
    badges = join((badge(where, f"{count} {words[where]}") for where, count in compared.counts.items()), " ")
    said = f"The first {first} of each: {compared.overlap:.0%} of the items of both lists are in both"
    return html('<div class="sw-chips">{}</div><p class="sw-note">{}</p>', badges, said.replace("%", " %"))
