"""Overview: what is in this workspace, what is built and what isn't; every number opens to its rows."""

from functools import partial

import pandas as pd
import streamlit as st

from engine import figures, overview
from engine.errors import counted
from engine.workspace import Workspace
from pages.parts import built, cache, cards, charts, links, picture, shell
from pages.parts.markup import html, join, show
from pages.parts.rows import ROWS_SHOWN, Behind, show_rows


def main() -> None:
    """The figures; and in a drawer beside them the rows of the one that the address names."""
    workspace = shell.workspace()
    if not workspace.tables:
        show_title(workspace, "no tables yet")
        workspace.table_path("items")
    summary = cache.summary(workspace)
    show_title(workspace, describe(summary))
    show(tiles(summary), key="tiles")
    show_items_and_reviews(workspace, summary)
    show_tail(workspace, summary)
    show_categories(summary)
    built.show_runs(workspace)
    built.show_built(workspace)
    if links.get("rows"):
        show_rows(workspace.name, behind(workspace, links.get("rows")))


def link(key: str) -> str:
    """The address of this page with the rows of a figure open."""
    return links.link(rows=key)


def describe(summary: overview.Overview) -> str:
    """The workspace in one line."""
    skus = summary.counts[0].value
    categories = len(summary.categories)
    return f"{counted(skus, 'SKU')} in {categories} {'category' if categories == 1 else 'categories'}"


