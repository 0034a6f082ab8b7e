"""How hits look: a card with what matched and what each stage said, a short row of a compared list, bars of stages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from engine.comparison import Compared, Place
from engine.judging import Judgment
from engine.search.explain import Quote, Spans, spans
from engine.search.hits import Hit, Stage
from pages.parts import cards, compare, links, search_cache
from pages.parts.charts import meter
from pages.parts.markup import html, icon, join
from pages.parts.search_room import Room

TAGS_SHOWN = 6
KEYWORDS_SHOWN = 5
STAGES = {
    "bm25": "Words",
    "dense": "Meaning",
    "fused": "Together",
    "second_stage": "Second stage",
    "cross_encoder": "Cross-encoder",
    "popular": "Popularity",
}
VERDICTS = {
    "good": ("sw-up", "check_circle", "good"),
    "partly": ("sw-same", "contrast", "partly"),
    "bad": ("sw-down", "cancel", "bad"),
}


@dataclass(frozen=True)
class Shown:
    """What the hits of one page are drawn from: the items by id, the words to mark, quotes and judgments by item, and
    the items that are known to be good answers."""

    root: Path
    items: Mapping[str, dict[str, Any]]
    wanted: Collection[str]
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    judged: Mapping[str, Judgment] = field(default_factory=dict)
    known: Collection[str] = ()

    @property
    def pictures(self) -> bool:
        """Whether any of the items has a picture."""
        return any(item.get("image") for item in self.items.values())


def shown_hits(room: Room, hits: Sequence[Hit], page: Sequence[Hit]) -> Shown:
    """What `hits` are drawn from; quotes are looked for in the reviews of `page` alone.

    Items that have left the catalogue since the documents were built have no entry.
    """
    return Shown(
        root=room.workspace.path,
        items=search_cache.items(room.workspace, [hit.item_id for hit in hits]),
        wanted=frozenset(room.analysis.terms),
        quotes=search_cache.quotes(room.workspace, room.asked, [hit.item_id for hit in page]),
        judged=search_cache.judged(room.workspace, room.query),
        known=search_cache.known_answers(room.workspace, room.query),
    )


def stage_name(name: str) -> str:
    """A stage as people read it."""
    return STAGES.get(name, name.replace("_", " ").capitalize())


def hit_list(hits: Sequence[Hit], shown: Shown, *, current: str) -> Markup:
    """Hits as cards below each other, the open one marked."""
    drawn = join(_card(hit, shown, current=current) for hit in hits if hit.item_id in shown.items)
    style = "" if shown.pictures else "sw-plain"
    return html('<div class="sw-hits {}" role="list" aria-label="Hits">{}</div>', style, drawn)


def short_list(hits: Sequence[Hit], shown: Shown, compared: Compared, *, current: str, side: str) -> Markup:
    """Hits as short rows, each with where the other list has it. side: A or B."""
    places = {place.item_id: place for place in compared.places}
    here = [hit for hit in hits if hit.item_id in shown.items]
    drawn = join(_row(hit, shown, places[hit.item_id], current=current, side=side) for hit in here)
    style = "" if shown.pictures else "sw-plain"
    return html('<div class="sw-hits {}" role="list" aria-label="List {}">{}</div>', style, side, drawn)


def marked(text: str, places: Spans) -> Markup:
    """`text` with the words at `places` marked."""
    parts: list[object] = []
    position = 0
    for start, end in places:
        parts += [text[position:start], html('<mark class="sw-word">{}</mark>', text[start:end])]
        position = end
    return join([*parts, text[position:]])


def title(item: Mapping[str, Any], wanted: Collection[str] = ()) -> Markup:
    """An item's title with the query's words marked; what reviews say most where it has none but its id."""
    text, said = str(item["title"]), ", ".join(item["keywords"][:KEYWORDS_SHOWN])
    if text != item["item_id"] or not said:
        return marked(text, spans(text, wanted))
    return html('<span class="sw-quiet">No title; reviews say</span> {}', marked(said, spans(said, wanted)))


def quote(found: Quote) -> Markup:
    """A sentence of a review with the query's words marked."""
    return html('<q class="sw-cite">{}</q>', marked(found.text, found.matches))


def judged_badge(judgment: Judgment) -> Markup:
    """What somebody said of a hit."""
    style, symbol, words = VERDICTS[judgment.verdict]
    title = f"{words}, by {judgment.who}" + (f": {judgment.reason}" if judgment.reason else "")
    return html('<span class="sw-badge {}" title="{}">{} {}</span>', style, title, icon(symbol), words)


