"""One candidate opened: what each member adds to its score and by which features; and why it is above another."""

from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine import figures
from engine.rank.pairs import Pair, Part
from engine.rank.swaps import ABOVE, LIST, FeatureSwap, WeightSwap
from engine.ranking.decisions import Decision
from pages.parts import cache, cards, links, picture, ranking_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join, show
from pages.parts.ranking_charts import lean, signed
from pages.parts.ranking_room import Room, as_values, feature_label, label, section, table, value_words

FEATURES, SWAPS = 8, 4


def show_why(room: Room, list_id: str, found: Decision) -> None:
    """The open candidate; beside another one where the address names it.

    Raises UnknownNameError with the nearest candidate.
    """
    item_id, other = links.get("sku"), links.get("above")
    row = found.row(item_id)
    _show_head(room, found, item_id)
    _choose_other(room, found, item_id)
    if other and other != item_id:
        _show_pair(room, list_id, found, (row, found.row(other, kind="candidate to compare with")))
    else:
        _show_one(room, list_id, found, row)


def _show_head(room: Room, found: Decision, item_id: str) -> None:
    item = _item(room, item_id)
    place = int(found.candidates.loc[found.candidates["item_id"] == item_id, "place"].iloc[0])
    show(
        html(
            '<div class="sw-passport {}">{}<div><span class="sw-meta">{}</span><h2>{}</h2><p>Place {} of {}</p>'
            '<div class="sw-ways"><a class="sw-link sw-small" href="{}">{} Close</a>'
            '<a class="sw-link sw-small" href="{}">Open in the SKU explorer</a></div></div></div>',
            "" if item.get("image") else "sw-plain",
            cards.image(room.workspace.path, item),
            " · ".join(filter(None, (cards.category(str(item["category"])), item_id, cards.price(item["price"])))),
            item["title"],
            place,
            len(found.candidates),
            links.link(sku=None, above=None),
            icon("close"),
            links.link("sku", sku=item_id),
        ),
        key="why-head",
    )


def _choose_other(room: Room, found: Decision, item_id: str) -> None:
    rows = found.candidates[found.candidates["item_id"] != item_id]
    items = cache.items(room.workspace, tuple(rows["item_id"]))
    places = dict(zip(rows["item_id"], rows["place"], strict=True))
    titles = {one: f"{items[one]['title']} · {one}" if one in items else one for one in places}
    names = {one: f"#{place} · {titles[one]}" for one, place in places.items()}
    asked = links.get("above")
    bound = links.bind("above", asked if asked in names else None, None)
    st.selectbox(
        "Why is it above, or below", list(names), format_func=names.get, index=None, placeholder="Pick one", **bound
    )


def _show_one(room: Room, list_id: str, found: Decision, row: int) -> None:
    """What each member adds, and within each what its features do."""
    mine = found.candidates[found.candidates["row"] == row].iloc[0]
    parts = {name: float(mine[f"{name} part"]) for name in room.counting}
    most = max(map(abs, parts.values()), default=0.0)
    rows = join(
        html(
            '<div class="sw-bar sw-leaning"><span>{} <small>#{}</small></span>{}<span class="sw-num">{}</span></div>',
            label(name),
            mine[f"{name} place"],
            lean(part, most),
            signed(part),
        )
        for name, part in sorted(parts.items(), key=lambda one: -abs(one[1]))
    )
    said = f"They add up to its score, {signed(float(mine['score']))}: log-odds of being wanted, weighed"
    show(html("{}{}", section("What each member adds", said, small=True), rows), key="member-parts")
    told = ranking_cache.explained(room.opened, list_id, row)
    shown = join(_inside(room, found, row, name, told[name]) for name in room.counting if told[name])
    show(shown or html('<p class="sw-note">None of the members tells parts.</p>'), key="feature-parts")
    make = partial(_pictured, room, found, row, parts, told)
    picture.save(make, name=f"{room.workspace.name}-why-{mine['item_id']}", key="picture-why")


