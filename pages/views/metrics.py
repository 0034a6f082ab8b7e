"""Metrics: how well tags, search, recommendations and ranking work; every number opens to its rows."""

from functools import partial

import pandas as pd
import streamlit as st

from engine import figures
from engine.metrics.definitions import label
from engine.runs import RunStore
from engine.scoreboard import ROOMS, Scored
from engine.slicing import SLICES
from engine.trec import trec_files
from pages.parts import cards, compare, export, links, masks, metrics_cache, metrics_charts, picture, shell, states
from pages.parts.markup import html, join, show
from pages.parts.metrics_items import OF_ITEMS, show_items
from pages.parts.metrics_room import (
    OPENED,
    Room,
    choose,
    choose_kind,
    named_runs,
    open_room,
    part_words,
    show_definitions,
)
from pages.parts.metrics_tags import show_tags

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
ROWS_SHOWN, COLUMNS = 50, 7  # of slices and metrics
_TOLD = ("value", "low", "high", "n")
CURVED = ("recall", "ndcg", "precision", "hit_rate")


def main() -> None:
    """The rooms; in each the figures of a run, then the one that is looked at with its curve, slices and rows."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Metrics</h1></div>'), key="title")
    kind = choose_kind(workspace, tuple(ROOMS), drop=("run", "beside", "all", *OPENED))
    runs, run, baseline = named_runs(workspace, kind)
    choose(kind, runs, run, baseline)  # first, so that a damaged run can be left
    room = open_room(workspace, kind, runs, run, baseline)
    show_tiles(room)
    show_metric(room)
    show_slices(room)
    if room.kind == "tags":
        show_tags(room)
    show_rows(room)


def show_tiles(room: Room) -> None:
    """One tile per metric: its value, its interval, and how far it is from the baseline's."""
    said = f"over {_counted(room, room.values.count())}"
    beside = f", beside {room.baseline.model}" if room.baseline else ", with no baseline to compare with"
    show(html(_TITLE, room.run.model, said + beside), key="run-title")
    show(html('<div class="sw-tiles">{}</div>', join(_tile(line, room) for line in room.lines)), key="tiles")
    show_definitions(room)


def _tile(line: Scored, room: Room) -> object:
    figure = line.figure
    if line.difference is not None:
        gap = line.difference.difference
        badge = compare.badge({1: "up", -1: "down", 0: "same"}[line.better], f"{round(gap, 3) + 0.0:+.3f}")
    elif line.baseline is not None:
        badge = html('<span class="sw-quiet">{:.3f} there</span>', line.baseline)
    else:
        badge = html("")
    return html(
        '<a class="sw-tile" href="{}" aria-current="{}" title="{}"><b>{:.3f}</b><span>{}</span>'
        "<small>{:.3f} to {:.3f} {}</small></a>",
        links.link(metric=line.name, part=None, bin=None, page=None),
        "true" if line.name == room.metric else "false",
        line.definition.about if line.definition else line.name,
        figure.value,
        line.label,
        figure.low,
        figure.high,
        badge,
    )


def show_metric(room: Room) -> None:
    """The metric that is looked at: what it means, how it does beside the baseline, its curve and its histogram."""
    line = room.line
    known = line.definition
    way = "" if known is None else f"{known.about} {'Higher' if known.higher_is_better else 'Lower'} is better."
    show(html(_TITLE, line.label, way), key="metric-title")
    if line.difference is not None and room.baseline is not None:
        said = f"Against {room.baseline.model}: {line.difference.words()}"
        sign = {1: "up", -1: "down", 0: "same"}[line.better]
        words = {1: "clearly better", -1: "clearly worse", 0: "no clear difference"}[line.better]
        show(html('<p class="sw-note">{} {}</p>', compare.badge(sign, words), said), key="difference")
    left, right = st.columns(2, gap="large")
    with left:
        _show_curve(room)
    with right:
        _show_histogram(room)


