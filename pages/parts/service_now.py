"""The room Now: whether the service runs, how it does, and what it serves."""

import streamlit as st
from markupsafe import Markup

from engine.errors import ShelfwiseError
from engine.watching.answers import Answers
from engine.watching.store import Part, Standing
from engine.workspace import Workspace
from pages.parts import links, service_cache
from pages.parts.markup import html, icon, join, show
from pages.parts.service_room import note, show_answers, table, tile, tiles, title, when_read
from pages.parts.service_words import STALE, latency, rate, share, span

SPAN = "5m"
NAMES = {"recommendations": "Recommendations", "popular": "Popular items", "tags": "Tags", "search": "Search"}
_SLOW = 0.5  # seconds: the service's own deadline for a list
_OFTEN = 0.01  # share of errors, or of popular items instead, that somebody should look at


def show_room(workspace: Workspace) -> None:
    """Is it up, the last five minutes in figures, the parts and their versions."""
    watched = service_cache.answers(workspace, SPAN)
    found, now = _standing(workspace)
    if found:
        show(_up(found, now), key="up")
        if not found.running:
            st.code(service_cache.command(workspace), language="bash", wrap_lines=True)
    title("The last five minutes", "A number opens the minutes that it is made of", key="now")
    tiles(_tiles(watched.answers), key="tiles")
    when_read(watched)
    if found:
        _show_parts(found, now)
    show_answers(workspace, watched)


def _standing(workspace: Workspace) -> tuple[Standing | None, float]:
    """What runs, and when that was read; said and left out where only Prometheus knows what was answered."""
    try:
        return service_cache.standing(workspace)
    except ShelfwiseError as error:
        note(f"{error} So what runs and serves can’t be told here.", key="standing", symbol="warning")
        return None, 0.0


def _up(found: Standing, now: float) -> Markup:
    """Running or not, since when, in how many processes."""
    if found.running and found.started is not None:
        processes = f" in {found.running} processes" if found.running > 1 else ""
        said = f"up for {span(now - found.started)}{processes}"
        return html('<p class="sw-said sw-for">{} It runs: {}.</p>', icon("check_circle", "runs"), said)
    if found.seen is None:
        said = "it has written nothing yet; it does so some seconds after it starts."
    elif found.ended:
        said = f"it was stopped {span(now - found.seen)} ago."
    else:
        said = f"it was last seen {span(now - found.seen)} ago, and didn’t stop in order."
    return html('<p class="sw-said sw-against">{} It doesn’t run: {}</p>', icon("error", "doesn't run"), said)


def _tiles(answers: Answers) -> list[Markup]:
    total = answers.total
    middle, slow, _ = total.quantiles
    late = slow is not None and slow.high > _SLOW
    errors, instead = total.error_rate > _OFTEN, answers.fallback_share > _OFTEN
    return [
        tile(rate(total.per_second), "Requests a second", f"{total.n:,.0f} answers", links.link(rows="answers")),
        tile(
            latency(slow),
            "95 of 100 are faster",
            _flagged("slow" if late else "", f"half of all below {latency(middle)}"),
            links.link(rows="latency"),
        ),
        tile(
            share(total.error_rate),
            "Errors",
            _flagged("too many" if errors else "", f"{total.errors:,.0f} answers of 500 and above"),
            links.link(rows="errors"),
        ),
        tile(
            share(answers.fallback_share),
            "Popular items instead",
            _flagged("too many" if instead else "", "of lists, as a model failed or was late"),
            links.link(rows="fallback"),
        ),
        tile(
            share(answers.cold_share),
            "Cold users",
            f"of {answers.lists:,.0f} lists, for users without history",
            links.link(rows="list"),
        ),
    ]


def _flagged(flag: str, said: str) -> object:
    """What is said of a number, after a mark where it is one to look at."""
    return html('<span class="sw-badge sw-down">{} {}</span> {}', icon("warning"), flag, said) if flag else said


def _show_parts(found: Standing, now: float) -> None:
    said = "What serves" if found.running else "What served last"
    title(said, "The version of each part, and how old it is", key="parts")
    parts = [part for part in found.parts if part.name in NAMES and (part.versions or part.problem)]
    if not parts:
        note("No part serves anything yet.", key="parts")
        return
    rows = [
        _part(part, now, bool(found.running)) for part in sorted(parts, key=lambda part: list(NAMES).index(part.name))
    ]
    show(table(("Part", "Version"), rows, left=2, style="sw-breakdown"), key="parts")


def _part(part: Part, now: float, running: bool) -> tuple[object, object]:
    versioned = links.link("runs", see="versions")
    versions = join(
        (html('<a class="sw-link" href="{}"><code>{}</code></a>', versioned, one) for one in part.versions), ", "
    )
    made = html(" made {} ago", span(now - part.made)) if part.versions and part.made else ""
    if part.versions and part.made and now - part.made > STALE:
        made = html('{} <span class="sw-badge sw-down">{} old</span>', made, icon("warning"))
    return NAMES[part.name], html("{}{} {}", versions, made, _state(part, running))


def _state(part: Part, running: bool) -> Markup:
    if not part.built:
        return html('<span class="sw-quiet sw-small">{}</span>', part.problem)
    if part.problem:
        kept = "so the version before serves on" if part.versions else "and nothing serves"
        said = html('<span class="sw-badge sw-down">{} the newest can’t serve</span> {}.', icon("error"), kept)
        return html('{} <span class="sw-small">{}</span>', said, part.problem)
    if not running:
        return html("")
    if len(part.versions) > 1:
        return html('<span class="sw-badge sw-same">{} changing over</span>', icon("sync"))
    return html('<span class="sw-badge sw-up">{} serves</span>', icon("check_circle"))
