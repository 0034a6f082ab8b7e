"""The address is the view: what a page shows is read from its query parameters, and changing it changes them.

Only what is in `PARAMETERS` is read or written, so a link can't carry anything else into the session.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st

Callback = Callable[[], None]

PAGES = {"": "pages/views/overview.py", "sku": "pages/views/sku_explorer.py", "review": "pages/views/tag_review.py"}
PARAMETERS = (
    "workspace",
    "rows",
    "page",
    "q",
    "queue",
    "category",
    "only",
    "ask",
    "sort",
    "tagger",
    "sku",
    "tag",
    "top",
    "min",
    "order",
    "people",
    "check",
    "all",
    "who",
)
_KEEP_ON_NEW_LIST = {"q", "category", "ask", "sort"}


def get(name: str, default: str = "") -> str:
    """The value of a parameter in the address."""
    return st.query_params.get(name, default)


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A parameter as a number between `low` and `high`; `default` when it is none."""
    try:
        value = float(get(name))
    except ValueError:
        return default
    return min(max(value, low), high) if value == value else default


def link(page: str | None = None, /, **changes: object) -> str:
    """A relative address: the present view with `changes` (None leaves a parameter out).

    Another page or workspace starts without filters. A new list starts at its first page.
    """
    kept = {name: value for name, value in st.query_params.to_dict().items() if name in PARAMETERS}
    if page is not None or "workspace" in changes:
        kept = {"workspace": kept.get("workspace", "")}
    if _KEEP_ON_NEW_LIST & set(changes):
        kept.pop("page", None)
    chosen = {**kept, **{name: None if value is None else str(value) for name, value in changes.items()}}
    query = urlencode({name: chosen[name] for name in PARAMETERS if chosen.get(name)})
    return f"./{_here() if page is None else page}?{query}"


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
    st.session_state[key] = value
    return {"key": key, "on_change": _chosen, "args": (name, key, default, drop)}


def settle(**values: str) -> None:
    """Write into the address what the page chose by itself, so that copying it gives this very view."""
    if any(get(name) != value for name, value in values.items()):
        st.query_params.update(values)


def _chosen(name: str, key: str, default: Any, drop: tuple[str, ...]) -> None:
    value = st.session_state[key]
    text = {True: "1", False: "0"}.get(value, str(value)) if isinstance(value, bool) else str(value or "")
    follow(link(**dict.fromkeys(drop), **{name: None if value == default else text}))


def _here() -> str:
    return st.session_state.get("here", "")
