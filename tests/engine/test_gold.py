from __future__ import annotations

import pandas as pd
import pytest

from engine.decisions import Decisions
from engine.gold import gold_figures, gold_rows

PREDICTIONS = pd.DataFrame(
    [
        ("A", "soft", 0.9, 0.5),
        ("A", "warm", 0.8, 0.5),
        ("A", "light", 0.1, 0.5),
        ("B", "soft", 0.7, 0.5),
        ("C", "soft", 0.9, 0.5),
    ],
    columns=["item_id", "tag", "probability", "threshold"],
)
CATEGORIES = {"A": "Bags", "B": "Shoes", "C": "Bags"}


@pytest.fixture
def decisions(workspace):
    return Decisions(workspace)


def rows(decisions, parts=None):
    return gold_rows(PREDICTIONS, decisions.labels(), CATEGORIES, parts or {})


def test_only_decided_pairs_count(decisions):
    decisions.confirm([("A", "soft"), ("A", "light")], who="Ann")
    decisions.reject([("B", "soft")], reason="Too vague", who="Ann")
    decisions.add([("A", "never seen"), ("gone", "soft")], who="Ann")
    found = rows(decisions, {"B": "test"})
    assert found["item_id"].tolist() == ["A", "B"]
    assert found["predicted"].tolist() == [["soft"], ["soft"]]
    assert found["ranked"].tolist() == [["soft", "light"], ["soft"]]
    assert found["true"].tolist() == [["light", "never seen", "soft"], []]
    assert found["known"].tolist() == [["light", "soft"], []]
    assert found["part"].tolist() == ["", "test"]
    # by hand: soft on A is right, soft on B is wrong, light on A is missed
    assert gold_figures(found) == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "micro_f1": 1 / 2})
    assert gold_figures(found[found["part"] == "test"])["precision"] == 0


def test_without_decisions_there_is_nothing_to_measure(decisions):
    found = rows(decisions)
    assert found.empty
    assert {"item_id", "category", "predicted", "ranked", "true", "known", "hit_rank", "part"} <= set(found)
