from dataclasses import replace

import numpy as np
import pytest
import torch
from ranked import make_lists, make_stock

from engine.errors import ArtifactError, DataError, SettingsError
from engine.models.checkpoints import Checkpoints
from engine.rank.base import Training
from engine.rank.evaluation import list_ndcg
from engine.rank.left_out import without_each
from engine.rank.nets import learning
from engine.rank.nets.feed import Feed, score
from engine.rank.nets.learning import learn
from engine.rank.transformer import Transformer, TransformerConfig

TINY = TransformerConfig(width=16, layers=1, epochs=8, batch_lists=16, rate=5e-3)
EVENTS_ONLY = replace(TINY, features=False, epochs=15)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def lists():
    stock = make_stock()
    return tuple(make_lists(n, seed=seed, stock=stock) for seed, n in enumerate((150, 40, 60)))


@pytest.fixture(scope="module")
def of_events(lists):
    return Transformer(EVENTS_ONLY).fit(lists[0], lists[1], Training(seed=3))


def ndcg(lists, scores):
    return list_ndcg(lists, scores, 5).mean()


def test_it_learns_from_events_alone(of_events, lists):
    test = lists[2]
    chance = ndcg(test, np.zeros(len(test.items)))
    assert of_events.columns == () and of_events.importance() == {}
    assert ndcg(test, of_events.scores(test)) > chance + 0.2


def test_features_are_read_without_their_names_being_lost(lists):
    ranker = Transformer(TINY).fit(*lists[:2], Training(seed=3))
    shares = ranker.importance()
    assert max(shares, key=shares.get) == "pair_affinity" and sum(shares.values()) == pytest.approx(1)
    other = replace(lists[2], columns=lists[2].columns[::-1])
    with pytest.raises(ArtifactError, match="was fitted on other features"):
        ranker.scores(other)


def test_scores_depend_on_the_list_alone(of_events, lists):
    test = lists[2]
    whole = of_events.scores(test)
    chosen = np.array([7, 0, 31])
    rows = np.concatenate([np.arange(test.starts[n], test.starts[n + 1]) for n in chosen])
    assert of_events.scores(test.take(chosen)) == pytest.approx(whole[rows], abs=2e-6)
    assert len(of_events.scores(test.take(np.array([], dtype=np.int64)))) == 0


def test_the_future_of_an_event_does_not_change_what_came_before(of_events, lists):
    _, net = of_events.fitted
    batch = of_events.feed(lists[2]).batch(np.array([1, 2, 3]))
    items, _ = net.items(batch.items)
    size = int(batch.sizes.min())
    assert size > 1
    before = net._states(batch, items, *_places(batch.sizes))
    changed = items.clone()
    last = torch.cumsum(batch.sizes, 0) - 1
    changed[batch.events[last]] += 1.0
    earlier = [n for n in range(3) if batch.events[last[n]] not in batch.events[last[n] - batch.sizes[n] + 1 : last[n]]]
    after = net._states(batch, changed, *_places(batch.sizes))
    for n in earlier:
        stop = int(batch.sizes[n])
        assert torch.equal(before[n, 0], after[n, 0]) and not torch.equal(before[n, stop], after[n, stop])


def _places(sizes):
    owners = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    return owners, torch.cat([torch.arange(1, int(size) + 1) for size in sizes])


def test_unknown_items_and_users_without_events_have_finite_scores(of_events, lists):
    test = lists[2]
    fresh = replace(test.stock, item_ids=np.array([f"new{n}" for n in range(len(test.stock))], dtype=object))
    unknown = replace(test, stock=fresh)
    scores = of_events.scores(unknown)
    assert np.isfinite(scores).all()
    chance = ndcg(unknown, np.zeros(len(scores)))
    assert ndcg(unknown, scores) > chance + 0.1  # their vectors and categories still tell
    empty = test.histories.take(np.zeros(len(test), dtype=np.int64))
    assert test.histories.sizes[0] == 0 and np.isfinite(of_events.scores(replace(test, histories=empty))).all()


def test_it_says_what_past_items_did(of_events, lists):
    one = lists[2].take(np.array([4]))
    told = of_events.explain(one)
    history = set(one.stock.item_ids[one.histories.items])
    assert len(told) == 12 and all(set(parts) == history for parts in told)
    item = one.histories.items[-1]
    kept = one.histories.items != item
    fewer = without_each(one, np.array([item]))
    assert fewer.histories.sizes.tolist() == [kept.sum()]
    lost = of_events.scores(one) - of_events.scores(fewer)
    assert [parts[one.stock.item_ids[item]] for parts in told] == pytest.approx(lost, abs=5e-6)
    assert of_events.explain(lists[2].take(np.array([0]))) == [{}] * 12


def test_a_killed_fit_goes_on_as_if_it_had_not_been(lists, tmp_path, monkeypatch):
    train, valid, test = lists
    whole = Transformer(TINY).fit(train, valid, Training(seed=3))
    kept = learning._keep

    def kill(checkpoints, learned, best, optimizer, standing):
        kept(checkpoints, learned, best, optimizer, standing)
        if standing.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(learning, "_keep", kill)
    with pytest.raises(KeyboardInterrupt):
        Transformer(TINY).fit(train, valid, Training(seed=3, folder=tmp_path))
    monkeypatch.setattr(learning, "_keep", kept)
    told = []
    again = Transformer(TINY).fit(train, valid, Training(3, folder=tmp_path, progress=lambda *said: told.append(said)))
    assert told[0][0] == 4 / TINY.epochs and again.curves == whole.curves
    assert (again.scores(test) == whole.scores(test)).all()
    assert not list(tmp_path.glob("*/*"))


