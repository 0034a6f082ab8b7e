"""The flip book: which rows became better or worse, by slice, both lists of one side by side, and the release note."""

import pandas as pd
import streamlit as st

from engine import flips
from engine.comparing import Compared
from engine.comparison import Place
from engine.flips import BETTER, WORSE
from engine.metrics.definitions import label
from engine.run_values import RunValues
from engine.runs import Run, RunStore
from engine.scoreboard import ROOMS
from engine.slicing import SLICES
from engine.workspace import Workspace
from pages.parts import compare, export, links, masks, metrics_cache, states
from pages.parts.markup import html, join, show
from pages.parts.metrics_room import part_words

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = (
    '<div class="sw-scroll"><table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead>'
    "<tbody>{}</tbody></table></div>"
)
SHOWN = 25


def show_flips(workspace: Workspace, baseline: Run, run: Run, margin: float) -> None:
    """The flips of one run in one metric: counts by slice, the list, the opened one, and the note."""
    path = str(workspace.path)
    values, base = (metrics_cache.values(workspace, path, one.id) for one in (run, baseline))
    metrics = [name for name in values.metrics if name in base.metrics]
    headline = ROOMS[run.kind].headline if ROOMS[run.kind].headline in metrics else metrics[0]
    show(
        html(_TITLE, f"Flip book of {run.model}", "The rows that the metric tells apart, the largest change first"),
        key="flips-title",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = links.get("metric") if links.get("metric") in metrics else headline
        bound = links.bind("metric", asked, headline, drop=("row", "page"))
        st.selectbox("Metric", metrics, format_func=label, width=230, **bound)
        way = links.get("ask") if links.get("ask") in (BETTER, WORSE) else ""
        bound = links.bind("ask", way, "", drop=("row", "page"))
        names = {"": "All", BETTER: "Better", WORSE: "Worse"}
        st.segmented_control("Which", list(names), format_func=names.get, required=True, **bound)
    found = metrics_cache.flips(base, values, (baseline.id, run.id), path, asked)
    column, _, part = links.get("part").partition(":")
    slices = [name for name in values.slices if found[name].nunique() > 1] or list(values.slices)
    shown = found if not way else found[found["way"] == way]
    if part and column in values.slices:
        shown = shown[shown[column] == part]
    left, right = st.columns(2, gap="large")
    with left:
        _show_slices(found, values, slices)
    with right:
        _show_list(shown, part, run)
    if links.get("row"):
        _show_flip(workspace, baseline, run, found, links.get("row"))
    _show_note(workspace, baseline, run, margin, found=found, values=values, slices=slices)


def _show_slices(found: pd.DataFrame, values: RunValues, slices: list[str]) -> None:
    """For each part of each slice, how many became better and worse."""
    blocks = []
    for name in slices:
        lines = join(
            html(
                '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:,}</td><td>{} {}</td></tr>',
                links.link(part=f"{name}:{line['part']}", row=None),
                part_words(name, line["part"]),
                line["n"],
                compare.badge("up", f"{line[BETTER]:,}"),
                compare.badge("down", f"{line[WORSE]:,}"),
            )
            for line in flips.by_slice(found, values, name).to_dict("records")
        )
        head = html(
            '<th>{}</th><th class="sw-r">{}</th><th>Better, worse</th>',
            SLICES[name].label,
            values.kind.unit.capitalize(),
        )
        blocks.append(html(_TABLE, head, lines))
    show(join(blocks), key="flip-slices")


def _show_list(shown: pd.DataFrame, part: str, run: Run) -> None:
    name = shown.columns[0]
    said = f"{len(shown):,} rows flipped{f' in “{part}”' if part else ''}"
    clear = html(' <a class="sw-link" href="{}">All parts</a>', links.link(part=None, row=None)) if part else ""
    show(html('<p class="sw-note">{}{}</p>', said, clear), key="flips-count")
    if shown.empty:
        states.empty(
            "No flips",
            "No row of this part differs.",
            {"All rows": links.link(part=None, ask=None, row=None)},
            key="flips",
        )
        return
    lines = join(
        html(
            '<tr><td><a class="sw-link sw-clip" href="{}">{}</a></td><td class="sw-r">{:.3f}</td>'
            '<td class="sw-r">{:.3f}</td><td>{}</td></tr>',
            links.link(row=line[name]),
            _named(line["label"], run),
            line["a"],
            line["b"],
            compare.badge("up" if line["way"] == BETTER else "down", f"{line['change']:+.3f}"),
        )
        for line in shown.head(SHOWN).to_dict("records")
    )
    head = html(
        '<th>{}</th><th class="sw-r">Baseline</th><th class="sw-r">Run</th><th>Change</th>',
        ROOMS[run.kind].one.capitalize(),
    )
    show(html(_TABLE, head, lines), key="flips-list")
    export.button("Export the flips", lambda: shown, name=f"{run.id}-flips", key="flips-export")


def _show_flip(workspace: Workspace, baseline: Run, run: Run, found: pd.DataFrame, row_id: str) -> None:
    """Both lists of one row, in the one language of comparison."""
    name = found.columns[0]
    line = found[found[name] == row_id]
    values = (float(line["a"].iloc[0]), float(line["b"].iloc[0])) if len(line) else (float("nan"), float("nan"))
    flip = flips.open_flip(RunStore(workspace), baseline, run, row_id, values)
    close = html('<a class="sw-link sw-small" href="{}">Close</a>', links.link(row=None))
    places = join(_place(place, flip.wanted, run) for place in flip.compared.places)
    head = html(
        '<th>Item</th><th class="sw-r">{}</th><th class="sw-r">{}</th><th></th><th></th>', baseline.model, run.model
    )
    show(
        html(
            '<div class="sw-section"><h2>{}</h2><p>{} {}</p></div>{}{}',
            _named(flip.label, run),
            f"{len(flip.wanted):,} wanted; A is {baseline.model}, B is {run.model}.",
            close,
            compare.summary(flip.compared, first=flips.LISTED),
            html(_TABLE, head, places),
        ),
        key="flip",
    )


def _named(label: str, run: Run) -> str:
    """What a row is called: a query as it was asked, a user or a list perhaps masked."""
    return label if run.kind == "search" else masks.text(label)


def _place(place: Place, wanted: frozenset[str], run: Run) -> object:
    address = None if run.kind == "tags" else links.link("sku", sku=place.item_id)
    name = html('<a class="sw-link" href="{}">{}</a>', address, place.item_id) if address else place.item_id
    return html(
        '<tr><td>{}</td><td class="sw-r">{}</td><td class="sw-r">{}</td><td>{}</td><td>{}</td></tr>',
        name,
        place.a or "–",
        place.b or "–",
        compare.move_badge(place),
        html('<span class="sw-badge sw-up">wanted</span>') if place.item_id in wanted else "",
    )


def _show_note(
    workspace: Workspace,
    baseline: Run,
    run: Run,
    margin: float,
    *,
    found: pd.DataFrame,
    values: RunValues,
    slices: list[str],
) -> None:
    """Five lines from the figures, each with the link to what it says."""
    compared: dict[str, Compared] = metrics_cache.compared(workspace, str(workspace.path), baseline.id, run.id, margin)
    parts = flips.by_slice(found, values, slices[0]) if slices else None
    if parts is None or parts.empty:
        return
    metric = links.get("metric") if links.get("metric") in compared else next(iter(compared))
    note = flips.release_note(run, baseline, compared, metric, found, parts)
    addresses = (
        links.link("metrics", room=run.kind, run=run.id, beside=baseline.id, metric=metric),
        links.link(),
        links.link(ask=WORSE),
        links.link("metrics", room=run.kind, run=run.id),
        links.link(),
    )
    lines = join(
        html('<li><a href="{}">{}</a></li>', address, said) for said, address in zip(note, addresses, strict=True)
    )
    show(
        html(
            '{}<ul class="sw-compared">{}</ul>',
            html(_TITLE, "Release note", "Written from the figures; each line opens to them"),
            lines,
        ),
        key="note",
    )
    with st.popover("Copy the note", icon=":material/content_copy:"):
        st.code("\n".join(note), language=None, wrap_lines=True)
