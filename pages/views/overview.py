"""Overview: what is in this workspace, what is built and what isn't; every number opens to its rows."""

import streamlit as st

from engine import overview
from engine.workspace import Workspace
from pages.parts import built, cache, charts, export, links, shell, states
from pages.parts.markup import html, icon, join, show

ROWS_SHOWN = 1000


def main() -> None:
    """The figures; and in a drawer beside them the rows of the one that the address names."""
    workspace = shell.workspace()
    if not workspace.tables:
        show_title(workspace, "This workspace is empty")
        workspace.table_path("items")
    summary = cache.summary(workspace)
    show_title(workspace, describe(summary))
    show(tiles(summary), key="tiles")
    st.space("small")
    show_coverage_and_depth(summary)
    show_mix_and_tail(summary)
    show_categories(summary)
    built.show_built(workspace)
    if links.get("rows"):
        overview.rows_query(links.get("rows"))
        show_rows(workspace, links.get("rows"))


def link(key: str) -> str:
    """The address of this page with the rows of a figure open."""
    return links.link(rows=key)


def describe(summary: overview.Overview) -> str:
    """The workspace in one line."""
    skus = summary.counts[0].value
    return f"{skus:,} SKUs in {len(summary.categories)} categories"


def show_title(workspace: Workspace, said: str) -> None:
    """The name of the workspace, before its ids and numbers."""
    show(
        html('<div class="sw-head"><h1>{}</h1><span class="sw-quiet">{}</span></div>', workspace.name, said),
        key="title",
    )


def tiles(summary: overview.Overview) -> object:
    """One tile per count."""
    return html('<div class="sw-tiles">{}</div>', join(_tile(figure) for figure in summary.counts))


def _tile(figure: overview.Figure) -> object:
    if not figure.ready:
        return html(
            '<div class="sw-tile sw-off"><b>–</b><span>{}</span><small>not in the data</small></div>', figure.label
        )
    return html(
        '<a class="sw-tile" href="{}"><b>{:,}</b><span>{}</span><small>{}</small></a>',
        link(figure.key),
        figure.value,
        figure.label,
        figure.about,
    )


def heading(title: str, said: str) -> object:
    """A section's title and what it says."""
    return html('<div class="sw-section"><h2>{}</h2><p>{}</p></div>', title, said)


def show_coverage_and_depth(summary: overview.Overview) -> None:
    """How complete the SKUs are, and how deep their reviews."""
    left, right = st.columns(2, gap="large")
    with left:
        rows = join(_covered(figure) for figure in summary.coverage if figure.ready)
        show(
            html("{}<div class='sw-bars'>{}</div>", heading("Coverage", "SKUs that have what a model needs"), rows),
            key="coverage",
        )
    with right:
        depth, ratings = summary.breakdowns["depth"], summary.breakdowns["ratings"]
        if depth.bars:
            show(html("{}{}", heading(depth.label, depth.about), charts.histogram(depth, link)), key="depth")
            show(html("{}{}", heading(ratings.label, ratings.about), charts.bars(ratings, link)), key="ratings")


def _covered(figure: overview.Figure) -> object:
    missing = figure.of - figure.value
    without = html('<a href="{}">{:,} without</a>', link(figure.key.replace("with:", "without:")), missing)
    return html(
        '<div class="sw-barline">{}{}</div>', charts.bar(figure, link), without if missing else html("<span></span>")
    )


def show_mix_and_tail(summary: overview.Overview) -> None:
    """What users did and how sparse it is; how long the tail of tags is."""
    left, right = st.columns(2, gap="large")
    mix, tail, pairs = summary.breakdowns["mix"], summary.breakdowns["tail"], summary.pairs
    with left:
        if mix.bars:
            said = html(
                '<p class="sw-note"><a class="sw-link" href="{}">{:,} pairs</a> of a user and a SKU were seen: '
                "{:.3f} % of all that could be.</p>",
                link(pairs.key),
                pairs.value,
                100 * pairs.share,
            )
            show(html("{}{}{}", heading(mix.label, mix.about), charts.bars(mix, link), said), key="mix")
    with right:
        if tail.bars:
            drawn = charts.curve(
                summary.tail,
                alt=f"SKUs per tag, from {summary.tail[0]:,} for the most frequent down to {summary.tail[-1]:,}",
                left=f"most frequent tag: {summary.tail[0]:,} SKUs",
                right=f"tag {len(summary.tail):,}: {summary.tail[-1]:,}",
            )
            show(html("{}{}{}", heading(tail.label, tail.about), drawn, charts.bars(tail, link)), key="tail")


def show_categories(summary: overview.Overview) -> None:
    """One row per category, each number a link."""
    names = ("Category", "SKUs", "Reviews", "Reviews per SKU", "Stars", "With tags", "Silent")
    head = join(html('<th class="{}">{}</th>', "" if name == "Category" else "sw-r", name) for name in names)
    body = join(_category(row) for row in summary.categories.to_dict("records"))
    table = html(
        '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )
    show(html("{}{}", heading("Categories", "Open one in the explorer, or its rows here"), table), key="categories")


def _category(row: dict) -> object:
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r"><a href="{}">{:,}</a></td>'
        '<td class="sw-r">{:,}</td><td class="sw-r">{:.1f}</td><td class="sw-r">{}</td><td class="sw-r">{:,}</td>'
        '<td class="sw-r">{}</td></tr>',
        links.link("sku", category=row["category"]),
        row["category"],
        link(f"category:{row['category']}"),
        row["skus"],
        row["reviews"],
        row["per_sku"],
        html("{:.2f}", row["rating"]) if row["rating"] == row["rating"] and row["rating"] is not None else "–",
        row["tagged"],
        html('<a href="{}">{:,}</a>', links.link("sku", category=row["category"], ask="silent"), row["silent"]),
    )


def close_rows() -> None:
    """Leave the rows out of the address when the drawer is closed."""
    links.follow(links.link(rows=None))


@st.dialog("Behind this number", width=820, position="right", on_dismiss=close_rows)
def show_rows(workspace: Workspace, key: str) -> None:
    """The rows behind a figure: how many, the table, the export. Choosing one with a SKU opens the SKU."""
    title, _, _ = overview.rows_query(key)
    frame = cache.rows(workspace, key, ROWS_SHOWN)
    total = overview.count_rows(cache.queries(workspace), key)
    first = f"the first {ROWS_SHOWN:,} below, all in the export" if total > ROWS_SHOWN else "all below"
    show(html('<h2>{}</h2><p class="sw-quiet">{:,} rows, {}</p>', title, total, first), key="rows-title")
    export.button(
        "Export these rows",
        lambda: overview.open_rows(cache.queries(workspace), key),
        name=f"{workspace.name}-{key}",
        key="rows-export",
    )
    if frame.empty:
        states.empty("No rows", "Nothing is behind this number.", {"Close": links.link(rows=None)}, key="rows")
        return
    by_sku = "item_id" in frame
    st.dataframe(
        frame,
        hide_index=True,
        height=560,
        alt=title,
        key=f"rows-{key}",
        on_select=(lambda: _open_selected(frame, f"rows-{key}")) if by_sku else "ignore",
        selection_mode="single-row",
    )
    if by_sku:
        show(html('<p class="sw-note">{} Select a row to open its SKU.</p>', icon("touch_app")), key="rows-hint")


def _open_selected(frame: object, key: str) -> None:
    chosen = st.session_state[key].selection.rows
    if chosen:
        links.follow(links.link("sku", sku=frame["item_id"].iloc[chosen[0]]))


main()
