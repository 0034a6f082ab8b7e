"""Leak map: which stage lost each wanted item of a run, as a funnel that opens to its rows and says what mends it."""

from functools import partial

import pandas as pd
import streamlit as st

from engine import figures
from engine.leaks import STAGES, LeakMap
from engine.scoreboard import ROOMS, first_run
from engine.workspace import Workspace
from pages.parts import cards, export, links, masks, metrics_cache, picture, shell, states
from pages.parts.charts import meter, percent
from pages.parts.markup import html, join, show
from pages.parts.metrics_room import choose_kind, chosen, names_of, not_measured

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
KINDS = ("search", "recommend", "rank")
CUTS = (1, 5, 10, 20, 50)
SHOWN = 50
OPENED = ("ask", "by", "page")


def main() -> None:
    """The run and K; then the funnel, the sources that had the lost ones, and the rows of a stage."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Leak map</h1></div>'), key="title")
    kind = choose_kind(workspace, KINDS, drop=("run", "top", *OPENED))
    runs = metrics_cache.runs(workspace, kind)
    if not runs:
        raise not_measured(workspace, kind)
    usual = next((run for run in runs if run.model in ("pipeline", "second_stage", "ensemble")), first_run(runs, kind))
    run = chosen(runs, links.get("run"), "run") or usual or runs[0]
    names = names_of(runs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = links.bind("run", run.id, usual.id if usual else None, drop=OPENED)
        st.selectbox("Run", list(names), format_func=names.get, width=330, **bound)
        k = int(links.number("top", 10, low=1, high=100))
        bound = links.bind("top", k, 10, drop=OPENED)
        st.selectbox("K", sorted({*CUTS, k}), width=110, **bound)
    found = metrics_cache.leaks(workspace, str(workspace.path), run.id, k)
    show_funnel(workspace, found)
    show_sources(found)
    show_rows(found)


def show_funnel(workspace: Workspace, found: LeakMap) -> None:
    """One bar per stage, as long as what it lost; what was found comes last."""
    total = len(found.pairs)
    unit = ROOMS[found.run.kind].one
    said = f"{total:,} wanted items; Recall@{found.k} is {found.recall:.3f}, the mean over every {unit}"
    metrics = links.link("metrics", room=found.run.kind, run=found.run.id)
    link = html('<a class="sw-link" href="{}">Its figures</a>', metrics)
    show(html('<div class="sw-section"><h2>{}</h2><p>{} {}</p></div>', found.run.model, said, link), key="funnel-title")
    bars = join(_bar(name, n, total) for name, n in found.counts.items())
    show(html('<div class="sw-bars" role="group" aria-label="Stages that lose">{}</div>', bars), key="funnel")
    rows = pd.DataFrame({"name": [STAGES[name].label for name in found.counts], "value": list(found.counts.values())})
    title = f"Where {found.run.model} loses wanted items, K = {found.k}"
    make = partial(figures.bars, rows, title, "Wanted items", source=picture.source_of(workspace, found.run))
    picture.save(make, name=f"{found.run.id}-leaks-{found.k}", key="picture-funnel")


def _bar(name: str, n: int, total: int) -> object:
    stage = STAGES[name]
    share = n / max(total, 1)
    return html(
        '<a class="sw-bar" href="{}" aria-current="{}" title="{}" aria-label="{}: {:,}, open the rows">'
        '<span>{}</span>{}<span class="sw-num">{:,} <small>{}</small></span></a>',
        links.link(ask=name, by=None, page=None),
        "true" if links.get("ask") == name else "false",
        stage.about,
        stage.label,
        n,
        stage.label,
        meter(share),
        n,
        percent(share),
    )


def show_sources(found: LeakMap) -> None:
    """Which sources had what the model lost."""
    if not found.sources:
        note = "No comparable run of what this model is made of is stored, so only its own list is looked at."
        show(html('<p class="sw-note">{}</p>', note), key="sources")
        return
    counts = found.by_source
    chips = join(
        (
            html(
                '<a class="sw-chip" href="{}">{} <b>{:,}</b></a>',
                links.link(by=run.model, page=None),
                run.model,
                counts.get(run.model, 0),
            )
            for run in found.sources
        ),
        " ",
    )
    said = "Of those not taken up or demoted, the source that had it highest"
    show(html('{}<div class="sw-chips">{}</div>', html(_TITLE, "Sources", said), chips), key="sources")


def show_rows(found: LeakMap) -> None:
    """The wanted items of a stage or of a source: what it means, what mends it, and each one."""
    stage, source = STAGES.get(links.get("ask")), links.get("by")
    pairs = found.pairs
    pairs = pairs[pairs["stage"] == stage.name] if stage is not None else pairs[pairs["stage"] != "found"]
    if source:
        pairs = pairs[(pairs["source"] == source) & pairs["stage"].isin(("not taken", "demoted"))]
    title = stage.label if stage else "All that were lost"
    said = f"{stage.about} {stage.mend}" if stage else "Choose a stage to see what mends it."
    show(html(_TITLE, f"{title}: {len(pairs):,}", said), key="rows-title")
    if pairs.empty:
        states.empty(
            "Nothing was lost here",
            "No wanted item is at this stage.",
            {"All stages": links.link(ask=None, by=None)},
            key="leaks",
        )
        return
    page = int(links.number("page", 1, low=1, high=-(-len(pairs) // SHOWN)))
    shown = pairs.iloc[(page - 1) * SHOWN : page * SHOWN]
    heads = (ROOMS[found.run.kind].one.capitalize(), "Wanted item", "Lost at", "Rank here", "Rank at its best source")
    head = join(html("<th>{}</th>", name) for name in heads)
    show(html(_TABLE, head, join(_line(row, found) for row in shown.to_dict("records"))), key="rows")
    count = -(-len(pairs) // SHOWN)
    if count > 1:
        show(cards.pager(page, count, around=2), key="pager")
    export.button("Export these rows", lambda: pairs, name=f"{found.run.id}-leaks", key="leaks-export")


def _line(row: dict, found: LeakMap) -> object:
    row_id = next(iter(row.values()))
    title = row["title"] if isinstance(row["title"], str) else "not in the catalogue"
    at_source = "" if pd.isna(row["source_rank"]) else f"{row['source_rank']:.0f} by {row['source']}"
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td><a class="sw-link" href="{}">{}</a> '
        '<span class="sw-quiet">{}</span></td><td>{}</td><td class="sw-num">{}</td><td class="sw-num">{}</td></tr>',
        _address(found, row_id, row["label"], row["item_id"]),
        row["label"] if found.run.kind == "search" else masks.text(row["label"]),
        links.link("sku", sku=row["item_id"]),
        title,
        row["item_id"],
        STAGES[row["stage"]].label,
        "–" if pd.isna(row["rank"]) else f"{row['rank']:.0f}",
        at_source,
    )


def _address(found: LeakMap, row_id: str, label: str, item_id: str) -> str:
    """Where the row can be questioned: why this item isn't there."""
    if found.run.kind == "recommend":
        return links.link("recommend", user=row_id, sku=item_id)
    if found.run.kind == "rank":
        return links.link("rank", list=row_id)
    return links.link("search", q=label, by=found.run.model)


main()
