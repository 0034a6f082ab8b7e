from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.errors import ArtifactError, DataError
from engine.rank.config import Range
from engine.rank.tuning import Budget, Study, history, tune


@dataclass(frozen=True)
class Settings:
    leaves: int = 900
    rate: float = 0.5
    kind: str = "b"
    other: int = 1


SPACE = {"leaves": Range(1, 100, log=True), "rate": Range(0.0, 1.0), "kind": Range(choices=("a", "b"))}


def good(settings: Settings, share: float) -> float:
    """Best at 10 leaves, a rate of 0.3 and kind a; clearer with more of train."""
    assert isinstance(settings.leaves, int) and settings.other == 1
    return share * (1 - abs(settings.leaves - 10) / 100 - abs(settings.rate - 0.3) - 0.5 * (settings.kind == "b"))


def search(tmp_path, *, objective=good, metric="ndcg@10", n=12, prune=True, **kwargs):
    study = Study(tmp_path / "some" / "study.db", "one", metric)
    budget = Budget(n, 1.0, prune)
    return tune("lightgbm", Settings(), objective, space=SPACE, study=study, budget=budget, seed=1, **kwargs), study


def test_the_best_is_found_starting_from_what_holds_without(tmp_path):
    seen = []
    found, study = search(tmp_path, n=18, on_trial=lambda number, value: seen.append((number, value)))
    assert found.settings.kind == "a" and found.settings.other == 1 and found.value > 0.6
    assert found.first == pytest.approx(1 - 0.9 - 0.2 - 0.5)  # 900 leaves are more than the space holds: 100
    frame = history(study)
    assert len(frame) == found.n_trials == 18 and frame["state"].isin(["complete", "pruned"]).all()
    assert found.pruned == (frame["state"] == "pruned").sum() > 0
    assert frame["best"].iloc[-1] == pytest.approx(found.value) and frame["best"].is_monotonic_increasing
    assert len(seen) == (frame["state"] == "complete").sum()


def test_a_stopped_search_goes_on_and_an_ended_one_does_nothing(tmp_path):
    calls = []

    def stopped(settings, share):
        calls.append(share)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return good(settings, share)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, objective=stopped, prune=False)
    found, _ = search(tmp_path, prune=False)
    assert found.n_trials == 12
    again, _ = search(tmp_path, prune=False, objective=lambda settings, share: pytest.fail("nothing is left to do"))
    assert again == found


def test_the_same_seed_finds_the_same(tmp_path):
    assert search(tmp_path / "a")[0] == search(tmp_path / "b")[0]


def test_of_a_loss_the_smallest_is_best(tmp_path):
    found, study = search(tmp_path, objective=lambda settings, share: settings.rate, metric="log_loss", prune=False)
    assert found.value == history(study)["value"].min()
    assert history(study)["best"].is_monotonic_decreasing


def test_without_pruning_every_trial_learns_from_all_of_train(tmp_path):
    shares = []
    search(tmp_path, objective=lambda settings, share: shares.append(share) or good(settings, share), prune=False)
    assert set(shares) == {1.0}


def test_a_trial_that_cant_be_measured_is_passed_over(tmp_path):
    def failing(settings, share):
        if settings.kind == "b":
            raise DataError("too few")
        return good(settings, share)

    found, study = search(tmp_path, objective=failing, prune=False)
    assert found.settings.kind == "a" and "fail" in set(history(study)["state"])

    def never(settings, share):
        raise DataError("too few")

    with pytest.raises(DataError, match="None of 3 trials of lightgbm could be measured"):
        search(tmp_path / "other", objective=never, n=3)


def test_time_ends_a_search(tmp_path):
    study = Study(tmp_path / "study.db", "one", "ndcg@10")
    found = tune("x", Settings(), good, space=SPACE, study=study, budget=Budget(10_000, 0.002, False), seed=1)
    assert 1 <= found.n_trials < 500


def test_a_damaged_or_absent_file_is_named(tmp_path):
    study = Study(tmp_path / "study.db", "one", "ndcg@10")
    with pytest.raises(ArtifactError, match=r"study\.db can't be read .*tune again"):
        history(study)
    study.file.write_text("no database" * 500)
    with pytest.raises(ArtifactError, match=r"study\.db can't be read"):
        tune("x", Settings(), good, space=SPACE, study=study, budget=Budget(2, 1.0), seed=1)
