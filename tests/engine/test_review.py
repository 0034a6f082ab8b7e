from __future__ import annotations

import pandas as pd
import pytest

from engine.decisions import Decisions
from engine.errors import UnknownNameError
from engine.review import COLUMNS, QUEUES, candidates, progress, queue


def predicted(*rows):
    return pd.DataFrame(rows, columns=["item_id", "tag", "probability", "threshold"])


# "soft" is asserted on twelve SKUs, surest on S00; "warm" on two.
SOFT = [(f"S{n:02}", "soft", 0.99 - 0.03 * n, 0.3) for n in range(12)]
LINEAR = predicted(*SOFT, ("S00", "warm", 0.51, 0.5), ("S01", "warm", 0.9, 0.5), ("S02", "warm", 0.46, 0.5))
PRIOR = predicted(*[(item, "soft", 0.4, 0.35) for item, *_ in SOFT], ("S00", "cheap", 0.9, 0.2))


@pytest.fixture
def decisions(workspace):
    return Decisions(workspace)


def material(decisions, **predictions):
    return candidates("linear", {"linear": LINEAR, **predictions}), decisions.current()


def pairs(rows):
    return list(zip(rows["item_id"], rows["tag"], strict=True))


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_says_why_and_counts_what_is_done(decisions, name):
    rows = queue(name, *material(decisions, prior=PRIOR))
    assert list(rows) == COLUMNS
    assert rows["done"].dtype == bool and not rows["done"].any()
    assert (rows["why"].str.len() > 0).all()
    if len(rows):
        decisions.confirm(pairs(rows)[:1], who="Ann")
        after = queue(name, *material(decisions, prior=PRIOR))
        assert pairs(after) == pairs(rows)
        assert progress(after).total == len(rows)
        assert progress(after).done == (len(rows) if name == "frequent" else 1)
        assert after.loc[0, "verdict"] == "confirmed"


@pytest.mark.parametrize("name", QUEUES)
def test_a_tagger_that_predicts_nothing_makes_empty_queues(decisions, name):
    empty = LINEAR.head(0)
    rows = queue(name, candidates("linear", {"linear": empty, "prior": empty}), decisions.current())
    assert rows.empty and list(rows) == COLUMNS
    assert progress(rows).share == 1.0


def test_uncertain_is_what_lies_near_its_threshold_the_nearest_first(decisions):
    rows = queue("uncertain", *material(decisions))
    assert pairs(rows) == [("S00", "warm"), ("S02", "warm")]
    assert rows["why"].tolist() == ["1.0 points above its threshold", "4.0 points below its threshold"]


def test_taggers_disagree_only_on_tags_that_both_know(decisions):
    prior = predicted(*PRIOR.itertuples(index=False), ("S01", "warm", 0.2, 0.5), ("S05", "warm", 0.8, 0.5))
    rows = queue("disagree", *material(decisions, prior=prior))
    assert pairs(rows) == [("S05", "warm"), ("S01", "warm"), ("S00", "warm")]
    assert rows["why"].tolist()[:2] == [
        "linear doesn’t (0 %), prior asserts it (80 %)",
        "linear asserts it (90 %), prior doesn’t (20 %)",
    ]
    assert rows["probability"].tolist()[:2] == [0.0, 0.9]
    assert rows["threshold"].tolist()[0] == 0.5


def test_one_tagger_alone_agrees_with_itself(decisions):
    assert queue("disagree", *material(decisions)).empty


def test_a_frequent_tag_is_looked_at_on_its_surest_middle_and_least_sure_sku(decisions):
    rows = queue("frequent", *material(decisions))
    assert pairs(rows) == [("S00", "soft"), ("S05", "soft"), ("S11", "soft")]
    assert set(rows["why"]) == {"asserted on 12 SKUs, confirmed on none"}
    decisions.reject([("S02", "soft"), ("S03", "soft")], reason="Too vague", who="Ann")
    assert progress(queue("frequent", *material(decisions))).done == 0
    batch = decisions.confirm([("S01", "soft")], who="Ann")
    after = queue("frequent", *material(decisions))
    assert set(after["why"]) == {"asserted on 12 SKUs, confirmed on 1"}
    assert progress(after).share == 1.0
    decisions.undo(batch, who="Ann")
    decisions.reject([("S04", "soft")], reason="Too vague", who="Ann")
    assert progress(queue("frequent", *material(decisions))).share == 1.0


def test_a_tag_that_was_rejected_mostly_is_looked_at_everywhere(decisions):
    decisions.reject([("S00", "warm")], reason="Too vague", who="Ann")
    assert queue("rejected", *material(decisions)).empty
    batch = decisions.rename([("S07", "warm")], "very warm", who="Ann")
    rows = queue("rejected", *material(decisions))
    assert pairs(rows) == [("S00", "warm"), ("S01", "warm")]
    assert rows["done"].tolist() == [True, False]
    assert rows["why"].tolist()[0] == "rejected on 2 of the 2 SKUs decided"
    decisions.confirm([(f"S{n:02}", "warm") for n in range(3, 6)], who="Ann")
    assert queue("rejected", *material(decisions)).empty
    decisions.undo(batch, who="Ann")
    assert queue("rejected", *material(decisions)).empty


def test_an_unknown_queue_is_named(decisions):
    with pytest.raises(UnknownNameError, match="did you mean 'uncertain'"):
        queue("uncertian", *material(decisions))