def _show_curve(room: Room) -> None:
    base = room.metric.partition("@")[0]
    shown = base if base in CURVED else "recall"
    axis = st.segmented_control(
        "Axis of k",
        ["log", "linear"],
        default="log",
        required=True,
        key=f"axis-{room.kind}",
        label_visibility="collapsed",
    )
    tables = {room.run.model: room.values}
    if room.beside is not None and room.baseline is not None:
        named = room.baseline.model if room.baseline.model != room.run.model else room.baseline.id
        tables = {named: room.beside, **tables}
    source = picture.source_of(room.workspace, room.run, *([f"beside {room.baseline.id}"] if len(tables) > 1 else []))
    metrics_charts.curves(tables, base=shown, log=axis == "log", source=source)


def _show_histogram(room: Room) -> None:
    one = ROOMS[room.kind].one
    if not room.summable:
        said = f"{room.line.label} is a figure of all lists together: a single {one} has none."
        show(html('<p class="sw-note">{}</p>', said), key="histogram")
        if room.metric.partition("@")[0] in OF_ITEMS:
            show_items(room)
        return
    part = {name: value for name, value in room.part.items() if name != room.metric}
    bins = room.values.histogram(room.metric, part)
    last = bins[-1][1] if bins else 1.0

    def link(low: float, high: float) -> str:
        return links.link(bin=(low, None if high >= last else high), page=None)

    title = html("<h3>{} of each {}</h3>", room.line.label, one)
    show(html("{}{}", title, metrics_charts.columns(bins, link, label=f"{room.metric} per {one}")), key="histogram")
    rows = pd.DataFrame({"name": [f"{low:.2g}" for low, _, _ in bins], "value": [n for _, _, n in bins]})
    axis = f"{room.line.label}, from"
    make = partial(figures.columns, rows, f"{room.line.label} of each {one}", axis, source=_source(room))
    picture.save(make, name=f"{room.run.id}-{room.metric}-histogram", key="picture-histogram")


def show_slices(room: Room) -> None:
    """The metric for each part of each slice, as small multiples on one scale."""
    if not room.summable or not room.values.slices:
        return
    show(html(_TITLE, "Slices", f"{room.line.label} by what parts the rows; a bar opens its rows"), key="slices-title")
    found = {
        name: metrics_cache.groups(room.values, room.run.id, room.path, name, room.metric)
        for name in room.values.slices
    }
    most = max((figure.high for groups in found.values() for _, figure in groups), default=1.0)
    opened, _, value = links.get("part").partition(":")
    multiples = join(
        metrics_charts.slice_bars(
            SLICES[name].label,
            [(part, part_words(name, part), figure) for part, figure in groups],
            lambda part, name=name: links.link(part=f"{name}:{part}", page=None),
            most=most,
            opened=value if opened == name else "",
        )
        for name, groups in found.items()
        if len(groups) > 1
    )
    show(html('<div class="sw-multiples">{}</div>', multiples), key="slices")
    rows = pd.DataFrame(
        {"slice": SLICES[name].label, "name": part_words(name, part), **{one: getattr(figure, one) for one in _TOLD}}
        for name, groups in found.items()
        if len(groups) > 1
        for part, figure in groups
    )
    if len(rows):
        title = f"{room.line.label} of {room.run.model} by slice"
        make = partial(figures.multiples, rows, title, room.line.label, source=_source(room))
        picture.save(make, name=f"{room.run.id}-{room.metric}-slices", key="picture-slices")


def _source(room: Room) -> str:
    """Where a picture's numbers come from."""
    part = [f"{name}: {value}" for name, value in room.part.items() if name in SLICES]
    return picture.source_of(room.workspace, room.run, *part)


