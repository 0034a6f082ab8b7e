"""The models of the first query load while people look at the start page."""

from threading import Event

import pytest

from engine import searching
from engine.errors import NotBuiltError
from pages.parts.search_cache import _Opened


class _Retriever:
    def __init__(self):
        self.asked = Event()

    def search(self, queries, k):
        self.asked.set()


def test_a_retriever_is_opened_and_asked_once(workspace, monkeypatch):
    made = []
    monkeypatch.setattr(searching, "open_retriever", lambda *_, **__: made.append(_Retriever()) or made[-1])
    opened = _Opened()
    opened.warm(workspace, "dense")
    opened.warm(workspace, "dense")
    found = opened.get(workspace, "dense")
    assert found.asked.wait(10)
    assert made == [found]


def test_what_is_not_built_is_told_to_whoever_asks(workspace, monkeypatch):
    tried = Event()

    def missing(*_, **__):
        tried.set()
        raise NotBuiltError("The index", "scripts/build_search.py")

    monkeypatch.setattr(searching, "open_retriever", missing)
    opened = _Opened()
    opened.warm(workspace, "dense")
    assert tried.wait(10)
    with pytest.raises(NotBuiltError, match="build_search"):
        opened.get(workspace, "dense")
