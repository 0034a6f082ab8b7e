"""Charts of the ranking lab, drawn as markup: bars that lean to one side or the other, reliability, a small curve."""

from collections.abc import Sequence

from markupsafe import Markup

from pages.parts.markup import html, join


def lean(value: float, most: float) -> Markup:
    """A bar from the middle: to the right for what raises a score, to the left for what lowers it.

    most: the largest absolute value beside it, which fills a half.
    """
    width = 50 * min(abs(value) / most, 1.0) if most > 0 else 0.0
    side = "sw-lean-up" if value > 0 else "sw-lean-down"
    filled = html('<i class="{}" style="width:{:.2f}%"></i>', side, width) if width else ""
    return html('<span class="sw-lean">{}</span>', filled)


def signed(value: float) -> str:
    """A number with its sign, three digits behind the point, and no "-0.000"."""
    return f"{round(value, 3) + 0.0:+.3f}"


def lines(curves: dict[str, Sequence[float]], *, alt: str) -> Markup:
    """Several curves over rounds, from the left to the right edge, on one scale; the first is drawn strongest."""
    values = [value for curve in curves.values() for value in curve]
    low, high = min(values), max(values)
    span = high - low or 1.0
    drawn = join(
        html('<path class="sw-line-{}" d="M{}"/>', number, _points(curve, low, span))
        for number, curve in enumerate(curves.values())
        if len(curve) > 1
    )
    return html(
        '<svg class="sw-curve sw-lines" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        "{}</svg>",
        alt,
        drawn,
    )


def _points(curve: Sequence[float], low: float, span: float) -> str:
    step = max(len(curve) // 300, 1)
    places = sorted({*range(0, len(curve), step), len(curve) - 1})
    last = max(len(curve) - 1, 1)
    return " ".join(f"{100 * place / last:.2f},{100 - 100 * (curve[place] - low) / span:.2f}" for place in places)