def test_other_settings_or_data_do_not_go_on_from_a_checkpoint(lists, tmp_path, monkeypatch):
    train, valid, _ = lists
    seen = []
    monkeypatch.setattr(Checkpoints, "last", lambda self: seen.append(self.folder.name))
    monkeypatch.setattr(Checkpoints, "save", lambda *_: None)
    short = replace(TINY, epochs=1)
    for config, data, seed in ((short, train, 1), (short, train, 2), (replace(short, decay=0.0), train, 1)):
        Transformer(config).fit(data, valid, Training(seed, folder=tmp_path))
    Transformer(short).fit(train.take(np.arange(100)), valid, Training(1, folder=tmp_path))
    Transformer(short).fit(train, valid, Training(1, folder=tmp_path))
    assert len(set(seen)) == 4 and seen[0] == seen[4]


def test_smaller_parts_of_a_batch_learn_the_same(lists, monkeypatch):
    train, valid, test = lists
    config = replace(TINY, epochs=1, dropout=0.0, forget=0.0, next_event=0.0)
    whole = Transformer(config).fit(train, valid, Training(seed=3)).scores(test)
    batch = Feed.batch
    asked = []

    def narrow(self, chosen):
        asked.append(len(chosen))
        if len(chosen) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return batch(self, chosen)

    monkeypatch.setattr(Feed, "batch", narrow)
    assert Transformer(config).fit(train, valid, Training(seed=3)).scores(test) == pytest.approx(whole, abs=1e-3)
    assert asked[:3] == [16, 8, 4] and asked.count(16) < 10  # it stays with what fitted


def test_where_valid_says_nothing_every_epoch_is_learned(lists):
    train, valid, _ = lists
    short = replace(TINY, epochs=3, patience=1)
    for silent in (replace(valid, wanted=None), valid.take(np.array([], dtype=np.int64))):
        ranker = Transformer(short).fit(train, silent, Training(seed=3))
        assert list(ranker.curves) == ["train loss"] and len(ranker.curves["train loss"]) == 3


def test_it_stops_when_valid_gets_no_better(lists):
    train, valid, _ = lists
    patient, shares = replace(TINY, epochs=40, patience=2), []
    training = Training(seed=3, progress=lambda share, words: shares.append(share))
    curve = Transformer(patient).fit(train, valid, training).curves["valid ndcg@5"]
    assert shares == sorted(shares) and shares[-1] == 1
    assert len(curve) < 40 and len(curve) - 1 - int(np.argmax(curve)) == 2


def test_a_rate_that_breaks_learning_is_named(lists):
    with pytest.raises(SettingsError, match=r"its loss became nan; lower rate, which is 1e\+30"):
        Transformer(replace(TINY, rate=1e30)).fit(*lists[:2], Training(seed=3))


def test_the_best_weights_stay(lists):
    train, valid, _ = lists
    ranker = Transformer(replace(TINY, patience=2, epochs=40)).fit(train, valid, Training(seed=3))
    reached = ndcg(valid, ranker.scores(valid))
    assert reached == pytest.approx(max(ranker.curves["valid ndcg@5"]), abs=1e-3)


@pytest.mark.parametrize(("wanted", "said"), [(True, "every one"), (False, "none")])
def test_there_must_be_something_to_learn(lists, wanted, said):
    train = replace(lists[0], wanted=np.full(len(lists[0].items), wanted))
    with pytest.raises(DataError, match=f"{said} was wanted, so there is nothing to learn"):
        Transformer(TINY).fit(train, lists[1], Training(seed=3))


def test_histories_are_needed(of_events, lists):
    without = replace(lists[0], histories=None)
    with pytest.raises(DataError, match="no histories"):
        Transformer(TINY).fit(without, lists[1], Training(seed=3))
    with pytest.raises(DataError, match="no histories"):
        of_events.scores(without)


def test_it_is_kept_whole(of_events, lists, tmp_path):
    of_events.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "net.safetensors"]
    again = Transformer.load(tmp_path)
    assert again.config == EVENTS_ONLY and again.curves == of_events.curves
    assert (again.scores(lists[2]) == of_events.scores(lists[2])).all()
    with pytest.raises(ArtifactError, match="has learned nothing yet"):
        Transformer().save(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("net.safetensors", b"cut", "it isn't what was saved"),
        ("net.safetensors", None, "net.safetensors"),
        ("config.json", b"{", "config.json"),
        ("config.json", b'{"ranker": "gat"}', "is of the ranker 'gat', not of transformer"),
    ],
)
def test_damage_is_named(of_events, tmp_path, file, content, said):
    of_events.save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ArtifactError, match=said):
        Transformer.load(tmp_path)


def test_weights_of_candidates_count(lists):
    train, valid, test = lists
    weights = np.where(train.wanted, 20.0, 1.0).astype(np.float32)
    config = replace(TINY, loss="bce", epochs=2)
    plain = Transformer(config).fit(train, valid, Training(seed=3)).scores(test)
    weighed = Transformer(config).fit(train, valid, Training(seed=3, weights=weights)).scores(test)
    assert weighed.mean() > plain.mean() + 0.5  # log-odds rise with the share of what was wanted


def test_learning_and_scoring_need_no_more_than_a_net_and_lists(of_events, lists):
    _, net = of_events.fitted
    curves = learn(net, of_events.feed(lists[1]), of_events.feed(lists[1]), replace(EVENTS_ONLY, epochs=1), Training(1))
    assert len(curves["train loss"]) == 1 and score(net, of_events.feed(lists[2])).shape == (720,)
