from dataclasses import replace

import numpy as np
import pytest
from ranked import make_lists, make_stock

from engine.rank.lists import Histories
from engine.rank.nets.graph import Graph
from engine.rank.nets.known import Known


def of(users, items, micros, moments, together=64):
    """The graph of lists with one event each, of users and items by number."""
    n = len(users)
    lists = make_lists(n, 2)
    histories = Histories(
        np.ones(n, dtype=np.int64),
        np.array(items, dtype=np.int32),
        np.zeros(n, dtype=np.int16),
        np.array(micros),
        ("view",),
    )
    names = np.array([f"u{user}" for user in users], dtype=object)
    lists = replace(lists, users=names, histories=histories, micros=np.array(moments), items=np.zeros(2 * n, dtype=int))
    known = Known.of(lists, features=True)
    return lists, known, Graph.of(lists, known, together)


def test_an_event_that_several_lists_hold_counts_once():
    _, _, graph = of([0, 0, 1, 0], [5, 5, 5, 6], [10, 10, 10, 20], [30, 30, 30, 30])
    assert graph.micros.tolist() == [10, 10, 20]
    assert graph.users.tolist() == [0, 1, 0]
    assert graph.items.tolist() == [2, 2, 3]  # items 0, 5 and 6 are known


def test_only_what_was_before_a_moment_can_be_drawn():
    _, _, graph = of([0, 1, 2, 3], [5, 5, 5, 5], [10, 20, 30, 40], [15, 25, 35, 45])
    assert graph.cuts.tolist() == [15, 25, 35, 41, 45]
    assert graph.cut(np.array([3, 15, 24, 25, 40, 41, 99])).tolist() == [0, 1, 1, 2, 3, 4, 4]
    for cut in range(5):
        drawn = graph.of_items(np.array([2, 1]), cut, 10, np.random.default_rng(0))
        assert drawn.nodes.tolist() == [0] * cut and graph.micros[drawn.events].tolist() == [10, 20, 30, 40][:cut]


def test_neighbours_are_drawn_evenly_over_time_and_each_once():
    n = 40
    _, _, graph = of(np.arange(n), [7] * n, np.arange(n), [n] * n)
    middle = graph.of_items(np.array([2]), n, 4)
    assert graph.micros[middle.events].tolist() == [5, 15, 25, 35]
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = graph.micros[graph.of_items(np.array([2]), n, 4, rng).events]
        assert (drawn // 10).tolist() == [0, 1, 2, 3]
    few = graph.of_items(np.array([2]), 3, 4, rng)
    assert sorted(few.events) == [0, 1, 2]
    own = graph.of_users(graph.users[[3, 39]], 10, 4)
    assert own.nodes.tolist() == [0] and own.events.tolist() == [3]


def test_there_are_fewer_moments_than_lists():
    lists = make_lists(500)
    graph = Graph.of(lists, Known.of(lists, features=True), 32)
    assert 15 <= len(graph.cuts) <= 17
    cut = graph.cut(lists.micros)
    assert (cut[1:] >= cut[:-1]).all() and cut[0] < cut[-1]
    seen = np.append(graph.micros, np.iinfo(np.int64).max)
    assert all(seen[:one].max(initial=0) < moment for one, moment in zip(cut, lists.micros, strict=True))


def test_known_items_that_a_stock_lacks_stand_behind_its_own():
    stock = make_stock()
    lists = make_lists(30, stock=stock)
    known = Known.of(lists, features=True)
    graph = Graph.of(lists, known, 32)
    whole, at = graph.beside(stock, known)
    assert (stock.item_ids[at[1:]] == known.item_ids).all() and len(whole) == len(stock)
    kept = np.arange(0, len(stock), 3)
    other = replace(
        stock,
        item_ids=stock.item_ids[kept],
        categories=np.zeros(len(kept), dtype=np.int32),
        category_names=np.array(["else"], dtype=object),
        vectors=stock.vectors[kept],
        without=None,
    )
    wider, at = graph.beside(other, known)
    assert (wider.item_ids[at[1:]] == known.item_ids).all()
    lost = ~np.isin(known.item_ids, other.item_ids)
    places = [int(np.flatnonzero(stock.item_ids == name)[0]) for name in known.item_ids[lost]]
    assert wider.vectors[at[1:][lost]] == pytest.approx(stock.vectors[places])
    assert (wider.without[at[1:][lost]] == stock.without[places]).all()
    names = wider.category_names[wider.categories[at[1:][lost]]]
    assert (names == stock.category_names[stock.categories[places]]).all()
    assert (wider.category_names[wider.categories[: len(kept)]] == "else").all()


def test_it_survives_being_kept():
    lists = make_lists(30)
    graph = Graph.of(lists, Known.of(lists, features=True), 32)
    again = Graph.read(graph.tensors())
    assert all((getattr(again, name) == value).all() for name, value in vars(graph).items())
