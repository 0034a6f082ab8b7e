from dataclasses import replace

import numpy as np
import pytest
import torch
from ranked import COLUMNS, make_lists, make_stock

from engine.errors import ArtifactError, SettingsError
from engine.rank.lists import Histories
from engine.rank.nets.batch import HOUR, Reader, newest
from engine.rank.nets.known import Known
from engine.rank.nets.losses import bce_loss, logsumexp, softmax_loss
from engine.rank.nets.memory import until_it_fits
from engine.rank.transformer import TransformerConfig

CPU = torch.device("cpu")


def read(lists, weights=None, *, max_events=50):
    known = Known.of(lists, features=True)
    return Reader(known, lists.stock, max_events, CPU).batch(lists, weights)


def test_unknown_names_have_place_0():
    stock = make_stock()
    lists = make_lists(3, stock=stock)
    known = Known.of(lists, features=True)
    met = np.unique(np.concatenate([lists.items, lists.histories.items]))
    places = known.items_of(stock)
    assert (places[met] == np.arange(1, len(met) + 1)).all()
    assert places.sum() == places[met].sum()
    other = replace(stock, category_names=np.array(["c1", "new", "c2", "c3"], dtype=object))
    assert set(known.categories_of(other)[stock.categories == 1]) == {0}
    assert known.kinds_of(["transaction", "like"]).tolist() == [3, 0]


def test_features_become_deviations_with_a_mark_where_they_are_unknown():
    lists = make_lists(40)
    features = lists.features.copy()
    features[:2, 0], features[0, 4] = np.nan, np.nan
    known = Known.of(lists, features=True)
    numbers, codes = known.numbers(features), known.codes_of(features)
    assert numbers.shape == (len(features), 8)
    assert numbers[:2, 0].tolist() == [0, 0] and numbers[:3, 4].tolist() == [1, 1, 0]
    assert abs(numbers[2:, 0].mean()) < 0.05 and numbers[2:, 0].std() == pytest.approx(1, abs=0.05)
    assert codes[0, 0] == 0 and (codes[1:, 0] == lists.features[1:, 4] + 1).all()
    assert known.codes_of(np.full((1, 5), 99, dtype=np.float32)).tolist() == [[0]]
    assert Known.of(lists, features=False).numbers(features[:, :0]).shape == (len(features), 0)


def test_what_is_known_survives_being_said():
    known = Known.of(make_lists(5), features=True)
    again = Known.heard(known.said())
    assert again.columns == COLUMNS and again.item_ids.tolist() == known.item_ids.tolist()
    assert again.scales.tolist() == known.scales.tolist() and again.codes == known.codes


def test_vectors_of_another_width_are_refused():
    lists = make_lists(5)
    known = Known.of(lists, features=True)
    with pytest.raises(ArtifactError, match="vectors of 4 numbers, and the ranker learned from vectors of 8"):
        known.items_of(make_stock(width=4))
    with pytest.raises(ArtifactError, match="no vectors"):
        known.items_of(replace(lists.stock, vectors=None))


def test_a_batch_points_at_its_own_items():
    lists = make_lists(6)
    batch = read(lists)
    ids = read(lists).items.ids
    reader = Reader(Known.of(lists, features=True), lists.stock, 50, CPU)
    assert (ids[batch.candidates].numpy() == reader.ids[lists.items]).all()
    assert (ids[batch.events].numpy() == reader.ids[lists.histories.items]).all()
    assert batch.gaps.min() >= 0 and batch.wanted.sum() == lists.wanted.sum()


def test_gaps_are_hours_since_the_event_before_and_until_the_moment():
    histories = Histories(
        np.array([2, 0, 1]),
        np.array([0, 1, 2], dtype=np.int32),
        np.zeros(3, dtype=np.int16),
        np.array([0, 3 * HOUR, HOUR]),
        ("view", "addtocart", "transaction"),
    )
    lists = replace(make_lists(3), histories=histories, micros=np.full(3, 7 * HOUR))
    expected = [[0, 7], [3, 4], [0, 6]]
    assert np.expm1(read(lists).gaps.numpy()) == pytest.approx(np.array(expected), abs=1e-4)


