"""Rescue queue: what to mend today, by how many people it touches; each task one click from its fix and its mark."""

from functools import partial

import pandas as pd
import streamlit as st

from engine.asked import Asked
from engine.decisions import Decisions
from engine.errors import NotBuiltError, ShelfwiseError
from engine.handled import Handled, Mark
from engine.rescue import TASKS
from engine.workspace import Workspace
from pages.parts import cache, cards, deciding, export, links, metrics_cache, recommend_cache, shell, states
from pages.parts.markup import html, icon, join, show

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
SHOWN, TROUBLED = 20, 200


def main() -> None:
    """The kinds of tasks, the tasks, and what couldn't be looked at because it isn't built."""
    workspace = shell.workspace()
    workspace.table_path("items")
    show(html('<div class="sw-head"><h1>Rescue queue</h1></div>'), key="title")
    deciding.show_said()
    found, missing = gather(workspace)
    handled = Handled(workspace).current()
    open_ones = found[~found["key"].isin(list(handled))]
    show_kinds(open_ones, len(found) - len(open_ones))
    see_handled = links.get("see") == "handled"
    shown = found[found["key"].isin(list(handled))] if see_handled else open_ones
    if links.get("ask") in TASKS:
        shown = shown[shown["kind"] == links.get("ask")]
    show_tasks(workspace, shown, handled)
    for error in missing:
        states.not_built(error, title="Not looked at")


def gather(workspace: Workspace) -> tuple[pd.DataFrame, list[NotBuiltError]]:
    """All tasks, and for each part that isn't built its error with the command."""
    missing: list[NotBuiltError] = []
    served = tags = None
    try:
        served = recommend_cache.served(workspace)
    except NotBuiltError as error:
        missing.append(error)
    except ShelfwiseError as error:
        show(html('<p class="sw-note">{} {}</p>', icon("error", "damaged"), str(error)), key="recommender-damaged")
    taggers = list(cache.taggers(workspace).whole.values())
    if taggers:
        tags = cache.candidates(workspace, taggers[0], taggers[1:])
    troubled = Asked(workspace).troubled(TROUBLED)
    decided = Decisions(workspace).current()
    return metrics_cache.rescue(workspace, served, tags, decided, troubled), missing


def show_kinds(found: pd.DataFrame, done: int) -> None:
    """How many tasks of each kind are open; a kind filters the list."""
    counts = found["kind"].value_counts()
    chips = [
        html(
            '<a class="sw-chip{}" href="{}" title="{}">{} <b>{:,}</b></a>',
            " sw-on" if links.get("ask") == name else "",
            links.link(ask=None if links.get("ask") == name else name, see=None, page=None),
            task.about,
            task.label,
            counts.get(name, 0),
        )
        for name, task in TASKS.items()
    ]
    on = links.get("see") == "handled"
    address = links.link(see=None if on else "handled", ask=None, page=None)
    chips.append(html('<a class="sw-chip{}" href="{}">Handled <b>{:,}</b></a>', " sw-on" if on else "", address, done))
    show(html('<div class="sw-chips">{}</div>', join(chips, " ")), key="kinds")


def show_tasks(workspace: Workspace, found: pd.DataFrame, handled: dict[str, Mark]) -> None:
    """The tasks, each with why, its gain, the way to its fix, and the button that marks it."""
    task = TASKS.get(links.get("ask"))
    said = f"{task.about}; gain: {task.counted}" if task else "ranked by how many people each touches"
    show(html(_TITLE, f"{len(found):,} tasks", said), key="tasks-title")
    if found.empty:
        ways = {"All tasks": links.link(ask=None, see=None)}
        states.empty("Nothing to do here", "No task of this kind is open.", ways, key="tasks")
        return
    deciding.choose_name()
    count = -(-len(found) // SHOWN)
    page = int(links.number("page", 1, low=1, high=count))
    for row in found.iloc[(page - 1) * SHOWN : page * SHOWN].to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", key=f"task-{row['key']}"):
            with st.container(width="stretch"):
                show(_task(row, handled.get(row["key"])), key=f"line-{row['key']}")
            done = row["key"] in handled
            act = partial(_mark, workspace, row["key"], not done)
            symbol = ":material/undo:" if done else ":material/check:"
            st.button("Take back" if done else "Handled", key=f"mark-{row['key']}", icon=symbol, on_click=act)
    if count > 1:
        show(cards.pager(page, count, around=2), key="pager")
    export.button("Export the tasks", lambda: found, name=f"{workspace.name}-rescue", key="rescue-export")


def _task(row: dict, mark: Mark | None) -> object:
    task = TASKS[row["kind"]]
    by = html(" · handled by {} on {}", mark.who, mark.decided[:10]) if mark else ""
    tag = html(" “{}”", row["tag"]) if row["kind"] == "disputed" else ""
    return html(
        '<div class="sw-task"><b class="sw-num" title="{}">{:,.0f}</b><div><a class="sw-link" href="{}">{}</a>{} '
        '<span class="sw-quiet">{}</span><p class="sw-small">{} · {}{}</p></div>'
        '<a class="sw-chip" href="{}">{}</a></div>',
        task.counted,
        row["gain"],
        _fix(row),
        row["title"],
        tag,
        row["item_id"],
        task.label,
        row["why"],
        by,
        _fix(row),
        task.fix,
    )


def _fix(row: dict) -> str:
    """Where the task can be mended."""
    if row["kind"] == "hidden gem":
        return links.link("recommend", sku=row["item_id"])
    if row["kind"] == "no answer":
        return links.link("search", q=row["query"])
    if row["kind"] == "unconfirmed":
        return links.link("review", queue="frequent")
    return links.link("sku", sku=row["item_id"], tag=row["tag"] or None)


def _mark(workspace: Workspace, key: str, handled: bool) -> None:
    if deciding.tried(lambda: Handled(workspace).mark(key, who=deciding.who(), handled=handled)):
        deciding.say("Marked as handled" if handled else "Back in the queue")


main()
