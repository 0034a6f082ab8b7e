from dataclasses import replace

import numpy as np
import pytest
from ranked import make_lists, make_stock

from engine.errors import SettingsError
from engine.rank.base import Training
from engine.rank.evaluation import list_ndcg
from engine.rank.lists import Histories, bounds

pytest.importorskip("torch_geometric", reason="the extra graph isn't installed")
import torch

from engine.rank.gat import Gat, GatConfig
from engine.rank.nets import feed, learning

TINY = GatConfig(width=16, epochs=6, batch_lists=32, rate=5e-3, features=False)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def lists():
    stock = make_stock()
    return tuple(make_lists(n, seed=seed, stock=stock) for seed, n in enumerate((200, 40, 60)))


@pytest.fixture(scope="module")
def gat(lists):
    return Gat(TINY).fit(lists[0], lists[1], Training(seed=3))


def ndcg(lists, scores):
    return list_ndcg(lists, scores, 5).mean()


def test_new_users_are_scored_by_their_events(gat, lists):
    test = lists[2]
    renamed = replace(test, users=np.array([f"new{n}" for n in range(len(test))], dtype=object))
    scores = gat.scores(renamed)
    assert (scores == gat.scores(test)).all()
    assert ndcg(test, scores) > ndcg(test, np.zeros(len(scores))) + 0.15


def paired_lists(n, seed):
    """Users of two kinds who see the same items of their kind; items tell their kind by nobody but those users."""
    rng = np.random.default_rng(seed)
    stock = replace(make_stock(40, 1), vectors=None)
    kind = rng.integers(0, 2, n)
    base = make_lists(n, 6, seed=seed, stock=stock)
    sizes = np.full(n, 5)
    owner = np.repeat(np.arange(n), sizes)
    items = rng.integers(0, 20, len(owner)) * 2 + kind[owner]
    micros = base.micros[owner] - 1000 + np.arange(len(owner)) - bounds(sizes)[owner]
    histories = Histories(sizes, items.astype(np.int32), np.zeros(len(items), np.int16), micros, ("view",))
    wanted = base.items % 2 == kind[base.list_of_row]
    users = np.array([f"u{seed}-{place}" for place in range(n)], dtype=object)
    return replace(base, histories=histories, wanted=wanted, users=users, features=np.zeros_like(base.features))


def test_it_learns_which_items_go_together():
    train, valid, test = (paired_lists(n, seed) for n, seed in ((300, 1), (40, 2), (60, 3)))
    gat = Gat(replace(TINY, epochs=12)).fit(train, valid, Training(seed=1))
    assert ndcg(test, gat.scores(test)) > ndcg(test, np.zeros(len(test.items))) + 0.2


def test_nothing_after_a_lists_moment_is_seen(gat, lists):
    train, _, test = lists
    moment = train.micros[100]
    changed = train.histories.items.copy()
    late = train.histories.micros >= moment
    changed[late] = (changed[late] + 7) % len(train.stock)
    known, net = gat.fitted
    other = Gat(TINY)
    other.make(known, replace(train, histories=replace(train.histories, items=changed)))
    other._fitted = known, net
    early = train.take(np.arange(100))
    assert (early.histories.micros < moment).all() and late.any()
    assert (other.scores(early) == gat.scores(early)).all()
    later = replace(test, micros=test.micros + train.micros.max())
    assert (other.scores(later) != gat.scores(later)).any()


def test_scores_do_not_depend_on_the_lists_beside(gat, lists):
    for those in (lists[2], lists[0].take(np.arange(0, 200, 9))):
        whole = gat.scores(those)
        alone = np.concatenate([gat.scores(those.take(np.array([n]))) for n in range(len(those))])
        assert alone == pytest.approx(whole, abs=3e-6)


def test_a_stock_without_the_items_of_the_graph_changes_nothing(gat, lists):
    test = lists[2].take(np.arange(5))
    used = np.unique(np.concatenate([test.items, test.histories.items]))
    stock = test.stock
    fewer = replace(
        stock,
        item_ids=stock.item_ids[used],
        categories=stock.categories[used],
        vectors=stock.vectors[used],
        without=stock.without[used],
    )
    histories = replace(test.histories, items=np.searchsorted(used, test.histories.items).astype(np.int32))
    moved = replace(test, stock=fewer, items=np.searchsorted(used, test.items), histories=histories)
    assert len(used) < len(gat.fitted[0].item_ids)
    assert gat.scores(moved) == pytest.approx(gat.scores(test), abs=3e-6)


def test_items_are_looked_up_once_for_a_stock(gat, lists):
    test = lists[2]
    reader = gat.reader(test.stock)
    gat.scores(test.take(np.array([1])))
    assert gat.reader(test.stock) is reader
    assert gat.reader(replace(test.stock)) is not reader


def test_its_graph_is_kept_with_it(gat, lists, tmp_path):
    gat.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "net.safetensors"]
    again = Gat.load(tmp_path)
    assert (again.scores(lists[2]) == gat.scores(lists[2])).all()
    one = lists[2].take(np.array([4]))
    assert again.explain(one) == gat.explain(one)


def test_a_killed_fit_goes_on_as_if_it_had_not_been(gat, lists, tmp_path, monkeypatch):
    kept = learning._keep

    def kill(checkpoints, learned, best, optimizer, standing):
        kept(checkpoints, learned, best, optimizer, standing)
        if standing.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(learning, "_keep", kill)
    with pytest.raises(KeyboardInterrupt):
        Gat(TINY).fit(*lists[:2], Training(seed=3, folder=tmp_path))
    monkeypatch.setattr(learning, "_keep", kept)
    again = Gat(TINY).fit(*lists[:2], Training(seed=3, folder=tmp_path))
    assert again.curves == gat.curves and (again.scores(lists[2]) == gat.scores(lists[2])).all()


def test_lists_without_any_events_have_finite_scores(gat, lists):
    test = lists[2]
    nobody = replace(test, histories=test.histories.take(np.zeros(len(test), dtype=np.int64)))
    scores = gat.scores(nobody)
    assert np.isfinite(scores).all() and np.ptp(scores) > 0
    train = replace(lists[0], histories=lists[0].histories.take(np.zeros(len(lists[0]), dtype=np.int64)))
    assert train.histories.sizes.sum() == 0
    assert np.isfinite(Gat(replace(TINY, epochs=1)).fit(train, nobody, Training(seed=1)).scores(test)).all()


@pytest.mark.parametrize("name", ["gat", "transformer"])
def test_networks_compute_in_bfloat16_where_they_may(name, lists, monkeypatch):
    from engine.rank.registry import RANKERS

    def quick():
        return torch.autocast("cpu", dtype=torch.bfloat16)

    kind = RANKERS.load(name)
    config = kind.Config(width=16, epochs=3, batch_lists=32)
    plain = kind(config).fit(*lists[:2], Training(seed=3))
    for part in (learning, feed):
        monkeypatch.setattr(part, "precision", quick)
    rough = kind(config).fit(*lists[:2], Training(seed=3)).scores(lists[2])
    assert np.isfinite(rough).all() and np.corrcoef(rough, plain.scores(lists[2]))[0, 1] > 0.98


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(SettingsError, match="users is '0'; it must be 1 or more"):
        GatConfig(users=0)
    with pytest.raises(SettingsError, match="heads is 7"):
        GatConfig(heads=7)