def test_only_the_newest_events_are_read():
    lists = make_lists(10)
    fewer = newest(lists.histories, 3)
    assert fewer.sizes.max() == 3 and fewer.sizes[0] == 0
    for n in range(1, 10):
        own = slice(lists.histories.starts[n + 1] - fewer.sizes[n], lists.histories.starts[n + 1])
        assert (lists.histories.micros[own] == fewer.micros[fewer.starts[n] : fewer.starts[n + 1]]).all()
    assert newest(fewer, 5) is fewer


def test_softmax_loss_is_the_cross_entropy_of_each_list_times_its_weight():
    lists = make_lists(4, 5)
    batch, scores = read(lists), torch.linspace(-1, 1, 20)
    by_hand = []
    for n in range(4):
        own, wanted = scores[batch.owners == n], batch.wanted[batch.owners == n]
        by_hand.append(-float((torch.log_softmax(own, 0) * wanted).sum() / wanted.sum()))
    assert float(softmax_loss(scores, batch)) == pytest.approx(sum(by_hand), rel=1e-5)
    weights = np.repeat([1, 2, 0, 1], 5).astype(np.float32)
    weighed = float(softmax_loss(scores, read(lists, weights)))
    assert weighed == pytest.approx(by_hand[0] + 2 * by_hand[1] + by_hand[3], rel=1e-5)


def test_bce_loss_is_each_candidates_log_loss_times_its_weight():
    lists = make_lists(2, 3)
    batch, scores = read(lists), torch.tensor([0.5, -1.0, 2.0, 0.0, 0.0, 1.0])
    chances = torch.sigmoid(scores)
    each = -torch.log(torch.where(batch.wanted > 0, chances, 1 - chances))
    assert float(bce_loss(scores, batch)) == pytest.approx(float(each.sum()) / 3, rel=1e-5)
    weights = np.array([0, 0, 6, 0, 0, 0], dtype=np.float32)
    assert float(bce_loss(scores, read(lists, weights))) == pytest.approx(2 * float(each[2]), rel=1e-5)


@pytest.mark.parametrize("loss", [softmax_loss, bce_loss])
def test_losses_stay_finite_without_anything_wanted_and_with_far_scores(loss):
    lists = make_lists(3, 4)
    batch = read(replace(lists, wanted=np.zeros(12, dtype=bool)))
    scores = torch.tensor([0.0, 80.0, -80.0, 0.0] * 3, requires_grad=True)
    lost = loss(scores, batch)
    lost.backward()
    assert torch.isfinite(lost) and torch.isfinite(scores.grad).all()
    if loss is softmax_loss:
        assert float(lost.detach()) == 0


def test_logsumexp_is_torchs_own_for_each_list():
    scores, owners = torch.tensor([1.0, 2.0, 300.0, -5.0]), torch.tensor([0, 0, 1, 1])
    found = logsumexp(scores, owners, 3)
    assert found[:2].tolist() == pytest.approx([float(scores[:2].logsumexp(0)), 300.0])


class Memory:
    """Room for `most` at once; says so as an allocator does."""

    def __init__(self, most, said="DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"):
        self.most, self.said, self.asked = most, said, []

    def work(self, at_once):
        self.asked.append(at_once)
        if at_once > self.most:
            raise RuntimeError(self.said)
        return "done"


def test_less_is_done_at_once_when_memory_runs_out():
    memory = Memory(20)
    assert until_it_fits(memory.work, 64) == ("done", 16)
    assert memory.asked == [64, 32, 16]
    with pytest.raises(SettingsError, match="isn't enough memory for a single list; make the network smaller"):
        until_it_fits(Memory(0).work, 4)
    with pytest.raises(RuntimeError, match="shapes"):
        until_it_fits(Memory(0, "shapes don't fit").work, 4)


def test_cudas_error_counts_as_memory():
    def work(at_once):
        if at_once > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return at_once

    assert until_it_fits(work, 8) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": "hinge"}, "loss is 'hinge'; it must be one of softmax, bce"),
        ({"width": 0}, "width is '0'; it must be 1 or more"),
        ({"dropout": 1.0}, "dropout is '1.0'"),
        ({"rate": 0.0}, "rate is '0.0'; it must be more than 0"),
        ({"heads": 5}, "heads is 5; it must divide width, which is 48"),
        ({"layers": 0}, "layers is '0'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(SettingsError, match=said):
        TransformerConfig(**settings)