def _pictured(
    room: Room, found: Decision, row: int, parts: dict[str, float], told: dict[str, dict[str, float]]
) -> figures.Spec:
    """What members and their features add, as a picture; whose list it is stays out of it."""
    lines = [("What each member adds", label(name), part) for name, part in parts.items()]
    for name in room.counting:
        best = sorted(told[name].items(), key=lambda one: -abs(one[1]))[:FEATURES]
        lines += [(label(name), " ".join(_told(room, found, row, what)), value) for what, value in best]
    rows = pd.DataFrame(lines, columns=["group", "name", "value"])
    item_id = found.candidates.loc[found.candidates["row"] == row, "item_id"].iloc[0]
    title = f"Why {_item(room, item_id)['title']} ({item_id}) stands there"
    source = picture.source(room.workspace, f"ensemble {room.opened.opening.card.version}")
    return figures.leaning(rows, title, "Added to the score, in each one’s own units", source=source)


def _inside(room: Room, found: Decision, row: int, name: str, parts: dict[str, float]) -> Markup:
    """A member's largest contributions as words and bars."""
    best = sorted(parts.items(), key=lambda one: -abs(one[1]))[:FEATURES]
    most = max((abs(value) for _, value in best), default=0.0)
    rest = sum(parts.values()) - sum(value for _, value in best)
    rows = join(
        html(
            '<div class="sw-bar sw-leaning"><span>{} <b>{}</b></span>{}<span class="sw-num">{}</span></div>',
            *_told(room, found, row, what),
            lean(value, most),
            signed(value),
        )
        for what, value in best
    )
    note = f"All others together {signed(rest)}." if len(parts) > len(best) else ""
    title = section(label(name), "What raises its score and what lowers it, in its own units", small=True)
    return html('{}{}<p class="sw-note">{}</p>', title, rows, note)


def _told(room: Room, found: Decision, row: int, what: str) -> tuple[str, str]:
    """A feature with its value; or a past event by its item's title."""
    one = found.one
    if what in one.names:
        column = one.names.index(what)
        return feature_label(what), value_words(one.columns[column], float(one.features[row, column]), one.stock)
    return "earlier:", str(_item(room, what)["title"])


def _item(room: Room, item_id: str) -> dict:
    plain = {"item_id": item_id, "title": item_id, "category": "", "price": None, "image": None}
    return cache.items(room.workspace, (item_id,)).get(item_id, plain)


def _show_pair(room: Room, list_id: str, found: Decision, rows: tuple[int, int]) -> None:
    """Why the upper of two candidates is above, and what would swap them."""
    order = found.candidates["row"].tolist()
    above, below = sorted(rows, key=order.index)
    ids = found.candidates["item_id"].tolist()
    names = tuple(str(_item(room, ids[order.index(row)])["title"]) for row in (above, below))
    pair = ranking_cache.pair(room.opened, list_id, above, below)
    places = order.index(above) + 1, order.index(below) + 1
    show(_sentence(pair, names, places), key="pair")
    show(_swaps(room, found, list_id, pair, names), key="swaps")
    show(_members(pair, names), key="pair-members")
    show(join(_differences(room, found, pair, name) for name in room.counting), key="pair-inside")


