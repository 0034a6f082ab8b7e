"""The address is the view: what a page shows is read from its query parameters, and changing it changes them.

Only what is in `PARAMETERS` is read or written, so a link can't carry anything else into the session.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st

from engine.errors import DataError, ShelfwiseError
from pages.parts import masks

Callback = Callable[[], None]

PAGES = {
    "": "pages/views/overview.py",
    "sku": "pages/views/sku_explorer.py",
    "review": "pages/views/tag_review.py",
    "search": "pages/views/product_search.py",
    "recommend": "pages/views/recommendations.py",
    "rank": "pages/views/ranking_lab.py",
    "metrics": "pages/views/metrics.py",
    "compare": "pages/views/compare_runs.py",
    "leaks": "pages/views/leak_map.py",
    "tour": "pages/views/tour.py",
    "rescue": "pages/views/rescue_queue.py",
    "runs": "pages/views/runs.py",
    "service": "pages/views/service.py",
}
PARAMETERS = (
    "workspace",
    "rows",
    "page",
    "q",
    "queue",
    "user",
    "see",
    "category",
    "tags",
    "brand",
    "price",
    "stars",
    "stock",
    "by",
    "beside",
    "only",
    "ask",
    "sort",
    "tagger",
    "sku",
    "above",
    "tag",
    "top",
    "min",
    "order",
    "people",
    "check",
    "all",
    "who",
    "drop",
    "add",
    "affinity",
    "penalty",
    "diversity",
    "list",
    "weights",
    "room",
    "run",
    "metric",
    "part",
    "bin",
    "which",
    "row",
    "margin",
    "window",
    "mask",
)
_KEEP_ON_NEW_LIST = {"q", "category", "ask", "sort", "tags", "brand", "price", "stars", "stock", "by", "beside"}
BETWEEN = "|"  # the values of a parameter that has several
SPAN = ".."


def get(name: str, default: str = "") -> str:
    """The value of a parameter in the address; ids of people as they are, whatever stands there in their place."""
    value = st.query_params.get(name, default)
    return masks.real(value) if name in masks.PARAMETERS else value


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A parameter as a number between `low` and `high`; `default` when it is none."""
    try:
        value = float(get(name))
    except ValueError:
        return default
    return min(max(value, low), high) if value == value else default


def several(name: str) -> tuple[str, ...]:
    """The values of a parameter that may have several, each once."""
    return tuple(dict.fromkeys(part for part in get(name).split(BETWEEN) if part))


def replaced(name: str, value: str, *others: str) -> tuple[str, ...] | None:
    """The values of a parameter with `value` replaced by `others`; None when nothing is left."""
    kept = () if get(name) == value else several(name)
    return tuple(part for one in kept or (value,) for part in (others if one == value else (one,))) or None


def span(name: str) -> tuple[float | None, float | None]:
    """A parameter as the ends of a span of numbers, such as 10..50; None for an end that is open.

    Raises DataError when it isn't one.
    """
    ends = get(name).split(SPAN) if get(name) else ["", ""]
    try:
        low, high = (float(end) if end else None for end in ends)
    except ValueError:
        raise DataError(f"is no span of numbers such as 10{SPAN}50.", column=name, value=get(name)) from None
    return low, high


def link(page: str | None = None, /, **changes: object) -> str:
    """A relative address: the present view with `changes` (None leaves a parameter out).

    Another page or workspace starts without filters. A new list starts at its first page. Where people are masked,
    so are their ids here.
    """
    kept = {name: value for name, value in st.query_params.to_dict().items() if name in PARAMETERS}
    if page is not None or "workspace" in changes:
        kept = {"workspace": kept.get("workspace", "")}
    if _KEEP_ON_NEW_LIST & set(changes):
        kept.pop("page", None)
    chosen = {**kept, **{name: None if value is None else as_text(value) for name, value in changes.items()}}
    if masks.on():
        chosen = {**chosen, **_masked(chosen), "mask": "1"}
    query = urlencode({name: chosen[name] for name in PARAMETERS if chosen.get(name)})
    return f"./{_here() if page is None else page}?{query}"


def _masked(chosen: dict[str, Any]) -> dict[str, str | None]:
    """What names people, masked; left out where the workspace can't be read."""
    people = [name for name in masks.PARAMETERS if chosen.get(name)]
    try:
        return {name: masks.text(chosen[name]) for name in people}
    except ShelfwiseError:
        return dict.fromkeys(people)


def as_text(value: object) -> str:
    """A value as it stands in the address: several names, and the two ends of a span, are joined."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, float | None) for end in value):
        return SPAN.join("" if end is None else f"{end:g}" for end in value) if value != (None, None) else ""
    if isinstance(value, list | tuple):
        return BETWEEN.join(map(str, value))
    return "" if value is None else str(value)


def follow(target: str | None) -> None:
    """Go to an address that `link` made; to be called in a widget's callback. Unknown parts of it are ignored."""
    parts = urlsplit(target or "")
    query = {name: value for name, value in parse_qsl(parts.query) if name in PARAMETERS}
    page = parts.path.removeprefix("./")
    if not (target or "").startswith("./") or page not in PAGES:
        return
    if page == _here():
        st.query_params.from_dict(query)
    else:
        st.switch_page(PAGES[page], query_params=query)


def bind(name: str, value: Any, default: Any, *, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    """Arguments that tie a widget to a parameter: it shows `value` and writes what the person chooses.

    The default is left out of the address, and so are the parameters in `drop`, which a change makes meaningless.
    """
    key = f"at-{name}"
    st.session_state[key] = masks.text(value) if name in masks.PARAMETERS else value
    return {"key": key, "on_change": _chosen, "args": (name, key, default, drop)}


def settle_masks() -> None:
    """Mask people where the address asks for it; then no id of anybody stays in the address."""
    if get("mask"):
        masks.switch(get("mask") == "1")
    if masks.on():
        settle(mask="1", **{name: masks.text(get(name)) for name in masks.PARAMETERS if get(name)})


def switch_masks(masked: bool) -> None:
    """Begin or stop to mask people, in the view that is open; to be called in a widget's callback."""
    people = {name: get(name) for name in masks.PARAMETERS if get(name)}
    masks.switch(masked)
    follow(link(mask=None, **people))


def settle(**values: str) -> None:
    """Write into the address what the page chose by itself, so that copying it gives this very view."""
    if any(st.query_params.get(name) != value for name, value in values.items()):
        st.query_params.update(values)


def _chosen(name: str, key: str, default: Any, drop: tuple[str, ...]) -> None:
    value = st.session_state[key]
    follow(link(**dict.fromkeys(drop), **{name: None if value == default else as_text(value)}))


def _here() -> str:
    return st.session_state.get("here", "")
