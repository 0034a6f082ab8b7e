"""How a SKU looks: in the grid, in the list beside an open one, and at the head of its passport."""

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from engine.explore import picture
from pages.parts import links
from pages.parts.charts import percent
from pages.parts.markup import html, join


def image(root: Path, item: dict[str, Any]) -> Markup:
    """The SKU's picture, or the first letters of its category where there is none."""
    address = str(item.get("image") or "")
    found = picture(root, address)
    if found:
        media, data = found
        address = f"data:{media};base64,{base64.b64encode(data).decode()}"
    if found or address.startswith("https://"):
        shown = html('<img src="{}" alt="{}" loading="lazy" referrerpolicy="no-referrer">', address, item["title"])
    else:
        shown = html('<span class="sw-letters" aria-hidden="true">{}</span>', str(item["category"])[:2])
    return html('<span class="sw-pic">{}</span>', shown)


def stars(rating: float | None) -> Markup:
    """A rating as five stars, read aloud as a number."""
    if rating is None or pd.isna(rating):
        return Markup("")
    full = max(0, min(5, round(rating)))
    return html(
        '<span class="sw-stars" role="img" aria-label="{:.1f} of 5 stars">{}<span>{}</span></span>',
        rating,
        "★" * full,
        "★" * (5 - full),
    )


def category(name: str) -> str:
    """A category as people read it: Home_Accs is Home accs."""
    return name.replace("_", " ").capitalize() if "_" in name else name


def price(value: float | None) -> str:
    """A price without a currency: tables don't say which one it is."""
    return "" if value is None or pd.isna(value) else f"{value:,.2f}"


def reviews_said(count: int, rating: float | None) -> Markup:
    """ "4.2 · 14 reviews", with stars where there is a rating."""
    said = _counted(count)
    if rating is None or pd.isna(rating):
        return html('<span class="sw-meta">{}</span>', said)
    return html('<span class="sw-meta">{} {:.1f} · {}</span>', stars(rating), rating, said)


def grid(rows: pd.DataFrame, root: Path, *, query: bool, pictures: bool) -> Markup:
    """Product cards of the SKUs in `rows`; with a query, each says what it was found in."""
    cards = join(_card(item, root, query=query) for item in rows.to_dict("records"))
    style = "" if pictures else "sw-plain"
    return html('<div class="sw-grid {}" role="list" aria-label="SKUs">{}</div>', style, cards)


def beside(rows: pd.DataFrame, root: Path, *, current: str, pictures: bool) -> Markup:
    """The same SKUs as a narrow list, the open one marked."""
    items = join(_row(item, root, current=current) for item in rows.to_dict("records"))
    return html('<div class="sw-list {}">{}</div>', "" if pictures else "sw-plain", items)


def passport_head(item: dict[str, Any], root: Path, *, pictures: bool) -> Markup:
    """Picture, title, rating and facts of one SKU."""
    kind = " › ".join(
        category(str(part)) for part in (item["category_path"] or [item["category"], item["subcategory"]]) if part
    )
    facts = {
        "SKU": item["item_id"],
        "Brand": item["brand"],
        "Price": price(item["price"]),
        "Stock": {True: "in stock", False: "out of stock"}.get(item["available"]),
        "Events": f"{item['events']:,}" if item["events"] else None,
    }
    listed = join(html("<div><dt>{}</dt><dd>{}</dd></div>", name, value) for name, value in facts.items() if value)
    features = join(html('<span class="sw-chip">{}</span>', feature) for feature in item["features"] or [])
    chips = html('<div class="sw-chips">{}</div>', features) if features else ""
    said = html('<p class="sw-lead">{}</p>', item["description"]) if item["description"] else ""
    return html(
        '<div class="sw-passport {}">{}<div><span class="sw-meta">{}</span><h1>{}</h1>{}'
        '<dl class="sw-facts">{}</dl><a class="sw-link sw-small" href="{}">Who finds it</a> · '
        '<a class="sw-link sw-small" href="{}">Who is shown it</a></div>{}</div>',
        "" if pictures else "sw-plain",
        image(root, item),
        kind,
        item["title"],
        reviews_said(item["reviews"], item["rating"]),
        listed,
        links.link("search", sku=item["item_id"]),
        links.link("recommend", sku=item["item_id"]),
        html('<div class="sw-wide">{}{}</div>', said, chips) if said or chips else "",
    )


def pager(current: int, count: int, *, around: int) -> Markup:
    """Page numbers as links: the first, the last and those `around` the current one."""
    near = {1, count, *range(current - around, current + around + 1)}
    parts, before = [], 0
    for page in sorted(page for page in near if 1 <= page <= count):
        parts += ["…"] if page > before + 1 else []
        here = Markup(' aria-current="page"') if page == current else ""
        address = links.link(page=page if page > 1 else None)
        parts.append(html('<a class="sw-chip {}" href="{}"{}>{}</a>', "sw-on" if here else "", address, here, page))
        before = page
    return html('<nav class="sw-pager" aria-label="Pages">{}</nav>', join(parts))


def _card(item: dict[str, Any], root: Path, *, query: bool) -> Markup:
    found = html(" · found in {}", item["matched"]) if query and item["matched"] else ""
    return html(
        '<a class="sw-card" role="listitem" id="card-{}" href="{}">{}<span class="sw-body">'
        '<span class="sw-meta">{} · {}{}</span><strong class="sw-clip">{}</strong>'
        '<span class="sw-row"><span class="sw-meta sw-num">{}</span><b class="sw-num">{}</b></span>{}</span></a>',
        item["item_id"],
        links.link(sku=item["item_id"], tag=None),
        image(root, item),
        category(item["category"]),
        item["item_id"],
        found,
        item["title"],
        _short(item),
        price(item["price"]),
        _tags(item["top"]),
    )


def _tags(top: object) -> Markup:
    if not isinstance(top, list):
        return Markup("")
    chips = join(
        html('<span class="sw-chip {}">{}</span>', "sw-on" if p >= threshold else "", f"{tag} {percent(p)}")
        for tag, p, threshold in top
    )
    return html('<span class="sw-chips">{}</span>', chips)


def _row(item: dict[str, Any], root: Path, *, current: str) -> Markup:
    return html(
        '<a class="sw-item" id="row-{}" href="{}"{}>{}<span><strong class="sw-clip">{}</strong>'
        '<span class="sw-meta sw-num">{} · {}</span></span></a>',
        item["item_id"],
        links.link(sku=item["item_id"], tag=None),
        Markup(' aria-current="true"') if item["item_id"] == current else "",
        image(root, item),
        item["title"],
        item["item_id"],
        _short(item),
    )


def _short(item: dict[str, Any]) -> Markup:
    """ "★ 4.2 · 14 reviews" in little room."""
    said = _counted(item["reviews"])
    if pd.isna(item["rating"]):
        return html("{}", said)
    return html('<span class="sw-stars" aria-hidden="true">★</span> {:.1f} · {}', item["rating"], said)


def _counted(count: int) -> str:
    return "no reviews" if not count else "1 review" if count == 1 else f"{count:,} reviews"
