"""How settings were searched: the trials of a member's last search, what each reached on valid, and the best so far."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.errors import NotBuiltError, UnknownNameError, counted
from engine.figures import Spec, sourced
from engine.metrics.definitions import definition
from engine.rank.plots import study
from engine.ranking.tuning import last_searches, tune_command
from engine.workspace import Workspace
from pages.parts import export, links, picture, ranking_cache, states
from pages.parts.markup import html, join, show
from pages.parts.ranking_charts import lines
from pages.parts.ranking_room import Room, label, section

_PLAIN = ("number", "state", "value", "seconds", "best")


def show_tuning(room: Room) -> None:
    """The search of one member; without any the command that begins one."""
    searches = last_searches(room.workspace)
    if not searches:
        states.not_built(NotBuiltError("A search of settings", tune_command(room.workspace, "lightgbm")))
        return
    name = links.get("by") or next(iter(searches))
    if name not in searches:
        raise UnknownNameError("ranker", name, searches)
    show(_chips(searches, name), key="tuned")
    rows = ranking_cache.trials(room.workspace, name, str(searches[name]["study"]))
    show(_said(searches[name], room), key="tuned-said")
    if rows.empty:
        states.empty("No trial has ended", "The search was stopped before its first trial.", {}, key="trials")
        return
    metric = str(searches[name]["metric"])
    show(_curve(rows, metric), key="trials-curve")
    drawn = rows[["number", "value", "best", "state"]]
    make = partial(_pictured, drawn, label(name), _metric(metric), picture.source(room.workspace))
    picture.save(make, name=f"{room.workspace.name}-trials-{name}", key="picture-trials")
    _show_trials(room.workspace, name, rows)


def _chips(searches: Mapping[str, Any], chosen: str) -> Markup:
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{}</a>',
            "sw-on" if name == chosen else "",
            links.link(by=name),
            Markup(' aria-current="true"') if name == chosen else "",
            label(name),
        )
        for name in searches
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Searches">{}</nav>', chips)


def _said(found: Mapping[str, Any], room: Room) -> Markup:
    """What the search came to, in words, and whether it was on other lists."""
    metric = _metric(str(found["metric"]))
    said = (
        f"{counted(int(found['trials']), 'trial')}, {found['pruned']} given up early. {metric} on valid: "
        f"{found['value']:.4f}, {found['first']:.4f} with the settings that it began with."
    )
    settings = join(
        html('<span class="sw-chip">{} <b class="sw-num">{}</b></span>', key.replace("_", " "), _short(value))
        for key, value in dict(found["settings"]).items()
    )
    other = found["mark"] != room.opened.opening.card.data_hash
    note = "It was on other lists than those that the ensemble learned from." if other else ""
    return html(
        '<p>{}</p><div class="sw-chips" aria-label="Best settings">{}</div><p class="sw-note">{}</p>',
        said,
        settings,
        note,
    )


def _metric(name: str) -> str:
    found = definition(name)
    return found.label.replace("@k", f"@{name.partition('@')[2]}") if found else name


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _curve(rows: pd.DataFrame, metric: str) -> Markup:
    """What each trial reached, and the best so far."""
    done = rows[rows["value"].notna()]
    if len(done) < 2:
        return Markup("")
    best = done["best"].ffill().bfill()
    alt = f"{_metric(metric)} on valid, trial by trial; the best so far ends at {best.iloc[-1]:.4f}"
    drawn = lines({"best": best.tolist(), "each": done["value"].astype(float).tolist()}, alt=alt)
    axis = html(
        '<div class="sw-axis"><span>first trial</span><span>trial {}</span></div>', int(done["number"].iloc[-1])
    )
    low, high = done["value"].min(), done["value"].max()
    said = f"{_metric(metric)} on valid, from {low:.4f} to {high:.4f}: the line is the best so far, dashes each trial"
    return html("{}{}{}", section("Trial by trial", said, small=True), drawn, axis)


def _pictured(rows: pd.DataFrame, member: str, metric: str, source: str) -> Spec:
    return sourced(study(rows, member, metric), source)


def _show_trials(workspace: Workspace, name: str, rows: pd.DataFrame) -> None:
    settings = [column for column in rows if column not in _PLAIN]
    st.dataframe(
        rows[["number", "value", "best", *settings, "state", "seconds"]],
        hide_index=True,
        height=360,
        alt="Trials",
        column_config={
            "number": st.column_config.NumberColumn("Trial", pinned=True),
            "value": st.column_config.NumberColumn("On valid", format="%.4f"),
            "best": st.column_config.NumberColumn("Best so far", format="%.4f"),
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
        },
        key=f"trials-{name}",
    )
    stamped = rows.assign(workspace=workspace.name, member=name)
    export.button("Export", lambda: stamped, name=f"{workspace.name}-trials-{name}", key="export-trials")
