"""Pages run in-process over a small shop."""

from pathlib import Path

import pytest
import streamlit as st
from shop import make_shop
from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "app.py"
EXPLORER = "pages/views/sku_explorer.py"
REVIEW = "pages/views/tag_review.py"


@pytest.fixture(autouse=True)
def no_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def shop(home):
    return make_shop(home)


@pytest.fixture
def overview():
    """Open the overview at an address."""
    return lambda **address: run(None, address)


@pytest.fixture
def explorer():
    """Open the SKU explorer at an address."""
    return lambda **address: run(EXPLORER, address)


@pytest.fixture
def review():
    """Open the tag review at an address."""
    return lambda **address: run(REVIEW, address)


def run(page, address):
    app = AppTest.from_file(str(APP), default_timeout=30)
    if page:
        app.run()
        app.switch_page(page)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app
