"""Figures of single tags, of thresholds and of calibration, from the rows of a run."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from engine.metrics.measures import aggregate
from engine.tag_figures import chances_of, examples, per_tag

TAGS = ["loud", "soft", "warm", "wide"]


def rows(n=50, seed=0, threshold=0.5):
    rng = np.random.default_rng(seed)
    true = rng.random((n, 4)) < [0.1, 0.3, 0.5, 0.2]
    chance = np.clip(0.5 * true + 0.5 * rng.random((n, 4)), 0, 1)
    chance[:, 3] = 0  # never ranked
    order = np.argsort(-chance, axis=1)
    ranked = [[TAGS[t] for t in line if chance[i, t] > 0] for i, line in enumerate(order)]
    scores = [[chance[i, t] for t in line if chance[i, t] > 0] for i, line in enumerate(order)]
    frame = {
        "item_id": [f"s{i}" for i in range(n)],
        "ranked": ranked,
        "scores": scores,
        "known": [[TAGS[t] for t in np.flatnonzero(line)] for line in true],
        "predicted": [[TAGS[t] for t in np.flatnonzero(line >= threshold)] for line in chance],
    }
    return pd.DataFrame({**frame, "true": frame["known"]}), true, chance


def test_figures_at_a_threshold_are_those_of_the_sets_it_asserts():
    frame, true, chance = rows(threshold=0.6)
    found = chances_of(frame).figures_at(0.6)
    wanted = aggregate("tags", frame, ["micro_f1", "macro_f1", "precision", "recall"])
    assert found == pytest.approx(wanted)
    assert found["micro_f1"] == pytest.approx(f1_score(true, chance >= 0.6, average="micro"))


def test_the_curve_holds_every_threshold():
    frame, _, _ = rows()
    chances = chances_of(frame)
    curve = chances.curve
    best = int(curve.f1.argmax())
    assert curve.f1[best] == pytest.approx(chances.figures_at(curve.thresholds[best])["micro_f1"])
    assert curve.recall[-1] < 1 and chances.n_missed == frame["known"].map(lambda tags: "wide" in tags).sum()


def test_each_tag_has_its_line():
    frame, true, chance = rows()
    found = per_tag(frame).set_index("tag")
    precision, recall, f1, support = precision_recall_fscore_support(true, chance >= 0.5, zero_division=0)
    for place, tag in enumerate(TAGS[:3]):
        line = found.loc[tag, ["precision", "recall", "f1", "support"]].astype(float).tolist()
        assert line == pytest.approx([precision[place], recall[place], f1[place], support[place]])
    assert np.isnan(found.loc["wide", "precision"]) and found.loc["wide", "recall"] == 0
    assert found["support"].is_monotonic_decreasing


def test_what_was_asserted_instead_is_named():
    frame = pd.DataFrame(
        {"known": [["soft"], ["soft"], ["warm"]], "predicted": [["loud"], ["loud", "warm"], ["warm"]]}
    ).assign(item_id=["a", "b", "c"])
    line = per_tag(frame).set_index("tag").loc["soft"]
    assert (line["instead"], line["n_instead"]) == ("loud", 2)
    shown = examples(frame, "warm")
    assert list(zip(shown["item_id"], shown["outcome"], strict=True)) == [("b", "wrong"), ("c", "right")]


def test_calibration_compares_chances_with_shares():
    frame, _, chance = rows(n=400)
    found = chances_of(frame).calibration()
    assert sum(n for _, _, n in found) == (chance > 0).sum()
    assert found[-1][1] > 0.9 and found[0][1] < 0.1 and all(0 <= mean <= 1 for mean, _, _ in found)


def test_one_tag_alone():
    frame, true, _ = rows()
    soft = chances_of(frame).of_tag("soft")
    assert soft.true.sum() == true[:, 1].sum() == soft.support.sum()
    assert soft.curve.recall[-1] == 1.0
