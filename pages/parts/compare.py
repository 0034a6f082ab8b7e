"""The one language of comparison: only in A, only in B, same, up, down. Icon, words and colour always together."""

from markupsafe import Markup

from pages.parts.markup import html, icon

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
