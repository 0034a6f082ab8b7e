"""The weights that serve: since when, by whom and why; and letting tried ones serve, over the same models."""

from functools import partial

import streamlit as st
from markupsafe import Markup

from engine.decisions import MAX_REASON
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.weighing import Change, moved, set_weights, weights_command
from pages.parts import deciding, links, recommend_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_room import WEIGHTS, Room, label
from pages.parts.recommend_whatif import METRICS

_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'
_REASON = "weights-reason"
_NAMES = {
    "alpha": "Models",
    "beta": "Their categories",
    "popularity_penalty": "Popularity penalty",
    "diversity": "Diversity",
}


def show_committing(room: Room) -> None:
    """A reason and a button that let the tried weights serve, and the command that does the same; else nothing."""
    if not room.reweighted:
        return
    before = room.served.pipeline.config
    said = "For everybody, over the same models. What serves now is kept and can be brought back"
    show(html("{}{}", html(_SECTION, "Let these weights serve", said), _moves(before, room.config)), key="commit-title")
    with st.form("commit", border=False):
        st.text_input("Why", max_chars=MAX_REASON, key=_REASON, placeholder="What was wrong with the lists before")
        act = partial(_commit, room, room.config)
        st.form_submit_button("Let these weights serve", icon=":material/publish:", on_click=act)
    show(html('<p class="sw-note">The same from the command line:</p>'), key="commit-command")
    st.code(weights_command(room.workspace, before, room.config), language="bash", wrap_lines=True)


def show_serving(room: Room) -> None:
    """The weights that serve, and where somebody chose them: who, why, what moved and what it cost, with a way back."""
    change = recommend_cache.last_change(room.served)
    config = room.served.pipeline.config
    sources = ", ".join(f"{label(name)} {percent(weight)}" for name, weight in _shares(config).items())
    said = (
        f"Models {config.alpha:.2g} ({sources}), their categories {config.beta:.2g}, "
        f"popularity penalty {config.popularity_penalty:.2g}, diversity {config.diversity:.2g}"
    )
    title = html(_SECTION, "The weights that serve", said)
    if change is None:
        show(html('{}<p class="sw-note">Fitted on valid when the models were trained.</p>', title), key="serving")
        return
    show(html("{}{}", title, _told(change)), key="serving")
    act = partial(_commit, room, change.before, reason=f"Back to the weights before {_moment(change)}")
    st.button("Bring back the weights before", key="weights-back", icon=":material/undo:", on_click=act)


def _told(change: Change) -> Markup:
    """Who let weights serve, when and why, what moved, and the cost that was on screen then."""
    cost = join(
        html(
            "<li>{}: {}</li>", METRICS.get(metric, (metric, ""))[0], found.words().partition("),")[0].rstrip(")") + ")"
        )
        for metric, found in change.cost.items()
    )
    return html(
        '<p class="sw-note">{} {} let them serve on {}: “{}”</p>{}'
        '<p class="sw-note">What that changed on test, with its interval:</p><ul class="sw-compared">{}</ul>',
        icon("tune"),
        change.who,
        _moment(change),
        change.reason,
        _moves(change.before, change.after),
        cost,
    )


def _moment(change: Change) -> str:
    return f"{change.when[:16].replace('T', ' ')} UTC"


def _moves(before: PipelineConfig, after: PipelineConfig) -> Markup:
    chips = join(
        html(
            '<span class="sw-chip">{} <b class="sw-num">{:.2g} → {:.2g}</b></span>',
            _NAMES.get(name) or label(name.removeprefix("source ")),
            old,
            new,
        )
        for name, (old, new) in moved(before, after).items()
    )
    return html('<div class="sw-chips">{}</div>', chips)


def _shares(config: PipelineConfig) -> dict[str, float]:
    total = sum(config.sources.values())
    return {name: weight / total for name, weight in config.sources.items() if weight > 0}


def _commit(room: Room, config: PipelineConfig, *, reason: str = "") -> None:
    why = reason or str(st.session_state.get(_REASON) or "")
    served = room.served
    if deciding.tried(
        lambda: set_weights(
            room.workspace, served.shop, config, reason=why, who=deciding.who(), over=served.pipeline_version
        )
    ):
        deciding.say("These weights serve now")
        links.follow(links.link(**WEIGHTS))
