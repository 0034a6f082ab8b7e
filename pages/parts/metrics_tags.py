"""What only the room of tags shows: every tag's figures, thresholds that can be moved, calibration, and examples."""

import numpy as np
import streamlit as st

from engine import tag_figures
from engine.errors import UnknownNameError
from engine.metrics.definitions import DEFINITIONS
from pages.parts import export, links, metrics_cache, metrics_charts, picture, states
from pages.parts.markup import html, join, show
from pages.parts.metrics_room import Room

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
_SIGNS = {"right": ("sw-up", "right"), "missed": ("sw-down", "missed"), "wrong": ("sw-only-b", "asserted wrongly")}
TAGS_SHOWN, EXAMPLES_SHOWN = 40, 12


def show_tags(room: Room) -> None:
    """Thresholds and calibration, the table of tags, and the examples of the one that the address names."""
    rows = metrics_cache.tag_rows(room.workspace, room.path, room.run.id)
    table = metrics_cache.per_tag(rows, room.path, room.run.id)
    tag = links.get("tag")
    if tag and tag not in set(table["tag"]):
        raise UnknownNameError("tag", tag, table["tag"])
    _show_thresholds(room, tag)
    said = "A tag opens to the SKUs for which it is true or was asserted"
    show(html(_TITLE, f"{len(table):,} tags", said), key="tags-title")
    shown = table if links.get("all") else table.head(TAGS_SHOWN)
    names = ("Tag", "SKUs", "Asserted", "Precision", "Recall", "F1", "Where missed, most often asserted")
    head = join(html('<th class="{}">{}</th>', "sw-r" if 0 < at < 6 else "", name) for at, name in enumerate(names))
    body = join(_line(row) for row in shown.to_dict("records"))
    more = html('<a class="sw-link" href="{}">Show all {:,} tags</a>', links.link(all=1), len(table))
    show(
        html(
            "{}{}",
            html(_TABLE, head, body),
            more if len(shown) < len(table) else "",
        ),
        key="tags-table",
    )
    export.button("Export the tags", lambda: table, name=f"{room.run.id}-tags", key="tags-export")
    if tag:
        _show_examples(room, tag)


def _line(row: dict) -> object:
    numbers = join(
        html('<td class="sw-r">{}</td>', "–" if np.isnan(row[name]) else f"{row[name]:.2f}")
        for name in ("precision", "recall", "f1")
    )
    instead = html("{} <span class='sw-quiet'>{:,}</span>", row["instead"], row["n_instead"]) if row["instead"] else ""
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:,}</td><td class="sw-r">{:,}</td>{}'
        "<td>{}</td></tr>",
        links.link(tag=row["tag"]),
        row["tag"],
        row["support"],
        row["asserted"],
        numbers,
        instead,
    )


def _show_thresholds(room: Room, tag: str) -> None:
    """F1, precision and recall over the threshold, with what a moved one would give; beside it the calibration."""
    rows = metrics_cache.tag_rows(room.workspace, room.path, room.run.id)
    found = metrics_cache.chances(rows, room.path, room.run.id)
    if not len(found.true):
        return
    chosen = found.of_tag(tag) if tag and tag in set(found.names) else found
    curve = chosen.curve
    about = f"One threshold for “{tag}”" if tag else "One threshold for all tags, beside the tagger’s own for each"
    show(html(_TITLE, "Thresholds", about), key="thresholds-title")
    left, right = st.columns(2, gap="large")
    with left:
        moved = st.slider("Threshold", 0.0, 1.0, round(curve.best, 2), 0.01, key=f"threshold-{room.run.id}-{tag}")
        at = {"precision": curve.precision, "recall": curve.recall, "F1": curve.f1}
        metrics_charts.lines(
            curve.thresholds,
            at,
            mark=moved,
            title="Threshold",
            alt=f"Precision, recall and F1 of {room.run.model} at each threshold",
            key="thresholds",
            source=picture.source_of(room.workspace, room.run, *([f"tag {tag}"] if tag else [])),
        )
        _show_moved(room, chosen.figures_at(moved), bool(tag))
    with right:
        show(html("<h3>Calibration</h3>"), key="calibration-title")
        metrics_charts.reliability(
            chosen.calibration(), key="calibration", source=picture.source_of(room.workspace, room.run)
        )
        show(html('<p class="sw-note">{:,} pairs of a SKU and a tag.</p>', len(chosen.true)), key="calibration-said")


def _show_moved(room: Room, figures: dict[str, float], one: bool) -> None:
    own = {line.name: line.figure.value for line in room.lines}
    names = ("precision", "recall") if one else ("micro_f1", "macro_f1", "precision", "recall")
    said = join(
        html(
            "<li><b>{}</b> <span>{:.3f}</span> <span class='sw-quiet'>{}</span></li>",
            DEFINITIONS[name].label,
            figures[name],
            ""
            if one or name not in own
            else f"{round(figures[name] - own[name], 3) + 0.0:+.3f} against the tagger’s own",
        )
        for name in names
    )
    show(html('<ul class="sw-compared">{}</ul>', said), key="moved")


def _show_examples(room: Room, tag: str) -> None:
    rows = metrics_cache.tag_rows(room.workspace, room.path, room.run.id)
    found = tag_figures.examples(rows, tag)
    counts = found["outcome"].value_counts()
    badges = join(
        (
            html('<span class="sw-badge {}">{:,} {}</span>', style, counts.get(name, 0), said)
            for name, (style, said) in _SIGNS.items()
        ),
        " ",
    )
    close = html('<a class="sw-link sw-small" href="{}">Close</a>', links.link(tag=None))
    show(html('<div class="sw-section"><h2>“{}”</h2><p>{} {}</p></div>', tag, badges, close), key="examples-title")
    if found.empty:
        states.empty("No examples", "No SKU has this tag.", {"All tags": links.link(tag=None)}, key="examples")
        return
    lines = join(_example(row, tag) for row in found.head(EXAMPLES_SHOWN).to_dict("records"))
    show(html('<div class="sw-scroll"><table class="sw-table"><tbody>{}</tbody></table></div>', lines), key="examples")
    export.button("Export the examples", lambda: found, name=f"{room.run.id}-{tag}", key="examples-export")


def _example(row: dict, tag: str) -> object:
    style, said = _SIGNS[row["outcome"]]
    ranked = list(row["ranked"]) if row["ranked"] is not None else []
    chance = f"{row['scores'][ranked.index(tag)]:.2f}" if tag in ranked else "not ranked"
    return html(
        '<tr><td><span class="sw-badge {}">{}</span></td><td><a class="sw-link" href="{}">{}</a></td>'
        '<td class="sw-r">{}</td><td class="sw-quiet">true: {}</td></tr>',
        style,
        said,
        links.link("sku", sku=row["item_id"], tag=tag),
        row["item_id"],
        chance,
        ", ".join(row["known"]) or "nothing",
    )
