"""A user's candidates stage by stage: how many each source named, what was left out, and every score and rank."""

from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.recommending.stages import Stages
from pages.parts import export, links, masks, recommend_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_export import stamped
from pages.parts.recommend_room import Room, label

LEFT_OUT_SHOWN = 10
_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'


def show_stages(room: Room) -> None:
    """The way in numbers, then the candidates and what the rules left out as tables."""
    found = recommend_cache.staged(room.served, room.asked)
    show(_way(room, found), key="way")
    rows = recommend_cache.traced(room.served, room.asked, room.config)
    _show_candidates(room, rows)
    _show_left_out(found)


def _way(room: Room, found: Stages) -> Markup:
    """Each stage as a tile with how many items it has and what it does."""
    config, weights = room.served.pipeline.config, room.served.pipeline.config.sources
    named = ", ".join(f"{label(name)} {n} ({percent(weights[name])})" for name, n in found.named.items())
    diverse = "spread over the categories" if config.diversity else "no spreading: diversity is 0"
    filled = f"{found.filled} of them filled from popularity" if found.filled else "none had to be filled"
    tiles = (
        (sum(found.named.values()), "named", f"{named}; in brackets each one’s weight"),
        (len(found.left_out), "left out", _reasons(found.left_out)),
        (found.candidates, "candidates", f"distinct, ranked by models {config.alpha:.2g} + category {config.beta:.2g}"),
        (found.k, "in the list", f"{diverse}; {filled}"),
    )
    drawn = join(
        html('<div class="sw-tile"><b>{:,}</b><span>{}</span><small>{}</small></div>', n, name, said)
        for n, name, said in tiles
    )
    return html('<div class="sw-tiles sw-way">{}</div>', drawn)


def _reasons(left_out: pd.DataFrame) -> str:
    if left_out.empty:
        return "the rules left out nothing that the sources would name"
    counts = left_out["reason"].value_counts()
    return ", ".join(f"{n} {reason}" for reason, n in counts.items())


def _show_candidates(room: Room, rows: pd.DataFrame) -> None:
    said = "Best relevance first. Ranks are each source’s own, None where it doesn’t name the SKU"
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            show(html(_SECTION, "Candidates", said), key="candidates-title")
        export.button(
            "Export",
            partial(_export, room, rows),
            name=f"{room.workspace.name}-stages-{masks.text(room.asked.user_id)}",
            key="export-stages",
        )
    sources = [column.removesuffix(" score") for column in rows if str(column).endswith(" score")]
    first = ["place", "item_id", "title", "relevance"]
    order = [*first, *(f"{name} rank" for name in sources), *(f"{name} score" for name in sources)]
    shown = rows[[*order, "affinity", "popularity"]]
    shown = shown.rename(columns={f"{one} {what}": f"{label(one)}, {what}" for one in sources for what in _WHAT})
    key = f"trace-{masks.text(room.asked.user_id)}"
    st.dataframe(
        shown,
        hide_index=True,
        height=420,
        alt="Candidates by stage",
        column_config={
            "item_id": st.column_config.TextColumn("SKU"),
            "title": st.column_config.TextColumn("Title", width="medium"),
            "place": st.column_config.NumberColumn("Place", help="In the final list", pinned=True),
            "relevance": st.column_config.NumberColumn("Relevance", format="%.3f"),
            "affinity": st.column_config.NumberColumn("Category affinity", format="%.3f"),
            "popularity": st.column_config.NumberColumn("Popularity", format="%.2f"),
        },
        key=key,
        on_select=partial(_open, shown, key),
        selection_mode="single-row",
    )
    show(html('<p class="sw-note">{} Select a row to see why.</p>', icon("touch_app")), key="candidates-hint")


_WHAT = ("rank", "score")


def _open(shown: pd.DataFrame, key: str) -> None:
    chosen = st.session_state[key].selection.rows
    if chosen:
        links.follow(links.link(sku=shown["item_id"].iloc[chosen[0]]))


def _show_left_out(found: Stages) -> None:
    rows = found.left_out
    show(
        html(_SECTION, "Left out by the rules", "What the sources would name besides, and why it may not be shown"),
        key="left-out-title",
    )
    if rows.empty:
        show(html('<p class="sw-note">Nothing.</p>'), key="left-out-rows")
        return
    head = html('<th>SKU</th><th>Title</th><th>Because it is</th><th>Named by</th><th class="sw-r">Rank there</th>')
    shown = rows if links.get("all") else rows.head(LEFT_OUT_SHOWN)
    body = join(_left_out(row) for row in shown.to_dict("records"))
    more = html('<a class="sw-link" href="{}">Show all {:,}</a>', links.link(all=1), len(rows))
    more = more if len(shown) < len(rows) else ""
    table = html('<table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)
    show(html('<div class="sw-scroll">{}</div>{}', table, more), key="left-out-rows")


def _left_out(row: dict) -> Markup:
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td>'
        '<td class="sw-r">#{}</td></tr>',
        links.link(sku=row["item_id"]),
        row["item_id"],
        row["title"],
        row["reason"],
        label(row["source"]),
        row["rank"],
    )


def _export(room: Room, rows: pd.DataFrame) -> pd.DataFrame:
    return stamped(room, rows.assign(user_id=room.asked.user_id))
