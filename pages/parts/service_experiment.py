"""The room Experiment: its variants with their intervals, how far they are apart, and whether that can be believed."""

import streamlit as st
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.metrics.samples import Estimate
from engine.serve.outcome_rows import Counted, users_of
from engine.serve.outcomes import FIGURES, Difference, Outcomes, VariantOutcome
from engine.serve.variants import Experiment, read_experiment
from engine.serve.variants import experiments as all_of
from engine.workspace import Workspace
from pages.parts import compare, links, service_cache
from pages.parts.markup import html, icon, join, show
from pages.parts.service_room import drawer, note, number, table, title
from pages.parts.service_words import share

NAMES = {"ctr": "CTR", "conversion": "Conversion", "revenue_per_user": "Revenue per user"}
_COUNTED: tuple[Counted, ...] = ("impressions", "clicks", "transactions", "revenue")
_ONLY: dict[str, Counted | None] = {  # what a number opens: the users of whom this isn't 0, or all
    **dict.fromkeys(("", "lists", "conversion", "revenue_per_user"), None),
    **{name: name for name in _COUNTED},
    "ctr": "impressions",
}
_TOLD = (
    "A user counts from their first list of the variant on. Intervals hold at 95 %, with users as what chance draws: "
    "the delta method for ratios, Wilson’s interval for shares. A number opens the users that it is made of."
)


def show_room(workspace: Workspace) -> None:
    """The experiment that is looked at: whether it is fair, its variants, and what they differ in."""
    experiment = _choose(workspace)
    if experiment is None:
        _show_none(workspace)
        return
    found = service_cache.outcomes_of(workspace, experiment)
    until = f"until {_day(experiment.stopped)}" if experiment.stopped else "it runs"
    title(experiment.name, f"since {_day(experiment.started)}, {until}", key="experiment")
    _show_split(found)
    _show_variants(found)
    _show_differences(found)
    if links.get("rows"):
        _show_users(workspace, experiment, links.get("rows"))


def _choose(workspace: Workspace) -> Experiment | None:
    """The one that the address names; else the one that runs, else the one that ended last."""
    named = links.get("part")
    if named:
        chosen = read_experiment(workspace.path, named)
    else:
        ended = [read_experiment(workspace.path, name) for name in all_of(workspace.path)]
        newest = max((one for one in ended if one), key=lambda one: one.stopped or "", default=None)
        chosen = read_experiment(workspace.path) or newest
    known = all_of(workspace.path)
    if chosen and len(known) > 1:
        st.selectbox("Experiment", known, width=330, **links.bind("part", chosen.name, None, drop=("rows",)))
    return chosen


def _show_none(workspace: Workspace) -> None:
    said = (
        "No experiment ever ran here, so every user gets the version that serves. One lets a share of the users get "
        "another version of the pipeline, chosen by a hash of their id, and tells what comes of it. How to start one:"
    )
    title("No experiment", said, key="experiment")
    variants = "--variants control=0.5 new:VERSION=0.5"
    command = f".venv/bin/python scripts/experiment.py --workspace {workspace.name} --start spring {variants}"
    st.code(command, language="bash", wrap_lines=True)
    versions = html('<a class="sw-link" href="{}">Runs lists the versions</a>', links.link("runs", see="versions"))
    note(html("{} that can take part.", versions), key="versions")


def _day(moment: str | None) -> str:
    return (moment or "")[:16].replace("T", " ")


def _show_split(found: Outcomes) -> None:
    """Whether users came to the variants in the shares that they should have."""
    split = found.sample_ratio
    if split.alarm:
        said = html('<p class="sw-said sw-against">{} {}</p>', icon("error", "alarm"), split.words)
        show(said, key="split")
    else:
        note(split.words, key="split", symbol="balance")


def _show_variants(found: Outcomes) -> None:
    title("Variants", _TOLD, key="variants")
    heads = ("Variant", "Users", "Lists", *(name.capitalize() for name in _COUNTED), *NAMES.values())
    shares = {one.name: one for one in found.experiment.variants}
    rows = []
    for one in found.variants:
        version = shares[one.variant].version
        about = f"{share(shares[one.variant].share)} of users, {version or 'what serves everyone'}"
        name = html("<b>{}</b><small>{}</small>", one.variant, about)
        figures = (_figure(one, figure) for figure in FIGURES)
        counts = (_count(one, counted) for counted in _COUNTED)
        users = number(links.link(rows=one.variant), f"{one.users:,}")
        lists = number(links.link(rows=f"{one.variant}:lists"), f"{one.lists:,}")
        rows.append((name, users, lists, *counts, *figures))
    show(table(heads, rows, style="sw-figures"), key="variants")
    for one in found.variants:
        for said in _missing(one):
            note(said, key=f"missing-{one.variant}-{said[:1]}", symbol="warning")


def _missing(one: VariantOutcome) -> list[str]:
    said = []
    if one.instead:
        said.append(
            f"{one.instead:,} users of {one.variant} only got everyone’s lists, as its version could not serve."
        )
    if one.unpriced:
        said.append(f"Of {one.variant}, {one.unpriced:,} transactions have no price, so revenue is without them.")
    return said


def _count(one: VariantOutcome, name: Counted) -> Markup:
    value = getattr(one, name)
    said = f"{value:,.2f}" if name == "revenue" and value else f"{value:,.0f}"
    return number(links.link(rows=f"{one.variant}:{name}"), said)


def _figure(one: VariantOutcome, name: str) -> Markup:
    estimate = getattr(one, name)
    address = links.link(rows=f"{one.variant}:{name}")
    within = f"{_said(estimate.low, name)} to {_said(estimate.high, name)}" if estimate.known else "too few to say"
    return html("{}<small>{}</small>", number(address, _said(estimate.value, name)), within)


def _said(value: float, name: str) -> str:
    if value != value:
        return "–"
    return f"{value:,.2f}" if name == "revenue_per_user" else share(max(value, 0.0))


def _show_differences(found: Outcomes) -> None:
    base = found.experiment.variants[0].name
    said = f"How far each variant is from {base}, in words"
    title("Differences", said, key="differences")
    if found.sample_ratio.alarm:
        note("The groups aren’t comparable, so these differences mean nothing.", key="alarmed", symbol="warning")
    lines = join(_difference(one) for one in found.differences)
    show(html('<ul class="sw-compared">{}</ul>', lines), key="differences")


def _difference(one: Difference) -> Markup:
    estimate: Estimate = one.estimate
    sign = "same" if not estimate.known or not estimate.clear else "up" if estimate.value > 0 else "down"
    words = {"same": "no clear difference", "up": "clearly better", "down": "clearly worse"}[sign]
    if not estimate.known:
        words = "can’t be told yet"
    badge = compare.badge(sign, words)
    return html("<li>{} <span><b>{}</b>, {}: {}</span></li>", badge, one.variant, NAMES[one.figure], one.words)


def _show_users(workspace: Workspace, experiment: Experiment, key: str) -> None:
    """The drawer with the users of a variant, or those of them who did something."""
    variant, _, counted = key.partition(":")
    names = [one.name for one in experiment.variants]
    if variant not in names or counted not in _ONLY:
        raise UnknownNameError("figure", key, [f"{name}:{one}".rstrip(":") for name in names for one in _ONLY])
    only = _ONLY[counted]
    found = service_cache.read(workspace, lambda store: users_of(store, experiment, variant, only=only))
    said = f"Users of {variant}" + (f" with {only}" if only else "")
    drawer(workspace, f"service-{key}", said, found)
