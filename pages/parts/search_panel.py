"""One hit opened beside the list: judging it, what each stage said, why it is above another, the closest sentences."""

from collections.abc import Mapping, Sequence

import streamlit as st
from markupsafe import Markup

from engine.errors import NotBuiltError, ShelfwiseError, UnknownNameError
from engine.search.explain import Contribution, why_above
from engine.search.features import FEATURES
from engine.search.hits import Hit
from pages.parts import cards, links, search_cache, search_hits, search_judging
from pages.parts.charts import meter
from pages.parts.markup import html, icon, join, show
from pages.parts.search_room import Room

TOLD = 6  # contributions in a sentence's place
SIMILAR_SHOWN = 6
_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'


def show_panel(room: Room, hits: Sequence[Hit], page: Sequence[Hit], item_id: str) -> None:
    """The hit of `hits` that `item_id` names, which the list shows on `page`, or which isn't shown there.

    Raises UnknownNameError with the nearest when there is no such SKU.
    """
    at = next((place for place, hit in enumerate(hits) if hit.item_id == item_id), None)
    quoted = page if at is None or hits[at] in page else [hits[at]]
    shown = search_hits.shown_hits(room, hits, quoted)
    if at is None or item_id not in shown.items:
        _show_stranger(room, hits, item_id)
        return
    show(_head(room, hits[at], shown), key="hit-head")
    after = _next(hits, shown, at)
    before = links.link(sku=hits[at - 1].item_id, above=None) if at else None
    search_judging.judge_buttons(room.workspace, room.query, item_id, then=after, before=before)
    show(_breakdown(hits[at], room.contributions(hits[at])), key="breakdown")
    _show_why(room, hits, shown, at)
    place = st.container()  # its sentences are encoded, which takes longer than all the rest
    show_similar(room, item_id)
    with place:
        _show_quotes(room, shown, item_id)


def _show_stranger(room: Room, hits: Sequence[Hit], item_id: str) -> None:
    """An item that this query didn't find within the list, or that doesn't exist."""
    if item_id not in set(room.documents.frame["item_id"]):
        raise UnknownNameError("SKU", item_id, room.documents.frame["item_id"])
    where = f"the {len(hits):,} hits of this query" + (" with these filters" if room.filters.active else "")
    said = html('<p class="sw-note">{} isn’t among {}.</p>', item_id, where)
    way = html('<a class="sw-link" href="{}">Open it in the SKU explorer</a>', links.link("sku", sku=item_id))
    show(html("{}{}", said, way), key="hit-head")


def _next(hits: Sequence[Hit], shown: search_hits.Shown, at: int) -> str | None:
    """The address of the next hit that nobody judged, or else just of the next one."""
    rest = [hit.item_id for hit in hits[at + 1 :]]
    following = next((item_id for item_id in rest if item_id not in shown.judged), rest[0] if rest else None)
    return links.link(sku=following, above=None) if following else None


def _head(room: Room, hit: Hit, shown: search_hits.Shown) -> Markup:
    item = shown.items[hit.item_id]
    return html(
        '<div class="sw-passport {}">{}<div><span class="sw-meta">Hit {} · {} · {} {}</span><h2>{}</h2>{}{}'
        '<a class="sw-link sw-small" href="{}">Open in the SKU explorer</a> · '
        '<a class="sw-link sw-small" href="{}">Who else finds it</a></div></div>',
        "" if item.get("image") else "sw-plain",
        cards.image(room.workspace.path, item),
        hit.place,
        cards.category(item["category"]),
        hit.item_id,
        search_hits.said_of(hit.item_id, shown),
        search_hits.title(item, shown.wanted),
        search_hits.facts(item),
        search_hits.tag_chips(item["tags"], shown.wanted),
        links.link("sku", sku=hit.item_id),
        links.link("search", sku=hit.item_id),
    )


