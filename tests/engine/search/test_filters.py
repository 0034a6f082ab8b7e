import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError, UnknownNameError
from engine.search.filters import Filters, facets


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "category": ["Bags", "Shoes", "Bags", "Toys"],
            "brand": ["Nord", None, "Sol", "Nord"],
            "tags": [("warm", "soft"), ["warm"], np.array(["soft"], dtype=object), None],
            "price": [10.0, 20.0, None, 30.0],
            "rating": [4.5, None, 3.0, 5.0],
            "available": [True, False, None, True],
        }
    )


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(), "abcd"),
        (Filters(categories=("Bags",)), "ac"),
        (Filters(categories=("Bags", "Toys")), "acd"),
        (Filters(brands=("Nord",)), "ad"),
        (Filters(tags=("warm",)), "ab"),
        (Filters(tags=("warm", "soft")), "a"),
        (Filters(min_price=20), "bd"),
        (Filters(max_price=20), "ab"),
        (Filters(min_price=20, max_price=20), "b"),
        (Filters(min_rating=4.5), "ad"),
        (Filters(available=True), "ad"),
        (Filters(categories=("Bags",), tags=("soft",), max_price=15, available=True), "a"),
        (Filters(categories=("Toys",), tags=("warm",)), ""),
    ],
)
def test_filters_keep_what_they_say(frame, filters, kept):
    mask = filters.mask(frame)
    assert mask.dtype == bool
    assert "".join(frame["item_id"][mask]) == kept


@pytest.mark.parametrize(
    ("filters", "kind", "nearest"),
    [
        (Filters(categories=("Bgas",)), "category", "Bags"),
        (Filters(tags=("wram",)), "item tag", "warm"),
        (Filters(brands=("Nrod",)), "brand", "Nord"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(frame, filters, kind, nearest):
    with pytest.raises(UnknownNameError) as told:
        filters.mask(frame)
    assert (told.value.kind, told.value.nearest) == (kind, nearest)


def test_limits_that_hold_nothing_are_refused():
    with pytest.raises(DataError, match="30 to 20"):
        Filters(min_price=30, max_price=20)
    with pytest.raises(DataError, match="nan"):
        Filters(min_rating=float("nan"))


def test_only_set_filters_are_active():
    assert not Filters().active
    assert Filters(available=True).active
    assert Filters(min_price=0.0).active


def test_facets_count_names_and_say_what_is_known(frame):
    found = facets(frame)
    assert list(found.categories.items()) == [("Bags", 2), ("Shoes", 1), ("Toys", 1)]
    assert found.tags == {"soft": 2, "warm": 2}
    assert found.brands == {"Nord": 2, "Sol": 1}
    assert found.prices == (10.0, 30.0)
    assert found.rated and found.stocked
    bare = facets(frame.assign(price=np.nan, rating=np.nan, available=None))
    assert (bare.prices, bare.rated, bare.stocked) == (None, False, False)


def test_a_catalogue_of_nothing_has_an_empty_mask(frame):
    assert Filters(available=True, min_price=1.0).mask(frame.head(0)).shape == (0,)
