"""Ranking lists for tests: users with histories, and wanted candidates that features and histories tell of."""

import numpy as np

from engine.rank.lists import CODE, Feature, Histories, Lists, Stock

COLUMNS = (
    Feature("item_events", "how many events the item had"),
    Feature("item_price", "the item's price; unknown for one in ten"),
    Feature("pair_affinity", "share of the user's events in the item's category"),
    Feature("hour", "hour of the day, 0 to 23"),
    Feature("item_category", "the item's category", CODE),
)
DAY = 86_400_000_000


def make_stock(n_items: int = 60, n_categories: int = 4, width: int = 8, seed: int = 0) -> Stock:
    """Items whose vectors lie near those of their category; every tenth has none."""
    rng = np.random.default_rng(seed)
    categories = rng.integers(0, n_categories, n_items).astype(np.int32)
    centres = rng.normal(size=(n_categories, width))
    vectors = (centres[categories] + 0.3 * rng.normal(size=(n_items, width))).astype(np.float32)
    without = np.arange(n_items) % 10 == 9
    vectors[without] = centres[categories[without]]
    ids = np.array([f"i{n:03}" for n in range(n_items)], dtype=object)
    names = np.array([f"c{n}" for n in range(n_categories)], dtype=object)
    return Stock(ids, categories, names, vectors, without)


def make_lists(
    n_lists: int = 80, n_candidates: int = 12, *, seed: int = 0, stock: Stock | None = None, histories: bool = True
) -> Lists:
    """Lists with one or two wanted candidates each, of the category that the user dealt with most."""
    rng = np.random.default_rng(seed)
    stock = stock or make_stock()
    n_items, n_categories = len(stock), len(stock.category_names)
    popularity = np.linspace(1, 0, n_items) ** 2 * 100
    taste = rng.integers(0, n_categories, n_lists)
    items = np.concatenate([rng.choice(n_items, n_candidates, replace=False) for _ in range(n_lists)])
    sizes = np.full(n_lists, n_candidates, dtype=np.int64)
    owner = np.repeat(np.arange(n_lists), sizes)
    affinity = np.where(stock.categories[items] == taste[owner], 0.7, 0.1) + 0.1 * rng.random(len(items))
    chance = 3.0 * affinity + popularity[items] / 100 + 0.5 * rng.gumbel(size=len(items))
    place = np.empty(len(items), dtype=np.int64)
    place[np.lexsort((-chance, owner))] = np.tile(np.arange(n_candidates), n_lists)
    wanted = place < rng.integers(1, 3, n_lists)[owner]
    price = 10 + 5 * stock.categories[items] + rng.random(len(items))
    price[stock.without[items]] = np.nan
    features = np.column_stack(
        [popularity[items], price, affinity, rng.integers(0, 24, n_lists)[owner], stock.categories[items]]
    ).astype(np.float32)
    return Lists(
        list_ids=np.array([f"l{n}" for n in range(n_lists)], dtype=object),
        users=np.array([f"u{n % 40}" for n in range(n_lists)], dtype=object),
        micros=np.arange(n_lists, dtype=np.int64) * DAY + 365 * DAY,
        sizes=sizes,
        items=items,
        features=features,
        columns=COLUMNS,
        stock=stock,
        wanted=wanted,
        histories=_histories(rng, stock, taste) if histories else None,
    )


def _histories(rng: np.random.Generator, stock: Stock, taste: np.ndarray) -> Histories:
    """One to fifteen events of each list, four of five in the category of its user's taste; the first list has none."""
    sizes = rng.integers(1, 16, len(taste)).astype(np.int64)
    sizes[0] = 0
    owner = np.repeat(np.arange(len(taste)), sizes)
    of = [np.flatnonzero(stock.categories == category) for category in range(len(stock.category_names))]
    own = np.array([rng.choice(of[category]) for category in taste[owner]])
    items = np.where(rng.random(len(owner)) < 0.8, own, rng.integers(0, len(stock), len(owner)))
    micros = (owner + 365) * DAY - 1 - np.sort(rng.integers(0, 30 * DAY, len(owner)))[::-1]
    order = np.lexsort((micros, owner))
    kinds = rng.integers(0, 3, len(owner)).astype(np.int16)
    return Histories(
        sizes, items[order].astype(np.int32), kinds[order], micros[order], ("view", "addtocart", "transaction")
    )