def said_of(item_id: str, shown: Shown) -> Markup:
    """Badges of what is known of an item as an answer to this query."""
    badges = [judged_badge(shown.judged[item_id])] if item_id in shown.judged else []
    if item_id in shown.known:
        title = "A good answer by the judgments table"
        badges.append(html('<span class="sw-badge sw-same" title="{}">{} known answer</span>', title, icon("verified")))
    return join(badges, " ")


def stages(hit: Hit) -> Markup:
    """A bar per stage: how its score lies among the hits shown, and the hit's place in that stage's own list."""
    return html('<span class="sw-stages">{}</span>', join(_stage(stage) for stage in hit.stages))


def facts(item: Mapping[str, Any]) -> Markup:
    """Rating, price and stock in one line."""
    out = {False: html('<span class="sw-meta">out of stock</span>')}.get(item["available"], Markup(""))
    price = html('<b class="sw-num">{}</b>', cards.price(item["price"]))
    return html('<span class="sw-row">{}{}{}</span>', cards.reviews_said(item["reviews"], item["rating"]), out, price)


def tag_chips(tags: Sequence[str], wanted: Collection[str]) -> Markup:
    """The item's tags, those with words of the query first and marked."""
    found = sorted(((tag, spans(tag, wanted)) for tag in tags), key=lambda pair: not pair[1])
    chips = join(
        html('<span class="sw-chip sw-tagged">{}</span>', marked(tag, places)) for tag, places in found[:TAGS_SHOWN]
    )
    more = html('<span class="sw-meta">+{}</span>', len(found) - TAGS_SHOWN) if len(found) > TAGS_SHOWN else ""
    return html('<span class="sw-chips">{}{}</span>', chips, more) if found else Markup("")


def _card(hit: Hit, shown: Shown, *, current: str) -> Markup:
    item = shown.items[hit.item_id]
    cited = shown.quotes.get(hit.item_id)
    said = quote(cited) if cited else html('<span class="sw-meta">no review has these words</span>')
    return html(
        '<a class="sw-hit" role="listitem" id="hit-{}" href="{}"{}>{}<span class="sw-said-of">'
        '<span class="sw-meta"><b class="sw-num">{}</b> · {} · {} {}</span><strong>{}</strong>{}{}{}</span>{}</a>',
        hit.item_id,
        links.link(sku=None if hit.item_id == current else hit.item_id, above=None),
        _current(hit.item_id == current),
        cards.image(shown.root, item),
        hit.place,
        cards.category(item["category"]),
        hit.item_id,
        said_of(hit.item_id, shown),
        title(item, shown.wanted),
        facts(item),
        tag_chips(item["tags"], shown.wanted),
        said if item["reviews"] else "",
        stages(hit),
    )


def _row(hit: Hit, shown: Shown, place: Place, *, current: str, side: str) -> Markup:
    item = shown.items[hit.item_id]
    return html(
        '<a class="sw-item sw-line-{}" role="listitem" id="{}-{}" href="{}"{}>{}<span>'
        '<strong class="sw-clip">{}</strong><span class="sw-meta"><b class="sw-num">{}</b> · {} · {}</span> {} {}'
        "</span></a>",
        place.where.lower().replace(" ", "-"),
        side.lower(),
        hit.item_id,
        links.link(sku=None if hit.item_id == current else hit.item_id, above=None),
        _current(hit.item_id == current),
        cards.image(shown.root, item),
        title(item, shown.wanted),
        hit.place,
        hit.item_id,
        cards.price(item["price"]),
        compare.move_badge(place),
        said_of(hit.item_id, shown),
    )


def _stage(stage: Stage) -> Markup:
    rank = f"#{stage.rank}" if stage.rank else "–"
    return html(
        '<span class="sw-stage" title="{}: score {:.3f}, {}"><span>{}</span>{}<span class="sw-num">{}</span></span>',
        stage_name(stage.name),
        stage.score,
        f"place {stage.rank} in its own list" if stage.rank else "not in its own list",
        stage_name(stage.name),
        meter(stage.share) if pd.notna(stage.score) else html('<span class="sw-track"></span>'),
        rank,
    )


def _current(here: bool) -> Markup:
    return Markup(' aria-current="true"') if here else Markup("")
