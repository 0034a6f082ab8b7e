"""Compare: two to six runs beside a baseline, their differences in words and verdicts, and the rows that flipped."""

from collections.abc import Sequence

import streamlit as st

from engine.comparing import MARGIN, VERDICTS, Compared
from engine.errors import UnknownNameError
from engine.metrics.definitions import label
from engine.runs import Run, differences
from engine.scoreboard import ROOMS
from engine.workspace import Workspace
from pages.parts import compare, export, links, metrics_cache, metrics_charts, picture, shell, states
from pages.parts.flip_book import show_flips
from pages.parts.markup import html, join, show
from pages.parts.metrics_room import choose_kind, names_of, not_measured

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
MOST = 6
SIGNS = {"better": "up", "worse": "down", "slightly worse": "down", "no worse": "same", "undecided": "same"}
CURVED = ("recall", "ndcg", "precision", "hit_rate")


def main() -> None:
    """The room, the runs, what can't be compared; then curves, differences, flips and the release note."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Compare</h1></div>'), key="title")
    asked = choose_kind(workspace, tuple(ROOMS), drop=("run", "beside", "metric", "part", "ask", "row", "page"))
    runs = metrics_cache.runs(workspace, asked)
    if not runs:
        raise not_measured(workspace, asked)
    baseline, others = choose(runs, asked)
    able = show_refused(baseline, others)
    if not able:
        said = "Choose at least one run that has the baseline’s data, split and eligibility."
        states.empty("Nothing to compare yet", said, {"Metrics": links.link("metrics", room=asked)}, key="nothing")
        return
    margin = choose_margin()
    show_curves(workspace, baseline, able)
    show_matrix(workspace, baseline, able, margin)
    run = choose_run(able)
    show_differences(workspace, baseline, run, margin)
    show_flips(workspace, baseline, run, margin)


def choose(runs: list[Run], kind: str) -> tuple[Run, list[Run]]:
    """The baseline and the runs beside it, from the address or the newest of each model."""
    known = {run.id: run for run in runs}
    names = names_of(runs)
    usual = next((run for name in ROOMS[kind].baselines for run in runs if run.model == name), runs[-1])
    base = links.get("beside") or usual.id
    if base not in known:
        raise UnknownNameError("baseline", base, known)
    newest = {run.model: run.id for run in reversed(runs) if run.id != base and not differences(known[base], run)}
    default = tuple(sorted(newest.values(), reverse=True)[: MOST - 1])
    chosen = links.several("run") or default
    for run_id in chosen:
        if run_id not in known:
            raise UnknownNameError("run", run_id, known)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = links.bind("beside", base, usual.id, drop=("row", "page"))
        st.selectbox("Baseline", list(names), format_func=names.get, width=330, **bound)
        bound = links.bind("run", [run_id for run_id in chosen if run_id != base], list(default), drop=("row", "page"))
        ids = [run_id for run_id in names if run_id != base]
        st.multiselect("Runs", ids, format_func=names.get, max_selections=MOST - 1, width="stretch", **bound)
    return known[base], [known[run_id] for run_id in chosen if run_id != base]


def show_refused(baseline: Run, others: list[Run]) -> list[Run]:
    """The runs that can be compared; the others are named with the difference."""
    refused = {run.id: differences(baseline, run) for run in others}
    said = join(
        html(
            '<p class="sw-note">{} <b>{}</b> {}: {}.</p>',
            compare.badge("only B", "refused"),
            run.model,
            run.id,
            "; ".join(refused[run.id]),
        )
        for run in others
        if refused[run.id]
    )
    if said:
        show(said, key="refused")
    return [run for run in others if not refused[run.id]]


def choose_margin() -> float:
    """How much worse still counts as no worse."""
    asked = links.number("margin", MARGIN, low=0.0, high=0.2)
    bound = links.bind("margin", asked, MARGIN)
    st.number_input(
        "A run is no worse when its interval stays above minus", 0.0, 0.2, step=0.001, format="%.3f", width=330, **bound
    )
    return asked


def show_curves(workspace: Workspace, baseline: Run, others: list[Run]) -> None:
    """All runs' curves over the cut-off, together."""
    show(
        html(_TITLE, "Curves", "The mean at each cut-off with its interval; the baseline is dashed"), key="curves-title"
    )
    base = st.segmented_control(
        "Metric of the curve",
        CURVED,
        default="recall",
        required=True,
        key="curved",
        label_visibility="collapsed",
        format_func=lambda name: label(f"{name}@1").removesuffix("@1"),
    )
    path = str(workspace.path)
    runs = (baseline, *others)
    tables = {run.model if _alone(run, runs) else run.id: metrics_cache.values(workspace, path, run.id) for run in runs}
    source = picture.source_of(workspace, baseline, *(f"run {run.id}" for run in others))
    metrics_charts.curves(tables, base=base, log=True, source=source)


