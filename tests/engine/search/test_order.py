import re

import numpy as np
import pytest

from engine.errors import DataError
from engine.search.examples import LEVELS, Examples, examples
from engine.search.features import NAMES
from engine.search.hybrid import Candidates
from engine.search.order import GRADE, ORDER, Order, SecondStageConfig
from engine.search.query import QueryAnalysis

FOUND, GOOD = NAMES.index("bm25"), NAMES.index("cosine")


class Rows:
    """Signals that are the row itself."""

    def of(self, found):
        return np.repeat(found.rows[:, None], len(NAMES), axis=1).astype(np.float32)


def candidates(rows, listed):
    """Candidates in this order, best first; those that aren't listed are in neither list of 3."""
    n = len(rows)
    ranks = np.where(listed, 1, 4)
    scores = np.linspace(1, 0, n, dtype=np.float32)
    query, vector = QueryAnalysis("bag", ("bag",), 1), np.zeros(2, dtype=np.float32)
    return Candidates(query, vector, np.array(rows), scores, scores, ranks, ranks, scores, 3, 1.0, 1.0)


def test_candidates_teach_relevance_and_judged_pairs_teach_grades():
    found = [candidates([7, 4, 9, 2, 5], [True, True, False, True, True])]
    made = examples(found, [{4: 3.0, 9: 2.5}], [{4: 3.0, 9: 2.5, 2: 1.0}], Rows(), 2)
    assert made.signals[:, 0].tolist() == [7, 4, 9, 2] and made.sizes.tolist() == [4]
    assert made.listed.tolist() == [True, True, False, False]  # 9 is in no list, 2 below the depth
    assert made.levels.tolist() == [0, LEVELS, 1, 0]
    assert made.grades[1:].tolist() == [3.0, 2.5, 1.0] and np.isnan(made.grades[0])


def test_lists_without_a_relevant_candidate_teach_grades_only():
    found = [candidates([7, 4, 9], [True, True, False]), candidates([1], [True])]
    made = examples(found, [{9: 3.0}, {}], [{9: 3.0, 7: 1.0}, {}], Rows(), 5)
    assert made.sizes.tolist() == [2, 0] and not made.listed.any() and made.grades.tolist() == [1.0, 3.0]
    with pytest.raises(DataError, match="no order to learn"):
        Order.fit(made)


@pytest.fixture
def shop(monkeypatch):
    """40 queries: one signal tells what is relevant, another how well what was judged answers, which is half of it."""
    monkeypatch.setenv("SHELFWISE_THREADS", "1")
    draw = np.random.default_rng(0)
    signals = np.zeros((800, len(NAMES)), dtype=np.float32)
    signals[:, FOUND], signals[:, GOOD] = draw.random(800), draw.random(800)
    relevant = signals[:, FOUND] > 0.8
    grades = np.where(np.arange(800) % 2 == 0, signals[:, GOOD], np.nan).astype(np.float32)
    return Examples(signals, relevant * LEVELS, grades, np.ones(800, dtype=bool), np.full(40, 20))


def probes():
    """Two pairs that only the relevance signal tells apart, and two that only the other one does."""
    made = np.full((4, len(NAMES)), 0.0, dtype=np.float32)
    made[:, FOUND], made[:, GOOD] = [0.95, 0.1, 0.5, 0.5], [0.5, 0.5, 0.95, 0.05]
    return made


def test_both_kinds_of_trees_count(shop, tmp_path):
    order = Order.fit(shop, SecondStageConfig(rounds=30, grade=1.0))
    relevant, not_, good, bad = order.scores(probes())
    assert relevant > not_ + 0.5 and good > bad + 0.5
    order.save(tmp_path)
    assert (tmp_path / ORDER).is_file() and (tmp_path / GRADE).is_file()
    assert (Order.load(tmp_path).scores(probes()) == order.scores(probes())).all()


def test_grades_count_as_much_as_is_set(shop, tmp_path):
    gaps = []
    for share in (0.0, 0.5, 1.0):
        *_, good, bad = Order.fit(shop, SecondStageConfig(rounds=30, grade=share)).scores(probes())
        gaps.append(good - bad)
    assert gaps[0] < gaps[1] < gaps[2]
    Order.fit(shop, SecondStageConfig(rounds=5, grade=0.0)).save(tmp_path)
    assert not (tmp_path / GRADE).exists()


def test_pairs_that_were_all_judged_alike_teach_no_grades(shop, tmp_path):
    alike = Examples(shop.signals, shop.levels, np.full(800, 2, dtype=np.float32), shop.listed, shop.sizes)
    Order.fit(alike, SecondStageConfig(rounds=5)).save(tmp_path)
    assert not (tmp_path / GRADE).exists() and len(Order.load(tmp_path).scores(probes())) == 4


def test_trees_of_grades_are_smaller(shop, tmp_path):
    Order.fit(shop, SecondStageConfig(rounds=3, leaves=12, least=1, grade_leaves=3)).save(tmp_path)
    leaves = {
        name: max(map(int, re.findall(r"^num_leaves=(\d+)", (tmp_path / name).read_text(), re.M)))
        for name in (ORDER, GRADE)
    }
    assert leaves[GRADE] <= 3 < leaves[ORDER] <= 12
