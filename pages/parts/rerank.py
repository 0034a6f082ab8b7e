"""A second look at a SKU's best tags, off until somebody asks for it: what moved, why, and who was asked."""

import math
import shlex

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.schema import ItemText, Sentence, TagScore
from engine.tags.rerank import Check, Move, Reranked, Reranker
from engine.tags.rerank_llm import llm_checker
from engine.tags.rerank_local import LocalCheck
from pages.parts import cache, compare, links
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join, show
from pages.parts.shelf import Shelf

OFF = "off"
MODES = {OFF: "Off", "local": "Local evidence check", "llm": "LLM"}
TOKENS = 25_000  # that one look may take of an LLM
_HONEST = (
    "Clearly helps the prior; a tagger that reads the reviews itself gains next to nothing from it, so it is off until "
    "you ask for it. What it changes here is measured by:"
)
_HELP = "Looks again at the tagger’s 20 best tags and moves them a little. An LLM is asked only if you choose it."


def show_rerank(shelf: Shelf, item: ItemText, predicted: pd.DataFrame) -> None:
    """The switch, and what the chosen check makes of `predicted`: all tags of `item`, most probable first.

    Raises UnknownNameError for a check in the address that doesn't exist.
    """
    asked = links.get("check", OFF)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Check against the reviews",
            list(MODES),
            format_func=MODES.get,
            required=True,
            help=_HELP,
            **links.bind("check", asked if asked in MODES else OFF, OFF),
        )
    if asked not in MODES:
        raise UnknownNameError("check", asked, MODES)
    if asked == OFF or shelf.tagger is None or predicted.empty:
        return
    checker = LocalCheck() if asked == "local" else llm_checker(shelf.workspace, budget=TOKENS)
    columns = zip(predicted["tag"], predicted["probability"], predicted["threshold"], strict=True)
    scores = tuple(TagScore(tag, float(probability), float(threshold)) for tag, probability, threshold in columns)
    reranked = cache.reranked(shelf.workspace, shelf.tagger, item, scores, Reranker(checker))
    command = f".venv/bin/python -m benchmarks.tag_rerank {shlex.quote(shelf.workspace.name)} {shelf.tagger.name}"
    show(html("{}{}", _how(reranked, command), _moves(reranked)), key="rerank")
    if reranked.check.prompt:
        with st.expander("The prompt that was asked", icon=":material/chat:"):
            st.code(reranked.check.prompt, language=None, wrap_lines=True)


def _how(reranked: Reranked, command: str) -> Markup:
    """Who checked, how long it took, from kept answers or live; or why the tagger's list stays."""
    if reranked.failed is not None:
        return html(
            '<div class="sw-state sw-bad" role="status">{}<h3>The tagger’s list stays</h3><p>{}</p>'
            '<div class="sw-ways"><a class="sw-link" href="{}">Try again</a>'
            '<a class="sw-link" href="{}">Switch it off</a></div></div>',
            icon("error"),
            reranked.failed,
            links.link(),
            links.link(check=None),
        )
    said = html(
        '<p class="sw-checked">{} <b>{}</b> · {} · <span class="sw-num">{:.2f} s</span> · {} of {} tags judged</p>',
        icon("fact_check"),
        reranked.checker[0].upper() + reranked.checker[1:],
        _source(reranked.check),
        reranked.check.seconds,
        sum(move.verdict is not None for move in reranked.moves),
        len(reranked.moves),
    )
    measured = "" if reranked.check.prompt else html("{} <code>{}</code>", _HONEST, command)
    return html('{}<p class="sw-note">{} {}</p>', said, join(_notes(reranked), " "), measured)


def _source(check: Check) -> Markup:
    if check.recorded:
        return html("{} {}", icon("inventory_2"), check.recorded)
    return html("{} kept answer", icon("history")) if check.cached else html("{} live", icon("bolt"))


def _notes(reranked: Reranked) -> list[str]:
    odds = math.exp(reranked.config.largest_move)
    notes = [f"A check changes a tag’s odds {odds:.1f} times at most; what comes out is no calibrated probability."]
    notes += [reranked.check.note] if reranked.check.note else []
    if reranked.ignored:
        notes.append(f"Left out, because they fit no candidate: {reranked.ignored} of its answers.")
    return notes


def _moves(reranked: Reranked) -> Markup:
    """The list after the check, then the tags that only the tagger's own list holds."""
    said = "The tagger’s first tags" if reranked.failed is not None else "Tags after the check"
    return html('<ul class="sw-moves" aria-label="{}">{}</ul>', said, join(_move(move) for move in reranked.compared))


def _move(move: Move) -> Markup:
    words = {
        "up": f"up {move.before - move.after}",
        "down": f"down {move.after - move.before}",
        "same": "same place",
        "only A": "only in the tagger’s list",
        "only B": f"new, was number {move.before}",
    }[move.where]
    line = move.where.lower().replace(" ", "-")
    shift = (
        html('<span class="sw-num">{}</span>', percent(move.probability))
        if move.verdict is None
        else html('<span class="sw-num">{} → {}</span>', percent(move.probability), percent(move.score))
    )
    reasons = ()
    if move.verdict is not None:
        reasons = (_reason("for", move.verdict.supporting), _reason("against", move.verdict.contradicting))
    return html(
        '<li class="sw-move sw-line-{}"><div><b>{}</b> {} {}</div>{}</li>',
        line,
        move.tag,
        compare.badge(move.where, words),
        shift,
        join(reasons),
    )


def _reason(side: str, sentence: Sentence | None) -> Markup:
    if sentence is None:
        return Markup("")
    label = "speaks for it" if side == "for" else "speaks against it"
    symbol = icon("add" if side == "for" else "remove", label)
    return html('<p class="sw-reason sw-{}">{} {}</p>', side, symbol, sentence.text)
