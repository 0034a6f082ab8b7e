"""HTML of our own, with every value escaped, and links in it that change the view without loading the page again.

Build HTML with `html("<b>{}</b>", value)` and `join` alone: whatever isn't Markup already is escaped there, in texts
and in attributes. Nothing else in the app may make Markup.
"""

from collections.abc import Iterable
from pathlib import Path

import streamlit as st
from markupsafe import Markup, escape

from pages.parts import links

# A plain click on a link to another view is handed to Python; with a modifier it opens a new tab as usual.
_SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".sw")
  if (root.shown !== data.html) {
    const focused = root.contains(document.activeElement) ? document.activeElement.id : ""
    root.innerHTML = root.shown = data.html
    if (focused) root.querySelector("#" + CSS.escape(focused))?.focus()
  }
  root.onclick = event => {
    const link = event.target.closest('a[href^="./"]')
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    setTriggerValue("link", link.getAttribute("href"))
  }
}
"""
STYLE = Path(__file__).with_name("style.css")
_COMPONENT = st.components.v2.component(
    "shelfwise_markup", html='<div class="sw"></div>', js=_SCRIPT, isolate_styles=False
)


def html(template: str, *values: object, **named: object) -> Markup:
    """`template`, which is ours, filled with values, which are escaped unless they are Markup."""
    return Markup(template).format(*values, **named)


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """Markup of all parts in a row."""
    return escape(separator).join(parts)


def icon(name: str, label: str = "") -> Markup:
    """A Material symbol; decoration unless it has a label to be read aloud."""
    if label:
        return html('<span class="sw-icon" role="img" aria-label="{}">{}</span>', label, name)
    return html('<span class="sw-icon" aria-hidden="true">{}</span>', name)


def show(content: Markup, *, key: str) -> None:
    """Put `content` on the page. `key` names the place, so that it is updated and not drawn anew."""
    if not isinstance(content, Markup):
        raise TypeError(f"show() takes Markup made by html(), not {type(content).__name__}")
    _COMPONENT(key=key, data={"html": str(content)}, on_link_change=_clicked(key))


def _clicked(key: str) -> "links.Callback":
    def follow() -> None:
        links.follow(st.session_state[key].link)

    return follow
