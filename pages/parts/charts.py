"""Charts drawn as markup: bars, a histogram, a curve. Colours are the theme's, and each bar is a link to its rows."""

from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

from engine.overview import Breakdown, Figure
from pages.parts.markup import html, join

Link = Callable[[str], str]


def percent(share: float) -> str:
    """A share in words: no false precision, and never 0 % for something or 100 % for less than all."""
    if 0 < share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{share:.0%}".replace("%", " %")


def meter(share: float, *, mark: float | None = None) -> Markup:
    """A bar filled to `share`, with a line at `mark`."""
    line = html('<i class="sw-mark" style="left:{:.2f}%"></i>', 100 * mark) if mark is not None else ""
    filled = html('<i class="sw-fill" style="width:{:.2f}%"></i>', 100 * min(share, 1.0)) if share > 0 else ""
    return html('<span class="sw-track">{}{}</span>', filled, line)


def bar(figure: Figure, link: Link, *, longest: int | None = None) -> Markup:
    """One figure as a bar that opens its rows; as long as its share or, with `longest`, as its part of that."""
    length = figure.value / longest if longest else figure.share
    return html(
        '<a class="sw-bar" href="{}" aria-label="{}: {:,}, open the rows"><span>{}</span>{}'
        '<span class="sw-num">{:,} <small>{}</small></span></a>',
        link(figure.key),
        figure.label,
        figure.value,
        figure.label,
        meter(length),
        figure.value,
        percent(figure.share),
    )


def bars(breakdown: Breakdown, link: Link) -> Markup:
    """A breakdown as bars below each other, the longest filling the width."""
    longest = max((figure.value for figure in breakdown.bars), default=1)
    rows = join(bar(figure, link, longest=longest) for figure in breakdown.bars)
    return html('<div class="sw-bars" role="group" aria-label="{}">{}</div>', breakdown.label, rows)


def histogram(breakdown: Breakdown, link: Link) -> Markup:
    """A breakdown with ordered parts as columns beside each other."""
    highest = max((figure.value for figure in breakdown.bars), default=1)
    columns = join(
        html(
            '<a href="{}" aria-label="{}: {:,}, open the rows"><small>{:,}</small>'
            '<i style="height:{:.1f}%"></i><em>{}</em></a>',
            link(figure.key),
            figure.label,
            figure.value,
            figure.value,
            76 * figure.value / highest,
            figure.label,
        )
        for figure in breakdown.bars
    )
    return html('<div class="sw-hist" role="group" aria-label="{}">{}</div>', breakdown.label, columns)


def curve(values: Sequence[int], *, alt: str, left: str, right: str) -> Markup:
    """Falling `values` over their rank, both on logarithmic scales."""
    heights = np.log1p(np.asarray(values, dtype=float))
    ranks = np.log1p(np.arange(len(heights)))
    x, y = 100 * ranks / max(ranks[-1], 1e-9), 100 - 100 * heights / max(heights[0], 1e-9)
    points = " ".join(f"{a:.2f},{b:.2f}" for a, b in _thinned(x, y))
    return html(
        '<svg class="sw-curve" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="sw-area" d="M0,100 L{} L100,100 Z"/><path d="M{}"/></svg>'
        '<div class="sw-axis"><span>{}</span><span>{}</span></div>',
        alt,
        points,
        points,
        left,
        right,
    )


def _thinned(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """At most some 300 points: where x has moved enough to be seen."""
    keep = np.unique(np.searchsorted(x, np.linspace(0, 100, 300)).clip(max=len(x) - 1))
    return list(zip(x[keep], y[keep], strict=True))
