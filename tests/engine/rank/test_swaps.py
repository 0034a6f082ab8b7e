"""Why one candidate is above another, and the smallest change that swaps them."""

from dataclasses import replace

import numpy as np
import pytest

from engine.rank.lists import CODE
from engine.rank.pairs import compare_pair
from engine.rank.panel import Panel
from engine.rank.seen import WHOLE, seen_values
from engine.rank.swaps import ABOVE, BELOW, LIST, feature_swaps, reweighted, weight_swaps
from tests.linear_ranker import Linear, make_ensemble, make_panel
from tests.ranked import make_lists


@pytest.fixture(scope="module")
def train():
    return make_lists(200)


@pytest.fixture(scope="module")
def one():
    return make_lists(5, seed=3).take(np.array([2]))


@pytest.fixture(scope="module")
def panel(one):
    return make_panel(one)


def places(panel, one):
    """The first and the last row of the list."""
    order = one.ordered(panel.scores(one))
    return int(order[0]), int(order[-1])


def changed(one, swap, above, below):
    features = one.features.copy()
    rows = {ABOVE: [above], BELOW: [below], LIST: slice(None)}[swap.side]
    features[rows, swap.column] = swap.after
    return replace(one, features=features)


def test_a_pair_adds_up_member_by_member_and_feature_by_feature(panel, one):
    above, below = places(panel, one)
    pair = compare_pair(panel, one, above, below)
    assert sum(part.difference for part in pair.members) == pytest.approx(pair.scores[0] - pair.scores[1])
    assert [part.name for part in pair.members] == sorted(
        panel.members, key=lambda name: -abs(next(p.difference for p in pair.members if p.name == name))
    )
    inside = {part.name: part for part in pair.inside["suits"]}
    affinity = one.names.index("pair_affinity")
    assert inside["pair_affinity"].above == pytest.approx(one.features[above, affinity])
    assert inside["pair_affinity"].below == pytest.approx(one.features[below, affinity])
    assert compare_pair(panel, one, below, above).members[0].difference == pytest.approx(-pair.members[0].difference)


def test_the_smallest_change_swaps_and_nothing_smaller_seen_in_train_does(panel, one, train):
    above, below = places(panel, one)
    seen = seen_values(train)
    found = feature_swaps(panel, one, above, below, seen)
    assert found and [swap.size for swap in found] == sorted(swap.size for swap in found)
    for swap in found:
        after = panel.scores(changed(one, swap, above, below))
        assert after[below] - after[above] == pytest.approx(swap.lead) and swap.lead > 0
        values = seen[swap.column]
        assert swap.after in values.distinct
    best = found[0]
    values = seen[best.column]
    closer = values.distinct[values.far(best.before, values.distinct) < best.size - 2 / 33]
    for value in closer[:: max(len(closer) // 20, 1)]:
        tried = panel.scores(changed(one, replace(best, after=float(value)), above, below))
        assert tried[below] <= tried[above]


def test_where_no_value_swaps_nothing_is_told(one, train):
    panel = make_panel(one, {"popular": 0.0, "suits": 0.0, "loyal": 1.0})
    above, below = places(panel, one)
    assert feature_swaps(panel, one, above, below, seen_values(train)) == ()


def test_what_all_candidates_share_changes_for_all_of_them(one, train):
    seen = seen_values(train)
    assert [values.feature.name for values in seen if values.shared] == ["hour"]

    class Late(Linear):
        def explain(self, lists):
            hour, affinity = (lists.features[:, lists.names.index(name)] for name in ("hour", "pair_affinity"))
            return [{"both": float(np.where(hour < 12, a, -a))} for hour, a in zip(hour, affinity, strict=True)]

    morning = replace(one, features=one.features.copy())
    morning.features[:, one.names.index("hour")] = 3
    panel = Panel({"late": Late({}, one.columns)}, make_ensemble({"late": 1.0}))
    above, below = places(panel, morning)
    swap = next(swap for swap in feature_swaps(panel, morning, above, below, seen) if swap.feature.name == "hour")
    assert (swap.side, swap.before, swap.after) == (LIST, 3, 12)


def test_codes_and_unknown_values_have_no_distance(train, one):
    seen = {values.feature.name: values for values in seen_values(train)}
    category, price = seen["item_category"], seen["item_price"]
    assert category.feature.kind == CODE
    assert category.far(0.0, np.array([0.0, 1.0, 3.0])).tolist() == [0.0, WHOLE, WHOLE]
    assert price.far(np.nan, price.distinct[:2]).tolist() == [WHOLE, WHOLE]
    assert not np.isnan(price.distinct).any()
    low, high = price.distinct[0], price.distinct[-1]
    assert price.far(low, np.array([low, high])) == pytest.approx([0, 1], abs=0.01)


def test_a_weight_that_swaps_is_the_nearest_and_the_others_keep_their_proportions(panel, one):
    scores = panel.member_scores(one)
    above = int(one.ordered(panel.scores(one))[0])
    below = int(np.argmax(scores["loyal"]))
    assert above != below
    found = weight_swaps(panel, one, above, below)
    assert found and [swap.size for swap in found] == sorted(swap.size for swap in found)
    for swap in found:
        total = panel.combine(one, scores, swap.weights)
        assert total[below] > total[above] and sum(swap.weights.values()) == pytest.approx(1)
        nearer = swap.before + (swap.after - swap.before) * (1 - 0.002)
        kept = panel.combine(one, scores, reweighted(panel.weights, swap.member, nearer))
        assert kept[below] <= kept[above] or swap.size < 0.002
    others = reweighted(panel.weights, "loyal", 0.6)
    assert others["popular"] / others["suits"] == pytest.approx(0.5 / 0.3)
    assert reweighted({"a": 1.0, "b": 0.0}, "a", 0.4) == pytest.approx({"a": 0.4, "b": 0.6})


def test_no_weights_swap_what_all_members_agree_on(one):
    every = make_panel(one)
    two = {name: every.members[name] for name in ("popular", "suits")}
    panel = Panel(two, make_ensemble({"popular": 0.5, "suits": 0.5}))
    scores = panel.member_scores(one)
    better = np.array([[all(s[a] > s[b] for s in scores.values()) for b in range(12)] for a in range(12)])
    above, below = (int(place) for place in np.argwhere(better)[0])
    assert weight_swaps(panel, one, above, below) == ()


def test_a_member_with_no_weight_can_get_one(one):
    panel = make_panel(one, {"popular": 1.0, "suits": 0.0, "loyal": 0.0})
    scores = panel.member_scores(one)
    above, below = places(panel, one)
    swaps = {swap.member: swap for swap in weight_swaps(panel, one, above, below)}
    assert set(swaps) <= {"suits", "loyal", "popular"}
    for name in ("suits", "loyal"):
        assert (name in swaps) == (scores[name][below] > scores[name][above])