def _sentence(pair: Pair, names: tuple[str, str], places: tuple[int, int]) -> Markup:
    for_it = [label(part.name) for part in pair.members if part.difference > 0]
    against = [label(part.name) for part in pair.members if part.difference < 0]
    said = f"{_listed(for_it)} {'has' if len(for_it) == 1 else 'have'} it higher" if for_it else "The scores are equal"
    said += f", {_listed(against)} lower" if against else ""
    return html(
        '<div class="sw-verdict"><h3>Why “{}” (#{}) is above “{}” (#{})</h3><p>{}. Together {} against {}.</p></div>',
        names[0],
        places[0],
        names[1],
        places[1],
        said,
        signed(pair.scores[0]),
        signed(pair.scores[1]),
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _swaps(room: Room, found: Decision, list_id: str, pair: Pair, names: tuple[str, str]) -> Markup:
    features, weights = ranking_cache.swaps(room.opened, list_id, pair.above, pair.below)
    lines = [_feature_swap(found, swap, names) for swap in features[:SWAPS]]
    if not lines:
        said = "No change of a single feature swaps them, to no value that it had in train."
        lines = [html("<li>{} <span>{}</span></li>", icon("block"), said)]
    lines += [_weight_swap(swap) for swap in weights[:1]]
    if not weights:
        said = "No weights swap them by moving one member’s: " + _agree(pair)
        lines += [html("<li>{} <span>{}</span></li>", icon("block"), said)]
    note = "Tried: values that the feature had in train; each is scored again. A change in a shop brings others along."
    title = section("The smallest change that swaps them", "One feature, or the weight of one member", small=True)
    return html('{}<ul class="sw-compared">{}</ul><p class="sw-note">{}</p>', title, join(lines), note)


def _agree(pair: Pair) -> str:
    same = all(part.difference >= 0 for part in pair.members)
    return "every member with a weight has the upper one higher." if same else "the others outweigh it."


def _feature_swap(found: Decision, swap: FeatureSwap, names: tuple[str, str]) -> Markup:
    stock = found.one.stock
    whose = "for every candidate" if swap.side == LIST else f"of “{names[0] if swap.side == ABOVE else names[1]}”"
    size = (
        f"{percent(swap.size)} of train’s values lie between" if swap.size < 1 else "no order tells how large that is"
    )
    return html(
        '<li>{} <span><b>{}</b> {}: <b>{}</b> instead of {} <small class="sw-quiet">({}; {})</small></span></li>',
        icon("swap_vert"),
        feature_label(swap.feature.name).capitalize(),
        whose,
        value_words(swap.feature, swap.after, stock),
        value_words(swap.feature, swap.before, stock),
        swap.feature.about,
        size,
    )


def _weight_swap(swap: WeightSwap) -> Markup:
    shares = {name: round(weight, 2) for name, weight in swap.weights.items()}
    return html(
        "<li>{} <span>The weight of <b>{}</b>: <b>{:.3f}</b> instead of {:.3f} "
        '<a class="sw-link sw-small" href="{}">What that would cost</a></span></li>',
        icon("balance"),
        label(swap.member),
        swap.after,
        swap.before,
        links.link(see="weights", weights=as_values(shares), list=None, user=None, ask=None, sku=None, above=None),
    )


def _members(pair: Pair, names: tuple[str, str]) -> Markup:
    most = max((abs(part.difference) for part in pair.members), default=0.0)
    head = html(
        '<th>Member</th><th class="sw-r" title="{}">Upper</th><th class="sw-r" title="{}">Lower</th>'
        '<th>Lower ↔ upper</th><th class="sw-r">Difference</th>',
        *names,
    )
    rows = join(
        html(
            '<tr><td><b>{}</b></td><td class="sw-r">{}</td><td class="sw-r">{}</td><td class="sw-wide-cell">{}</td>'
            '<td class="sw-r">{}</td></tr>',
            label(part.name),
            signed(part.above),
            signed(part.below),
            lean(part.difference, most),
            signed(part.difference),
        )
        for part in pair.members
        if part.above or part.below
    )
    return html(
        "{}{}",
        section("By member", "What each adds to the two scores", small=True),
        table(head, rows, "sw-breakdown sw-cost"),
    )


def _differences(room: Room, found: Decision, pair: Pair, name: str) -> Markup:
    """The features by which one member tells the two apart, with both values."""
    parts = pair.inside[name][:FEATURES]
    most = max((abs(part.difference) for part in parts), default=0.0)
    rows = join(_difference(room, found, pair, part, most) for part in parts if part.difference)
    head = html('<th></th><th class="sw-r">Upper</th><th class="sw-r">Lower</th><th>Lower ↔ upper</th>')
    title = section(f"{label(name)}, by feature", "What tells the two apart, in its own units", small=True)
    return html("{}{}", title, table(head, rows, "sw-breakdown sw-cost")) if rows else Markup("")


def _difference(room: Room, found: Decision, pair: Pair, part: Part, most: float) -> Markup:
    name, upper = _told(room, found, pair.above, part.name)
    _, lower = _told(room, found, pair.below, part.name)
    if part.name not in found.one.names:
        name, upper, lower = f"earlier: {upper}", signed(part.above), signed(part.below)
    return html(
        '<tr><td>{}</td><td class="sw-r">{}</td><td class="sw-r">{}</td><td class="sw-wide-cell">'
        '<span class="sw-share">{}<span class="sw-num">{}</span></span></td></tr>',
        name,
        upper,
        lower,
        lean(part.difference, most),
        signed(part.difference),
    )