def show_title(workspace: Workspace, said: str) -> None:
    """The page, the workspace, and the workspace in one line."""
    show(
        html('<div class="sw-head"><h1>Overview</h1><span class="sw-quiet">{} · {}</span></div>', workspace.name, said),
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


def save_breakdown(workspace: Workspace, breakdown: overview.Breakdown, *, ordered: bool = False) -> None:
    """The buttons that save a breakdown's chart: columns where its parts have an order of their own, else bars."""
    rows = pd.DataFrame({"name": [bar.label for bar in breakdown.bars], "value": [bar.value for bar in breakdown.bars]})
    make = partial(
        figures.columns if ordered else figures.bars,
        rows,
        breakdown.label,
        breakdown.about,
        source=picture.source(workspace),
    )
    picture.save(make, name=f"{workspace.name}-{breakdown.key}", key=f"picture-{breakdown.key}")


def show_items_and_reviews(workspace: Workspace, summary: overview.Overview) -> None:
    """How complete the SKUs are and what users did with them; how deep and how kind the reviews are."""
    left, right = st.columns(2, gap="large")
    with left:
        rows = join(_covered(figure) for figure in summary.coverage if figure.ready)
        title = heading("Coverage", "SKUs that have what a model needs")
        show(html('{}<div class="sw-bars">{}</div>', title, rows), key="coverage")
        bars = tuple(figure for figure in summary.coverage if figure.ready)
        covered = overview.Breakdown("coverage", "Coverage", "SKUs that have what a model needs", bars)
        save_breakdown(workspace, covered)
        show_mix(workspace, summary.breakdowns["mix"], summary.pairs)
    with right:
        depth, ratings = summary.breakdowns["depth"], summary.breakdowns["ratings"]
        if depth.ready:
            show(html("{}{}", heading(depth.label, depth.about), charts.histogram(depth, link)), key="depth")
            save_breakdown(workspace, depth, ordered=True)
        if ratings.ready:
            show(html("{}{}", heading(ratings.label, ratings.about), charts.bars(ratings, link)), key="ratings")
            save_breakdown(workspace, ratings)


def _covered(figure: overview.Figure) -> object:
    missing = figure.of - figure.value
    without = html('<a href="{}">{:,} without</a>', link(figure.key.replace("with:", "without:")), missing)
    return html(
        '<div class="sw-barline">{}{}</div>', charts.bar(figure, link), without if missing else html("<span></span>")
    )


def show_mix(workspace: Workspace, mix: overview.Breakdown, pairs: overview.Figure) -> None:
    """What users did, and how sparse it is."""
    if mix.ready:
        said = html(
            '<p class="sw-note"><a class="sw-link" href="{}">{:,} pairs</a> of a user and a SKU were seen: '
            "{:.3f} % of all that could be.</p>",
            link(pairs.key),
            pairs.value,
            100 * pairs.share,
        )
        show(html("{}{}{}", heading(mix.label, mix.about), charts.bars(mix, link), said), key="mix")
        save_breakdown(workspace, mix)


def show_tail(workspace: Workspace, summary: overview.Overview) -> None:
    """How long the tail of tags is."""
    tail = summary.breakdowns["tail"]
    if not tail.ready:
        return
    show(heading(tail.label, tail.about), key="tail-title")
    left, right = st.columns(2, gap="large")
    drawn = charts.curve(
        summary.tail,
        alt=f"SKUs per tag, from {summary.tail[0]:,} for the most frequent down to {summary.tail[-1]:,}",
        left=f"most frequent: {counted(summary.tail[0], 'SKU')}",
        right=f"tag {len(summary.tail):,}: {counted(summary.tail[-1], 'SKU')}",
    )
    with left:
        show(drawn, key="tail-curve")
        axes = ("Tags, the most frequent first", "SKUs that have it")
        make = partial(figures.curve, summary.tail, tail.label, axes, source=picture.source(workspace))
        picture.save(make, name=f"{workspace.name}-tail-curve", key="picture-tail-curve")
    with right:
        show(charts.bars(tail, link), key="tail")
        save_breakdown(workspace, tail)


def show_categories(summary: overview.Overview) -> None:
    """One row per category, each number a link."""
    names = ("Category", "SKUs", "Reviews", "Reviews per SKU", "Stars", "With tags", "Silent")
    head = join(html('<th class="{}">{}</th>', "" if name == "Category" else "sw-r", name) for name in names)
    ready = {figure.key for figure in summary.counts if figure.ready}
    body = join(_category(row, ready) for row in summary.categories.to_dict("records"))
    table = html(
        '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )
    show(html("{}{}", heading("Categories", "Open one in the explorer, or its rows here"), table), key="categories")


def _category(row: dict, ready: set[str]) -> object:
    name = row["category"]
    cells = (
        ("skus", f"{row['skus']:,}", link(f"category:{name}")),
        ("reviews", f"{row['reviews']:,}", link(f"reviews-of:{name}")),
        ("reviews", f"{row['per_sku']:.1f}", link(f"category:{name}")),
        ("reviews", "" if pd.isna(row["rating"]) else f"{row['rating']:.2f}", link(f"reviews-of:{name}")),
        ("tags", f"{row['tagged']:,}", link(f"tagged-of:{name}")),
        ("reviews", f"{row['silent']:,}", links.link("sku", category=name, ask="silent")),
    )
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td>{}</tr>',
        links.link("sku", category=name),
        cards.category(name),
        join(_cell(said if key in ready else "", address) for key, said, address in cells),
    )


def _cell(said: str, address: str) -> object:
    """A number that opens to its rows; a dash where there is none."""
    shown = html('<a href="{}">{}</a>', address, said) if said else "–"
    return html('<td class="sw-r">{}</td>', shown)


def behind(workspace: Workspace, key: str) -> Behind:
    """The rows of a figure or of a run. Raises UnknownNameError for a key that names neither."""
    kind, _, run_id = key.partition(":")
    if kind == "run":
        rows = cache.run_rows(workspace, run_id)
        return Behind(key, f"Run {run_id}", rows.head(ROWS_SHOWN), len(rows), lambda: rows)
    title, _, _ = overview.rows_query(key)
    queries = cache.queries(workspace)
    first, total = cache.rows(workspace, key, ROWS_SHOWN), overview.count_rows(queries, key)
    return Behind(key, title, first, total, lambda: overview.open_rows(queries, key))


main()
