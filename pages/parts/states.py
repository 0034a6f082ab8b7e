"""The states that a page can be in besides showing something: nothing matches, not built yet, failed."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import streamlit as st

from engine.errors import NotBuiltError, ShelfwiseError, UnknownNameError, shown
from pages.parts import links, masks
from pages.parts.markup import html, icon, join, show

_LOG = logging.getLogger("shelfwise")
_PARAMETER = {
    "SKU": "sku",
    "workspace": "workspace",
    "figure": "rows",
    "category": "category",
    "question": "ask",
    "sort order": "sort",
    "tagger": "tagger",
    "brand": "brand",
    "item tag": "tags",
    "retriever": "by",
    "recommender": "by",
    "recommender to compare with": "beside",
    "view": "see",
    "added event": "add",
    "hit to compare with": "above",
    "tag": "tag",
    "check": "check",
    "queue": "queue",
    "run": "run",
    "baseline": "beside",
    "room of metrics": "room",
    "metric of tags runs": "metric",
    "metric of search runs": "metric",
    "metric of recommend runs": "metric",
    "metric of rank runs": "metric",
    "list": "list",
    "ranker": "by",
    "candidate": "sku",
    "candidate to compare with": "above",
    "user with a list of test": "user",
    "weight of a member": "weights",
    "window": "window",
    "route": "part",
    "experiment": "part",
    "retraining": "part",
}


@contextmanager
def frame() -> Iterator[None]:
    """Show what goes wrong inside as a sentence. Only what nobody foresaw is logged with its traceback."""
    try:
        yield
    except NotBuiltError as error:
        not_built(error)
    except UnknownNameError as error:
        unknown(error)
    except ShelfwiseError as error:
        failed(str(error))
    except Exception:
        _LOG.exception("A page failed")
        failed("This page met an error that it wasn't prepared for. The log of the server has the details.")


def empty(title: str, said: str, ways: Mapping[str, str], *, key: str) -> None:
    """Nothing matches: what was asked for, and links (label -> address) that lead out."""
    _state("search_off", title, said, ways, key=f"empty-{key}")


def not_built(error: NotBuiltError, *, title: str = "Not built yet") -> None:
    """Something isn't there yet: what, and the exact command that makes it."""
    _state("construction", title, f"{error.what} isn't there yet. Build it with this command, then reload:", {})
    st.code(error.command, language="bash", wrap_lines=True)


def unknown(error: UnknownNameError) -> None:
    """A name in the address that doesn't exist: the name, the nearest one as a link, and a way back."""
    parameter = "row" if error.kind.startswith("row of run") else _PARAMETER.get(error.kind)
    said, nearest = str(error), error.nearest_label
    if parameter in masks.PARAMETERS and masks.on():
        said, nearest = f"There is no {error.kind} named {shown(masks.text(error.name))}.", masks.text(nearest or "")
    ways = {}
    if parameter and error.nearest:
        ways[f"Open {nearest}"] = links.link(**{parameter: links.replaced(parameter, error.name, error.nearest)})
    if parameter:
        ways["Leave it out"] = links.link(**{parameter: links.replaced(parameter, error.name)})
    _state("help_center", f"No such {error.kind}", said, ways)


def failed(said: str) -> None:
    """Something failed: the reason, and a way to try again."""
    _state("error", "This didn't work", said, {"Try again": links.link(), "Overview": links.link("")}, bad=True)


def _state(symbol: str, title: str, said: str, ways: Mapping[str, str], *, key: str = "", bad: bool = False) -> None:
    out = join(html('<a class="sw-link" href="{}">{}</a>', address, label) for label, address in ways.items())
    show(
        html(
            '<div class="sw-state {}" role="status">{}<h3>{}</h3><p>{}</p>{}</div>',
            "sw-bad" if bad else "",
            icon(symbol),
            title,
            said,
            html('<div class="sw-ways">{}</div>', out) if ways else "",
        ),
        key=f"state-{key or symbol}",
    )