def _alone(run: Run, runs: Sequence[Run]) -> bool:
    return sum(other.model == run.model for other in runs) == 1


def show_matrix(workspace: Workspace, baseline: Run, others: list[Run], margin: float) -> None:
    """Every metric of every run with its verdict; a run's name opens its differences and flips below."""
    found = {
        run.id: metrics_cache.verdicts(workspace, str(workspace.path), baseline.id, run.id, margin) for run in others
    }
    said = "Arrows where the difference is clear; a run opens below"
    show(html(_TITLE, f"Beside {baseline.model}", said), key="matrix-title")
    heads = join(
        html('<th class="sw-r"><a class="sw-link" href="{}">{}</a></th>', links.link(which=run.id, row=None), run.model)
        for run in others
    )
    head = html('<th>Metric</th><th class="sw-r">{}</th>{}', baseline.model, heads)
    first = found[others[0].id]
    body = join(
        html(
            '<tr><td>{}</td><td class="sw-r"><a href="{}">{:.3f}</a></td>{}</tr>',
            label(name),
            links.link("metrics", room=baseline.kind, run=baseline.id, metric=name),
            one.test.a,
            join(_cell(name, found[run.id].get(name), run, baseline) for run in others),
        )
        for name, one in first.items()
    )
    show(html(_TABLE, head, body), key="matrix")


def _cell(name: str, one: Compared | None, run: Run, baseline: Run) -> object:
    if one is None:
        return html('<td class="sw-r">–</td>')
    address = links.link("metrics", room=run.kind, run=run.id, beside=baseline.id, metric=name)
    sign = SIGNS[one.verdict]
    return html(
        '<td class="sw-r"><a href="{}">{:.3f}</a> {}</td>',
        address,
        one.test.b,
        compare.badge(sign, f"{round(one.test.difference, 3) + 0.0:+.3f}"),
    )


def choose_run(others: list[Run]) -> Run:
    """The run whose differences and flips are shown."""
    ids = {run.id: run for run in others}
    asked = links.get("which") if links.get("which") in ids else others[0].id
    if len(others) > 1:
        bound = links.bind("which", asked, others[0].id, drop=("row", "page", "metric"))
        names = {run_id: f"{run.model} · {run_id}" for run_id, run in ids.items()}
        st.selectbox("Look closer at", list(ids), format_func=names.get, width=330, **bound)
    return ids[asked]


def show_differences(workspace: Workspace, baseline: Run, run: Run, margin: float) -> None:
    """Every metric of a run with its difference in words, its p-value and its verdict."""
    found = metrics_cache.compared(workspace, str(workspace.path), baseline.id, run.id, margin)
    said = "Paired by row; p-values by permutation, corrected for all metrics of a run (Holm)"
    show(html(_TITLE, f"{run.model} beside {baseline.model}", said), key="differences-title")
    names = ("Metric", baseline.model, run.model, "Difference", "Verdict")
    head = join(html('<th class="{}">{}</th>', "sw-r" if at in (1, 2) else "", name) for at, name in enumerate(names))
    body = join(_line(name, one, run, baseline) for name, one in found.items())
    show(html(_TABLE, head, body), key="differences")
    export.button(
        "Export", lambda: metrics_cache.as_table(found), name=f"{run.id}-beside-{baseline.id}", key="differences-export"
    )


def _line(name: str, one: Compared, run: Run, baseline: Run) -> object:
    test = one.test
    p = f"p {one.p:.3f}" if one.p >= 0.001 else "p < 0.001"
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:.3f}</td>'
        '<td class="sw-r"><b>{:.3f}</b></td>'
        '<td class="sw-wordy">{} <span class="sw-quiet">{}, effect {:+.2f}</span></td><td>{}</td></tr>',
        links.link("metrics", room=run.kind, run=run.id, beside=baseline.id, metric=name),
        label(name),
        test.a,
        test.b,
        test.words(),
        p,
        round(one.effect, 2) + 0.0,
        compare.badge(SIGNS[one.verdict], VERDICTS[one.verdict]),
    )


main()