def show_rows(room: Room) -> None:
    """The rows of the chosen part, the worst first: what the figure is made of."""
    total = room.values.count(room.part)
    chosen = " and ".join(_worded(name, value, room) for name, value in room.part.items())
    clear = html('<a class="sw-link" href="{}">All rows</a>', links.link(part=None, bin=None, page=None))
    said = f"{_counted(room, total)}{f' with {chosen}' if chosen else ''}, the worst first"
    figure = _part_figure(room)
    title = html('<div class="sw-section"><h2>Rows</h2><p>{}{} {}</p></div>', said, figure, clear if chosen else "")
    show(title, key="rows-title")
    if not total:
        states.empty(
            "Nothing matches", "No row is in this part.", {"All rows": links.link(part=None, bin=None)}, key="rows"
        )
        return
    page = int(links.number("page", 1, low=1, high=-(-total // ROWS_SHOWN)))
    sort = room.metric if room.summable else None
    known = room.line.definition
    frame = room.values.page(
        room.part,
        sort=sort,
        descending=known is not None and not known.higher_is_better,
        first=(page - 1) * ROWS_SHOWN,
        size=ROWS_SHOWN,
    )
    show(_table(room, frame), key="rows-table")
    count = -(-total // ROWS_SHOWN)
    if count > 1:
        show(cards.pager(page, count, around=2), key="pager")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        every = partial(room.values.whole, room.part, sort=sort)
        export.button("Export these rows", every, name=room.run.id, key="rows-export")
        files = partial(trec_files, RunStore(room.workspace), room.run.id, shown=masks.frames())
        export.file("TREC run and qrels", files, name=f"{room.run.id}-trec.zip", mime="application/zip", key="trec")


def _part_figure(room: Room) -> str:
    """The metric over the part, and beside the baseline."""
    if not room.part or not room.summable or not room.values.count(room.part):
        return ""
    found = metrics_cache.figure(room.values, room.run.id, room.path, room.metric, room.part_key)
    said = f": {room.line.label} {found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
    slices_only = all(name in SLICES for name in room.part)
    if room.beside is None or room.baseline is None or not slices_only or room.metric not in room.beside.metrics:
        return said
    ids = (room.baseline.id, room.run.id)
    gap = metrics_cache.difference(room.beside, room.values, ids, room.path, room.metric, room.part_key)
    return f"{said}, {gap.words()} than {room.baseline.model}"


def _counted(room: Room, n: int) -> str:
    return f"{n:,} {ROOMS[room.kind].one if n == 1 else room.values.kind.unit}"


def _worded(name: str, value: object, room: Room) -> str:
    if isinstance(value, tuple):
        low, high = value
        return f"{room.line.label} from {low or 0:g}" + (f" to below {high:g}" if high is not None else " on")
    return f"{SLICES[name].label.lower()} “{part_words(name, value)}”"


def _table(room: Room, frame: pd.DataFrame) -> object:
    slices = [name for name in room.values.slices if frame[name].notna().any()]
    metrics = [room.metric, *(name for name in room.values.metrics if name != room.metric)]
    metrics = [name for name in metrics if name in frame][: max(COLUMNS - len(slices), 2)]
    head = join(
        [
            html("<th>{}</th>", ROOMS[room.kind].one.capitalize()),
            *(html("<th>{}</th>", SLICES[name].label) for name in slices),
            *(html('<th class="sw-r">{}</th>', label(name)) for name in metrics),
            html('<th class="sw-r">First hit</th>') if "hit_rank" in frame else "",
        ]
    )
    body = join(_row(room, row, slices, metrics) for row in frame.to_dict("records"))
    return html(
        '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )


def _row(room: Room, row: dict, slices: list[str], metrics: list[str]) -> object:
    name = row.get("query") or masks.text(row[room.values.kind.id])
    rank = row.get("hit_rank", "")
    hit = html('<td class="sw-r">{}</td>', "none" if pd.isna(rank) else f"{rank:,}") if "hit_rank" in row else ""
    return html(
        '<tr><td><a class="sw-link sw-clip" href="{}">{}</a></td>{}{}{}</tr>',
        _address(room, row),
        name,
        join(html('<td class="sw-quiet">{}</td>', part_words(part, row[part])) for part in slices),
        join(html('<td class="sw-r">{}</td>', "–" if pd.isna(row[part]) else f"{row[part]:.3f}") for part in metrics),
        hit,
    )


def _address(room: Room, row: dict) -> str:
    """The page where a row can be seen with its evidence."""
    row_id = row[room.values.kind.id]
    if room.kind == "tags":
        return links.link("sku", sku=row_id)
    if room.kind == "search":
        return links.link("search", q=row.get("query") or row_id, by=room.run.model)
    if room.kind == "recommend":
        return links.link("recommend", user=row_id)
    return links.link("rank", list=row_id)


main()
