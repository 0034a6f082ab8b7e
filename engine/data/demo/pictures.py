"""A small drawn picture per SKU: the kind's silhouette in the SKU's colour and pattern, as static SVG."""

from __future__ import annotations

from engine.data.demo.catalogue import Sku
from engine.data.demo.vocabulary import Vocabulary

METAL = {"silver": "#c3c8cf", "black": "#c9a24a"}
PALE = 0.78
"""From this lightness on a colour would vanish on its own tint and gets a grey-blue tile."""
PATTERNS = {
    "striped": ("14", "<rect width='14' height='14' fill='{c}'/><rect width='14' height='5' fill='{w}'/>"),
    "checked": (
        "22",
        "<rect width='22' height='22' fill='{c}'/><rect width='11' height='22' fill='{k}' opacity='.28'/>"
        "<rect width='22' height='11' fill='{w}' opacity='.4'/>",
    ),
    "dotted": (
        "18",
        "<rect width='18' height='18' fill='{c}'/><circle cx='5' cy='5' r='3' fill='{w}'/>"
        "<circle cx='14' cy='14' r='3' fill='{w}'/>",
    ),
    "floral": (
        "30",
        "<rect width='30' height='30' fill='{c}'/><g fill='{w}'><circle cx='8' cy='5' r='3'/>"
        "<circle cx='5' cy='9' r='3'/><circle cx='11' cy='9' r='3'/><circle cx='23' cy='20' r='3'/>"
        "<circle cx='20' cy='24' r='3'/>"
        "<circle cx='26' cy='24' r='3'/></g><circle cx='8' cy='8' r='2' fill='#e2a33c'/>"
        "<circle cx='23' cy='23' r='2' fill='#e2a33c'/>",
    ),
}


def draw(sku: Sku, vocabulary: Vocabulary) -> str:
    """The SVG document, 200 by 200, on a tile of its own so that it reads on any background."""
    colour = vocabulary.palette[sku.colour]
    inks = {
        "c": colour,
        "d": _mix(colour, "#101018", 0.28),
        "k": _mix(colour, "#101018", 0.62),
        "l": _mix(colour, "#ffffff", 0.42),
        "w": _mix(colour, "#fffaf0", 0.78) if _lightness(colour) < PALE else _mix(colour, "#3a4a63", 0.6),
        "m": METAL.get(sku.colour, "#d9b65c"),
    }
    tile = _mix(colour, "#f6f1e8", 0.8) if _lightness(colour) < PALE else "#d5dde3"
    defs, fill = _pattern(sku, inks)
    body = vocabulary.drawings[sku.kind.picture].format_map(inks | {"c": fill})
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 200' width='200' height='200' role='img'>"
        f"<title>{_escape(sku.title)}</title>{defs}<rect width='200' height='200' rx='18' fill='{tile}'/>"
        f"<ellipse cx='100' cy='176' rx='62' ry='7' fill='{inks['k']}' opacity='.12'/>"
        f"<g stroke-linejoin='round'>{body}</g></svg>\n"
    )


def _pattern(sku: Sku, inks: dict[str, str]) -> tuple[str, str]:
    """Definitions to put first, and the fill that refers to them; the id is the SKU's, for pages with many pictures."""
    if sku.pattern not in PATTERNS:
        return "", inks["c"]
    size, shapes = PATTERNS[sku.pattern]
    name = f"pattern-{sku.item_id}"
    head = f"<pattern id='{name}' width='{size}' height='{size}' patternUnits='userSpaceOnUse'>"
    return f"<defs>{head}{shapes.format_map(inks)}</pattern></defs>", f"url(#{name})"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0..1) of `other` mixed in."""
    mixed = (round(a + (b - a) * share) for a, b in zip(_rgb(colour), _rgb(other), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _lightness(colour: str) -> float:
    red, green, blue = _rgb(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
