"""One SKU opened beside a user's list: its place and what carried it there, or the stage that lost it."""

from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.recommend.explain import Why, WhyNot, why_not
from engine.recommending.reasons import because, deed
from pages.parts import cards, links, recommend_cache
from pages.parts.charts import meter, percent
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_cards import facts_line, reason_line
from pages.parts.recommend_hiding import hide_button
from pages.parts.recommend_room import OPENED, Room, category_words, label, pick, popularity_words, title

_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'
_OFFERED = 200  # candidates below the list that can be picked


def choose_other(room: Room) -> None:
    """A selector for "why not this one?": the best candidates below the list, or any SKU typed."""
    rows = recommend_cache.traced(room.served, room.person, room.config)
    below = rows[rows["place"].isna()].head(_OFFERED)
    names = dict(zip(below["item_id"], below["title"], strict=True))
    asked = links.get("sku")
    bound = links.bind("sku", asked if asked in names else None, None)
    pick(
        "Why is a SKU not in the list?",
        list(names),
        lambda item: f"{names[item]} · {item}" if item in names else item,
        bound,
    )


def show_why(room: Room, item_id: str) -> None:
    """The SKU with its reasons and its stages. Raises UnknownNameError with the nearest when there is no such SKU."""
    catalogue = room.served.shop.catalogue
    if item_id not in set(catalogue.item_ids):
        raise UnknownNameError("SKU", item_id, catalogue.item_ids)
    found = room.shown()
    ids, gathered = room.ids(found), recommend_cache.gathered(room.served, room.person)
    why = recommend_cache.whys(room.served, room.person, (item_id,))[item_id]
    _show_head(room, item_id)
    if item_id in ids:
        reason = because(room.served.shop, gathered, why, room.config, filled=item_id in room.filled(found))
        said = html("<h3>Why it is at place {}</h3><p>{}</p>", ids.index(item_id) + 1, reason_line(reason))
    else:
        lost = why_not(room.pipeline, gathered, item_id, recommend_cache.SHOWN)
        said = html("<h3>Why it isn’t in the list: {}</h3><p>{}</p>{}", lost.stage, lost.sentence, _ranks(lost))
    show(html('<div class="sw-verdict">{}</div>', said), key="verdict")
    known = item_id in _candidates(room)
    show(_carried(room, why) if known else _about(why), key="carried")
    show(_stages(room, item_id) if known else Markup(""), key="item-stages")
    hide_button(room, item_id)


def _candidates(room: Room) -> set[str]:
    """The candidates, and what filled the list."""
    return set(recommend_cache.traced(room.served, room.person, room.config)["item_id"])


def _ranks(lost: WhyNot) -> Markup:
    """Where the sources have an SKU that none of them named."""
    chips = join(
        html(
            '<span class="sw-chip">{} <b class="sw-num">{}</b></span>',
            label(name),
            f"#{rank:,}" if rank else "no score",
        )
        for name, rank in lost.ranks.items()
    )
    return html('<div class="sw-chips sw-lost">{}</div>', chips) if chips else Markup("")


def _show_head(room: Room, item_id: str) -> None:
    item = recommend_cache.items(room.served, (item_id,))[item_id]
    stock = "" if item["available"] is not False else " · out of stock"
    show(
        html(
            '<div class="sw-passport {}">{}<div><span class="sw-meta">{}{}</span><h2>{}</h2>'
            '<div class="sw-ways"><a class="sw-link sw-small" href="{}">{} Close</a>'
            '<a class="sw-link sw-small" href="{}">Who is shown it</a>'
            '<a class="sw-link sw-small" href="{}">Open in the SKU explorer</a></div></div></div>',
            "" if item.get("image") else "sw-plain",
            cards.image(room.workspace.path, item),
            facts_line(cards.category(item["category"]), item["item_id"], cards.price(item["price"])),
            stock,
            item["title"],
            links.link(**OPENED),
            icon("close"),
            links.link("recommend", sku=item_id),
            links.link("sku", sku=item_id),
        ),
        key="why-head",
    )


def _carried(room: Room, why: Why) -> Markup:
    """The user's own events that speak for the SKU, with the share of the score that each carries."""
    history = recommend_cache.gathered(room.served, room.person).histories
    rows = join(
        html(
            '<a class="sw-bar sw-carried" href="{}"><span>{} “{}”</span>{}<span class="sw-num">{}</span></a>',
            links.link(sku=reason.item_id),
            deed(room.served.shop, history, reason.item_id).capitalize(),
            title(room, reason.item_id),
            meter(reason.share),
            percent(min(reason.share, 1.0)),
        )
        for reason in why.reasons
    )
    none = html('<p class="sw-note">None of this user’s events speaks for it.</p>')
    said = "How much lower the models would score it, had this not happened"
    return html("{}{}{}", html(_SECTION, "From this user’s history", said), rows or none, _about(why))


def _about(why: Why) -> Markup:
    """How popular the SKU is, and how much of the user's history is in its category."""
    said = [f"It is {popularity_words(why.popularity)}."]
    if why.category:
        said.append(f"{percent(why.category_share)} of this user’s history is in {category_words(why.category)}.")
    return html('<p class="sw-note">{}</p>', " ".join(said))


def _stages(room: Room, item_id: str) -> Markup:
    """What each source and the later stages say of the SKU, as a table."""
    rows = recommend_cache.traced(room.served, room.person, room.config)
    mine = rows[rows["item_id"] == item_id]
    if mine.empty:
        return Markup("")
    row = mine.iloc[0].to_dict()
    weights = room.served.pipeline.config.sources
    lines = [
        (label(name), f"{row[f'{name} score']:,.3f}", f"#{row[f'{name} rank']}", f"{percent(weights[name])}")
        if row[f"{name} score"] == row[f"{name} score"]
        else (label(name), "–", "not named", f"{percent(weights[name])}")
        for name in weights
        if f"{name} score" in row
    ]
    known = row["relevance"] == row["relevance"]
    if known:
        lines.append(("Category affinity", f"{row['affinity']:.3f}", "", ""))
        lines.append(("Relevance", f"{row['relevance']:.3f}", f"#{row['rank']}", ""))
    place = row["place"]
    lines.append(("In the list", "", f"#{place}" if isinstance(place, int) else "no", ""))
    body = join(
        html('<tr><td>{}</td><td class="sw-r">{}</td><td class="sw-r">{}</td><td class="sw-r">{}</td></tr>', *line)
        for line in lines
    )
    head = html('<th>Stage</th><th class="sw-r">Score</th><th class="sw-r">Rank</th><th class="sw-r">Weight</th>')
    table = html('<table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)
    said = "Each model scores in a measure of its own; ranks can be compared"
    return html("{}{}", html(_SECTION, "Score by stage", said), table)
