import numpy as np
import pytest
from tastes import BAGS, ITEMS, NOW, SHOES, event_rows, two_categories

from engine.errors import DataError, UnknownNameError
from engine.recommend.events import EventConfig, clean_events
from engine.recommend.interactions import interactions
from engine.recommend.item_knn import ItemKnn, ItemKnnConfig

OFTEN = {"min_user_interactions": 1, "min_item_interactions": 1}


@pytest.fixture(scope="module")
def data():
    """Everybody looks at two bags in one visit and at two shoes in another: only their history joins the four."""
    rows = []
    for n in range(12):
        rows += [(f"u{n}", item, "view", 9 + place / 1440) for place, item in enumerate(BAGS[:2])]
        rows += [(f"u{n}", item, "view", 2 + place / 1440) for place, item in enumerate(SHOES[:2])]
    log, _ = clean_events(event_rows(*rows), ITEMS, EventConfig(), now=NOW)
    return interactions(log, EventConfig(), sessions=True)


def neighbours(data, **settings):
    model = ItemKnn(ItemKnnConfig(**OFTEN, **settings)).fit(data, two_categories(), seed=1)
    bag = np.array([ITEMS.tolist().index(BAGS[0])])
    return set(model.similar(bag, 5).ids(ITEMS)[0])


@pytest.mark.parametrize("weighting", ["bm25", "cosine"])
def test_neighbours_come_from_one_history_or_from_one_visit(data, weighting):
    assert neighbours(data, weighting="cosine") == {BAGS[1], *SHOES[:2]}
    assert neighbours(data, weighting=weighting, within="session") == {BAGS[1]}


def test_without_sessions_there_are_no_neighbours_within_them(data):
    model = ItemKnn(ItemKnnConfig(**OFTEN, within="session"))
    with pytest.raises(DataError, match="need interactions with sessions"):
        model.fit(data.rows(np.arange(len(data))), two_categories(), seed=1)
    with pytest.raises(UnknownNameError, match="did you mean 'session'"):
        ItemKnnConfig(within="sesion")