def _breakdown(hit: Hit, contributions: Mapping[str, float]) -> Markup:
    """Each stage's score and place, then what the features of the last stage added, strongest first."""
    rows = join(
        html(
            '<tr><td>{}</td><td class="sw-r">{:.3f}</td><td class="sw-r">{}</td><td class="sw-wide-cell">{}</td></tr>',
            search_hits.stage_name(stage.name),
            stage.score,
            f"#{stage.rank}" if stage.rank else "–",
            meter(stage.share),
        )
        for stage in hit.stages
    )
    head = html('<th>Stage</th><th class="sw-r">Score</th><th class="sw-r">Place</th><th>Beside the other hits</th>')
    table = html('<table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, rows)
    told = sorted(contributions.items(), key=lambda pair: -abs(pair[1]))[:TOLD]
    parts = [Contribution(name, value, 0.0) for name, value in told if round(value, 2)]
    added = html('<p class="sw-note">What moved its score most in the last stage:</p>{}', _contributions(parts))
    title = html(_SECTION, "Score by stage", "Places are those in each stage’s own list; – is outside of it")
    return html("{}{}{}", title, table, added if parts else "")


def _show_why(room: Room, hits: Sequence[Hit], shown: search_hits.Shown, at: int) -> None:
    """Why this hit stands above the one below it, or above or below another that is chosen."""
    others = [hit for hit in hits if hit.item_id != hits[at].item_id]
    if not others:
        return
    default = (hits[at + 1] if at + 1 < len(hits) else hits[at - 1]).item_id
    asked = links.get("above", default)
    names = {hit.item_id: f"#{hit.place} {_title(shown, hit)}" for hit in others}
    if asked not in names:
        raise UnknownNameError("hit to compare with", asked, names)
    other = next(hit for hit in others if hit.item_id == asked)
    first, second = sorted((hits[at], other), key=lambda hit: hit.place)
    st.selectbox("Compare with", list(names), format_func=names.get, **links.bind("above", asked, default))
    show(_why(room, first, second), key="why")


def _title(shown: search_hits.Shown, hit: Hit) -> str:
    return str(shown.items.get(hit.item_id, {}).get("title", hit.item_id))


def _why(room: Room, first: Hit, second: Hit) -> Markup:
    title = f"Why #{first.place} is above #{second.place}"
    told = why_above(room.contributions(first), room.contributions(second))
    if told:
        said = f"The last stage scores {first.score:.2f} and {second.score:.2f}; it sees these differences"
    else:
        told = why_above(_scores(first), _scores(second))
        said = f"Scores {first.score:.3f} and {second.score:.3f}; this retriever has no features beyond its stages"
    return html("{}{}", html(_SECTION, title, said), _contributions(told[:TOLD]))


def _scores(hit: Hit) -> dict[str, float]:
    return {stage.name: stage.score for stage in hit.stages}


def _contributions(told: Sequence[Contribution]) -> Markup:
    """One line per feature: which side it speaks for, its words, its number."""
    lines = join(
        html(
            '<li class="sw-{}">{} <span>{}</span> <b class="sw-num">{:+.2f}</b></li>',
            "up" if one.difference > 0 else "down",
            icon("add" if one.difference > 0 else "remove", "for" if one.difference > 0 else "against"),
            FEATURES.get(one.name) or search_hits.stage_name(one.name),
            one.difference,
        )
        for one in told
    )
    return html('<ul class="sw-gave">{}</ul>', lines) if told else html('<p class="sw-note">They are even.</p>')


def _show_quotes(room: Room, shown: search_hits.Shown, item_id: str) -> None:
    """The sentences closest to the query: by words at once, by meaning where the retriever's encoder is loaded."""
    found = [shown.quotes[item_id]] if item_id in shown.quotes else []
    meant = search_cache.meant(room.workspace, room.by, room.asked, item_id) if shown.items[item_id]["reviews"] else ()
    found += [quote for quote in meant if quote.text not in {one.text for one in found}]
    if not found:
        return
    lines = join(
        html(
            '<blockquote class="sw-quote">{}<small>{}</small></blockquote>',
            search_hits.marked(quote.text, quote.matches),
            "closest by words" if quote.by == "words" else f"close in meaning, cosine {quote.closeness:.2f}",
        )
        for quote in found
    )
    read = f"its newest {search_cache.MOST_READ} reviews"
    said = f"From {read}; documents hold only what was written before the cut-off of train"
    show(html("{}{}", html(_SECTION, "What reviews say of it", said), lines), key="quotes")


def show_similar(room: Room, item_id: str) -> None:
    """The nearest items in the vectors' space, as links to a search for each."""
    try:
        found = search_cache.similar(room.workspace, item_id, SIMILAR_SHOWN)
    except NotBuiltError as error:
        show(html('<p class="sw-note">Similar items need vectors: <code>{}</code></p>', error.command), key="similar")
        return
    except ShelfwiseError as error:
        show(html('<p class="sw-note">Similar items can’t be shown: {}</p>', error), key="similar")
        return
    if not found:
        return
    items = search_cache.items(room.workspace, tuple(other for other, _ in found))
    rows = join(_similar(room, items[other], score) for other, score in found if other in items)
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    title = html(_SECTION, "Similar items", "Nearest documents, by the cosine of their vectors")
    show(html('{}<div class="sw-list {}">{}</div>', title, style, rows), key="similar")


def _similar(room: Room, item: dict, score: float) -> Markup:
    return html(
        '<a class="sw-item" href="{}">{}<span><strong class="sw-clip">{}</strong>'
        '<span class="sw-meta sw-num">{} · {} · {:.2f}</span></span></a>',
        links.link("sku", sku=item["item_id"]),
        cards.image(room.workspace.path, item),
        search_hits.title(item),
        item["item_id"],
        cards.price(item["price"]),
        score,
    )
