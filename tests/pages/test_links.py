import pytest
from streamlit.testing.v1 import AppTest


def _follow(target):
    import streamlit as st

    from pages.parts import links

    st.session_state["here"] = "sku"
    links.follow(target)
    st.text(links.link(q="a&b=c #1 ё", page=3))
    st.text(links.link("", rows="x"))
    st.text(links.link(workspace="other"))


def follow(target, **address):
    app = AppTest.from_function(_follow, args=(target,))
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_a_link_changes_the_view_and_nothing_unknown_gets_in():
    app = follow("./sku?workspace=demo&sku=%D1%91%26&evil=1", q="old")
    assert app.query_params == {"workspace": "demo", "sku": "ё&"}


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "https://example.com/?sku=1",
        "./nowhere?sku=1",
        "javascript:alert(1)",
        "//evil/sku?sku=1",
        "../sku?sku=1",
    ],
)
def test_links_that_lead_elsewhere_are_not_followed(target):
    assert follow(target, q="old").query_params == {"q": "old"}


def test_links_keep_the_view_escape_values_and_start_new_lists_at_their_first_page():
    app = follow("./sku?workspace=demo&page=7&sku=1")
    here, other_page, other_workspace = (text.value for text in app.text)
    assert here == "./sku?workspace=demo&page=3&q=a%26b%3Dc+%231+%D1%91&sku=1"
    assert other_page == "./?workspace=demo&rows=x"
    assert other_workspace == "./sku?workspace=other"
