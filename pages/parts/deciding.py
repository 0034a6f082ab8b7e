"""Deciding on tags: who decides, what the buttons do, and what was done last, with its undo."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from engine.decisions import MAX_REASON, MAX_TAG, MAX_WHO, REASONS, Decisions, Pair
from engine.errors import ShelfwiseError
from engine.settings import person
from engine.workspace import Workspace
from pages.parts import links, verdicts
from pages.parts.markup import html, icon, show

LAST_SHOWN, LOOKED_BACK = 8, 50
_SAID = "said-last"  # not the key of any element
_DONE = {"confirm": "Confirmed", "reject": "Rejected", "add": "Added", "rename": "Renamed"}


def who() -> str:
    """The name under which this session decides."""
    return links.get("who") or st.session_state.get("who") or person()


def choose_name() -> None:
    """A field for the name; it stays while the session moves between pages."""
    st.session_state["who"] = who()
    st.text_input("Deciding as", max_chars=MAX_WHO, width=170, **links.bind("who", who(), ""))


def choose_reason() -> None:
    """The reason that a rejection will give: one of the usual ones, or another in one's own words."""
    st.selectbox("Reason to reject", list(REASONS), accept_new_options=True, key="reason", width=260)


def decide(workspace: Workspace, verb: str, pairs: Sequence[Pair], *, then: str | None, new: str = "") -> None:
    """Do what a button says (confirm, reject, add, rename) with all `pairs` at once, then go to the address `then`."""
    decisions = Decisions(workspace)
    reason = str(st.session_state.get("reason") or REASONS[0])[:MAX_REASON]
    verbs: dict[str, Callable[[], str]] = {
        "confirm": partial(decisions.confirm, pairs, who=who()),
        "reject": partial(decisions.reject, pairs, reason=reason, who=who()),
        "add": partial(decisions.add, pairs, who=who()),
        "rename": partial(decisions.rename, pairs, new, who=who()),
    }
    if tried(verbs[verb]):
        say(f"{_DONE[verb]} {_named(pairs)}" + (f" to “{new.strip()}”" if new else ""))
        if then:
            links.follow(then)


def undo(workspace: Workspace, batch: str, *, then: str | None) -> None:
    """Take a batch back, then go to the address `then`, if any."""
    if tried(lambda: Decisions(workspace).undo(batch, who=who())):
        say("Undone")
        if then:
            links.follow(then)


def undo_button(workspace: Workspace, *, follow: bool) -> None:
    """A button that takes back this person's last decision; with `follow` it then shows the SKU's tag it was about."""
    mine = [batch for batch in Decisions(workspace).batches(LOOKED_BACK) if batch.who == who()]
    last = next((batch for batch in mine if not batch.undone_by), None)
    then = links.link(sku=last.item_id, tag=last.tag) if follow and last and last.pairs == 1 else None
    act = partial(undo, workspace, last.id if last else "", then=then)
    said, symbol = "Take back your last decision", ":material/undo:"
    st.button("Undo", key="undo", icon=symbol, shortcut="U", disabled=not last, on_click=act, help=said)


def show_said() -> None:
    """What the last click did, or why it couldn't, until the next one."""
    words, failed = st.session_state.pop(_SAID, ("", False))
    if words:
        symbol = icon("error" if failed else "done")
        style = "sw-against" if failed else "sw-for"
        show(html('<p class="sw-said {}" role="status">{} {}</p>', style, symbol, words), key="said")


def show_last(workspace: Workspace) -> None:
    """The last decisions of everybody, each with its undo."""
    last = Decisions(workspace).batches(LAST_SHOWN)
    if not last:
        return
    show(html('<div class="sw-section"><h2>Last decisions</h2></div>'), key="last-title")
    for batch in last:
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                show(verdicts.line(batch), key=f"last-{batch.id}")
            if not batch.undone_by:
                back = partial(undo, workspace, batch.id, then=None)
                st.button("Undo", key=f"undo-{batch.id}", type="tertiary", icon=":material/undo:", on_click=back)


@st.dialog("Rename this tag")
def rename(workspace: Workspace, pair: Pair, *, then: str | None) -> None:
    """Ask for the name that fits better. The old tag is rejected and the new one added, undone together."""
    show(html("<p>“{}” on {} becomes:</p>", pair[1], pair[0]), key="rename-said")
    with st.form("rename", border=False):
        st.text_input("New name", value=pair[1], max_chars=MAX_TAG, key="rename-to")
        if st.form_submit_button("Save", type="primary", on_click=partial(_rename, workspace, pair, then)):
            st.rerun()  # closes the dialog


def _rename(workspace: Workspace, pair: Pair, then: str | None) -> None:
    decide(workspace, "rename", [pair], then=then, new=st.session_state["rename-to"])


def tried(action: Callable[[], object]) -> bool:
    """Callbacks run outside the page's frame, so what goes wrong in them is kept to be shown in the page."""
    try:
        action()
    except ShelfwiseError as error:
        st.session_state[_SAID] = (str(error), True)
        return False
    return True


def say(words: str) -> None:
    """Keep what a click did, to be shown by `show_said`."""
    st.session_state[_SAID] = (words, False)


def _named(pairs: Sequence[Pair]) -> str:
    if len(pairs) == 1:
        return f"“{pairs[0][1]}” on {pairs[0][0]}"
    tags, items = {tag for _, tag in pairs}, {item for item, _ in pairs}
    return f"{f'“{min(tags)}”' if len(tags) == 1 else f'{len(tags)} tags'} on {len(items):,} SKUs"
