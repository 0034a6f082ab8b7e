"""Weights tried out: a slider for each member, what the ensemble would gain or lose, and the lists that change."""

import streamlit as st
from markupsafe import Markup

from engine.errors import counted
from engine.metrics.definitions import definition
from engine.metrics.significance import PairedDifference
from engine.ranking.lines import better_words, digits
from pages.parts import compare, export, links, masks, ranking_cache
from pages.parts.markup import html, icon, join, show
from pages.parts.ranking_export import stamped
from pages.parts.ranking_room import DECISION, Room, as_values, label, section, table

LISTS_SHOWN = 20
_NAMES = {"ndcg@5": "NDCG@5", "auc": "AUC", "log_loss": "Log loss", "ece": "Calibration error"}


def show_weights(room: Room) -> None:
    """The sliders; and when they stand elsewhere than what serves, the cost and the lists that change."""
    show(
        section("Weights", "How much each member counts in the ensemble; only their proportions matter"), key="weights"
    )
    names = list(room.fitted)
    columns = st.columns(min(len(names), 3), gap="medium")
    for number, name in enumerate(names):
        with columns[number % len(columns)]:
            key = f"weight-{name}"
            st.session_state[key] = float(room.weights[name])
            said = f"Fitted on valid: {room.fitted[name]:.2f}"
            st.slider(label(name), 0.0, 1.0, step=0.01, help=said, key=key, on_change=_moved, args=(names,))
    show(_presets(room), key="weight-presets")
    show(_changes(room), key="changes")
    if room.reweighted:
        _show_cost(room)
        _show_lists(room)


def _moved(names: list[str]) -> None:
    chosen = {name: round(float(st.session_state[f"weight-{name}"]), 2) for name in names}
    links.follow(links.link(weights=as_values(chosen) if any(chosen.values()) else None))


def _changes(room: Room) -> Markup:
    if not room.reweighted:
        return html('<p class="sw-note">{}</p>', "These are the weights that serve. Move a slider: the figures follow.")
    total = sum(room.weights.values())
    shares = ", ".join(f"{label(name)} {weight / total:.2f}" for name, weight in room.weights.items())
    way = html('<a class="sw-link" href="{}">Back to what serves</a>', links.link(weights=None))
    return html('<p class="sw-note" role="status">{} As shares: {}. {}</p>', icon("tune"), shares, way)


def _presets(room: Room) -> Markup:
    """Each member alone, and all alike."""
    names = list(room.fitted)
    ways = [(f"{label(name)} alone", {one: float(one == name) for one in names}) for name in names]
    ways.append(("All alike", dict.fromkeys(names, round(1 / len(names), 2))))
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}">{}</a>',
            "sw-on" if dict(room.weights) == weights else "",
            links.link(weights=as_values(weights)),
            said,
        )
        for said, weights in ways
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Weights to try">{}</nav>', chips)


def _show_cost(room: Room) -> None:
    found = ranking_cache.tried(room.opened, room.weights)
    head = html('<th>Figure</th><th class="sw-r">Serves</th><th class="sw-r">Tried</th><th>Difference</th>')
    rows = join(_line(metric, one) for metric, one in found.items())
    note = "Read off test, as often as somebody moves a slider: a warning about a setting, not a figure to report."
    drawn = table(head, rows, "sw-breakdown sw-cost")
    title = section(
        "What it would cost", f"On {counted(len(room.lab.lists), 'list')} of test, beside what serves", small=True
    )
    show(html('{}{}<p class="sw-note">{} {}</p>', title, drawn, icon("warning"), note), key="cost")


def _line(metric: str, found: PairedDifference) -> Markup:
    said = definition(metric)
    better = found.difference > 0 if said is None or said.higher_is_better else found.difference < 0
    where, words = (
        (("up", "better") if better else ("down", "worse")) if found.clear else ("same", "no clear difference")
    )
    return html(
        '<tr><td><b>{}</b><small>{}</small></td><td class="sw-r">{:.{}f}</td><td class="sw-r">{:.{}f}</td>'
        "<td>{} {}</td></tr>",
        _NAMES[metric],
        "" if said is None or said.higher_is_better else "lower is better",
        found.a,
        digits(metric),
        found.b,
        digits(metric),
        compare.badge(where, words),
        better_words(found, metric),
    )


def _show_lists(room: Room) -> None:
    """The lists whose order changes most among the first places, each a link to the decision."""
    rows = ranking_cache.moved(room.opened, room.weights)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            show(
                section(f"Lists that change: {len(rows):,}", "By NDCG@5, the largest change first", small=True),
                key="moved-title",
            )
        if len(rows):
            name = f"{room.workspace.name}-weights-tried"
            export.button("Export", lambda: stamped(room, rows.assign(**_columns(room))), name=name, key="export-moved")
    if rows.empty:
        show(html('<p class="sw-note">{}</p>', "None: the first five places stay as they are everywhere."), key="moved")
        return
    head = html('<th>List</th><th class="sw-r">Serves</th><th class="sw-r">Tried</th><th>Change</th>')
    body = join(_list(row) for row in rows.head(LISTS_SHOWN).to_dict("records"))
    more = f"The first {LISTS_SHOWN} of {len(rows):,}; all are in the export." if len(rows) > LISTS_SHOWN else ""
    show(html('{}<p class="sw-note">{}</p>', table(head, body, "sw-breakdown sw-cost"), more), key="moved")


def _columns(room: Room) -> dict[str, float]:
    return {f"weight {name}": weight for name, weight in room.weights.items()}


def _list(row: dict) -> Markup:
    up = row["change"] > 0
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:.3f}</td><td class="sw-r">{:.3f}</td>'
        "<td>{}</td></tr>",
        links.link(see=DECISION, list=row["list_id"]),
        masks.text(row["user_id"]),
        row["before"],
        row["after"],
        compare.badge("up" if up else "down", f"{row['change']:+.3f}"),
    )
