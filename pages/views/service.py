"""Service: whether it runs, how fast and how well it answers, what users do with it, and what trains it anew."""

from importlib import import_module
from importlib.util import find_spec

import streamlit as st

from engine.errors import NotBuiltError
from pages.parts import links, shell, states
from pages.parts.markup import html, show

ROOMS = {  # loaded when they are opened, as they read the database with libraries of the extra `ops`
    "": ("Now", "pages.parts.service_now"),
    "traffic": ("Traffic", "pages.parts.service_traffic"),
    "business": ("Business", "pages.parts.service_business"),
    "experiment": ("Experiment", "pages.parts.service_experiment"),
    "retraining": ("Retraining", "pages.parts.service_retraining"),
}
_NEVER = (
    '<div class="sw-section"><h2>It never ran here</h2><p>The service answers shops over HTTP and counts what it '
    "answers. This starts it over this workspace, for this machine only; make serve does it for the demo:</p></div>"
)
NEEDED = ("sqlalchemy", "prometheus_client")
INSTALL = ".venv/bin/pip install -e '.[ops]' -c constraints.txt"


def main() -> None:
    """The rooms, and the one that is open."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Service</h1></div>'), key="title")
    see = links.get("see") if links.get("see") in ROOMS else ""
    bound = links.bind("see", see, "", drop=("window", "part", "rows", "row"))
    st.segmented_control("See", list(ROOMS), format_func=_label, required=True, label_visibility="collapsed", **bound)
    if any(find_spec(name) is None for name in NEEDED):
        states.not_built(
            NotBuiltError("What the page reads the service's database with", INSTALL), title="Not installed yet"
        )
        return
    try:
        import_module(ROOMS[see][1]).show_room(workspace)
    except NotBuiltError as error:
        show(html(_NEVER), key="never")
        st.code(error.command, language="bash", wrap_lines=True)


def _label(room: str) -> str:
    return ROOMS[room][0]


main()
