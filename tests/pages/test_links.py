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


def _lists():
    import streamlit as st

    from engine.errors import DataError
    from pages.parts import links

    st.session_state["here"] = "search"
    try:
        st.text(repr((links.several("tags"), links.span("price"), links.replaced("tags", "b", "c"))))
    except DataError as error:
        st.text(str(error))
    st.text(links.link(tags=("x", "y"), price=(1.5, None), stock=True, category=None))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"tags": "a|b|a|", "price": "10..20.5"}, "(('a', 'b'), (10.0, 20.5), ('a', 'c'))"),
        ({"tags": "b", "price": "..5"}, "(('b',), (None, 5.0), ('c',))"),
        ({}, "((), (None, None), ('c',))"),
        ({"price": "10"}, "column 'price': '10' is no span of numbers such as 10..50."),
        ({"price": "1..2..3"}, "column 'price': '1..2..3' is no span of numbers such as 10..50."),
    ],
)
def test_several_values_and_spans_are_read_and_written(address, said):
    app = AppTest.from_function(_lists)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert app.text[0].value == said
    assert app.text[1].value == "./search?tags=x%7Cy&price=1.5..&stock=1"
