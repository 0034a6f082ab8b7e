"""Filters of the product search: read from the address, set by chips and fields, shown as chips that take them away."""

from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup

from engine.errors import DataError
from engine.search.filters import Facets, Filters
from pages.parts import cards, links
from pages.parts.markup import html, icon, join, show

CATEGORIES_SHOWN = 10
STARS = (4.5, 4.0, 3.0)
NEW_LIST = {"sku": None, "above": None}
NONE = {"category": None, "tags": None, "brand": None, "price": None, "stars": None, "stock": None}


def from_address() -> Filters:
    """The filters that the address names. Raises DataError for a price or rating that is no number."""
    low, high = links.span("price")
    return Filters(
        categories=links.several("category"),
        tags=links.several("tags"),
        brands=links.several("brand"),
        min_price=low,
        max_price=high,
        min_rating=_stars(),
        available=links.get("stock") == "1",
    )


def _stars() -> float | None:
    said = links.get("stars")
    try:
        return float(said) if said else None
    except ValueError:
        raise DataError("is no number of stars.", column="stars", value=said) from None


def show_filters(facets: Facets, filters: Filters) -> None:
    """Categories as chips, the other filters in a popover, and what is set as chips with a way to take each away."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="search-filters"):
        with st.container(width="stretch"):
            show(categories(facets, filters), key="categories")
        with st.popover("Filters", icon=":material/tune:"):
            _fields(facets, filters)
    if filters.active:
        show(chosen(filters), key="chosen")


def categories(facets: Facets, filters: Filters) -> Markup:
    """The largest categories, and those that are chosen, as chips that choose and leave them."""
    names = [*list(facets.categories)[:CATEGORIES_SHOWN], *filters.categories]
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if name in filters.categories else "",
            links.link(category=_toggled(filters.categories, name), **NEW_LIST),
            Markup(' aria-current="true"') if name in filters.categories else "",
            cards.category(name),
            facets.categories.get(name, 0),
        )
        for name in dict.fromkeys(names)
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Categories">{}</nav>', chips)


def chosen(filters: Filters) -> Markup:
    """What is set, each as a chip that takes it away, and one for all."""
    chips = [("category", filters.categories, name, cards.category(name)) for name in filters.categories]
    chips += [("tags", filters.tags, name, name) for name in filters.tags]
    chips += [("brand", filters.brands, name, name) for name in filters.brands]
    drawn = [_chip(said, **{parameter: _toggled(values, name)}) for parameter, values, name, said in chips]
    drawn += [_chip(words, **{parameter: None}) for parameter, words in _limits(filters)]
    clear = html('<a class="sw-link sw-small" href="{}">Clear all</a>', links.link(**NONE, **NEW_LIST))
    return html('<div class="sw-chips sw-chosen" aria-label="Filters that are set">{} {}</div>', join(drawn), clear)


def _limits(filters: Filters) -> list[tuple[str, str]]:
    """The limits that are set: the parameter and its words."""
    low, high = cards.price(filters.min_price), cards.price(filters.max_price)
    said = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}" if high else ""
    limits = [("price", f"Price {said}")] if said else []
    limits += [("stars", f"{filters.min_rating:g} stars and more")] if filters.min_rating is not None else []
    return limits + ([("stock", "In stock")] if filters.available else [])


def _chip(words: str, **change: Any) -> Markup:
    without = links.link(**change, **NEW_LIST)
    return html('<a class="sw-chip sw-on" href="{}" title="Take away">{} {}</a>', without, words, icon("close"))


def _toggled(values: tuple[str, ...], name: str) -> tuple[str, ...] | None:
    kept = tuple(value for value in values if value != name) if name in values else (*values, name)
    return kept or None


def _fields(facets: Facets, filters: Filters) -> None:
    """One field per filter that this catalogue can be filtered by."""
    bind = partial(links.bind, drop=tuple(NEW_LIST))
    if len(facets.categories) > CATEGORIES_SHOWN:
        _names("Category", "category", filters.categories, facets.categories)
    if facets.tags:
        _names("Tags, all of them", "tags", filters.tags, facets.tags)
    if facets.brands:
        _names("Brand", "brand", filters.brands, facets.brands)
    if facets.prices and facets.prices[0] < facets.prices[1]:
        low, high = facets.prices
        now = (_within(filters.min_price, low, facets.prices), _within(filters.max_price, high, facets.prices))
        st.slider("Price", low, high, **bind("price", now, facets.prices))
    if facets.rated:
        now = filters.min_rating if filters.min_rating in STARS else None
        said = {"format_func": lambda stars: f"{stars:g} and more"}
        st.pills("Stars", STARS, **said, **bind("stars", now, None))
    if facets.stocked:
        st.toggle("Only what is in stock", **bind("stock", filters.available, False))


def _names(label: str, parameter: str, values: tuple[str, ...], known: dict[str, int]) -> None:
    bound = links.bind(parameter, [name for name in values if name in known], [], drop=tuple(NEW_LIST))
    st.multiselect(label, list(known), format_func=lambda name: f"{name} · {known[name]:,}", **bound)


def _within(value: float | None, default: float, ends: tuple[float, float]) -> float:
    return default if value is None else min(max(value, ends[0]), ends[1])
