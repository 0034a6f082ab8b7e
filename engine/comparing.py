"""Runs compared: every metric with its interval, test, effect and verdict, and the rows that flipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from engine.metrics.definitions import definition
from engine.metrics.measures import find_kind, measures
from engine.metrics.permutation import N_PERMUTATIONS, effect_size, holm, permutation_test
from engine.metrics.significance import Measure, PairedDifference, paired_bootstrap
from engine.runs import Run, RunStore, paired_rows
from engine.settings import DEFAULT_SEED

MARGIN = 0.005
Verdict = Literal["better", "no worse", "slightly worse", "worse", "undecided"]
VERDICTS: Mapping[Verdict, str] = {
    "better": "clearly better",
    "no worse": "no worse than the margin allows",
    "slightly worse": "clearly worse, but by no more than the margin",
    "worse": "clearly worse",
    "undecided": "undecided: the rows are too few to tell",
}


@dataclass(frozen=True)
class Compared:
    """One metric of two runs.

    test: the paired bootstrap of b beside the baseline a; p: the permutation test's p-value, corrected for all metrics
    that were compared; effect: Cohen's d over rows; margin: by how much b may be worse.
    """

    test: PairedDifference
    p: float
    effect: float
    margin: float
    higher_is_better: bool = True

    @property
    def verdict(self) -> Verdict:
        """Better or worse where the interval leaves out 0, no worse where it stays above -margin, else undecided."""
        low, high = (self.test.low, self.test.high) if self.higher_is_better else (-self.test.high, -self.test.low)
        if low > 0:
            return "better"
        if high < 0:
            return "slightly worse" if low >= -self.margin else "worse"
        return "no worse" if low >= -self.margin else "undecided"

    @property
    def words(self) -> str:
        """In words: "+0.012 (0.004 to 0.020), 118 queries better, 74 worse; p 0.003, effect 0.15; clearly better"."""
        p = f"p {self.p:.3f}" if self.p >= 0.001 else "p < 0.001"
        return f"{self.test.words()}; {p}, effect {self.effect:+.2f}; {VERDICTS[self.verdict]}"


@dataclass(frozen=True)
class Comparison:
    """Run `b` beside the baseline `a`: each metric by name, over the same `n` rows."""

    a: Run
    b: Run
    metrics: Mapping[str, Compared]
    n: int


def compare_runs(
    store: RunStore,
    baseline: str,
    other: str,
    *,
    metrics: Sequence[str] | None = None,
    margin: float = MARGIN,
    seed: int = DEFAULT_SEED,
    n_permutations: int = N_PERMUTATIONS,
) -> Comparison:
    """Run `other` beside `baseline` in each of `metrics` (default: those of their kind).

    n_permutations: of each metric's test, which takes most of the time; 0 leaves p-values out (NaN). Errors as in
    `paired_rows`.
    """
    a, b = paired_rows(store, baseline, other)
    first, second = store.get(baseline), store.get(other)
    found = compare_rows(first.kind, a, b, metrics=metrics, margin=margin, seed=seed, n_permutations=n_permutations)
    return Comparison(first, second, found, len(a))


def compare_rows(
    kind: str,
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    margin: float = MARGIN,
    seed: int = DEFAULT_SEED,
    n_permutations: int = N_PERMUTATIONS,
) -> dict[str, Compared]:
    """The rows `b` beside the rows `a` of the same ids in the same order, for each metric, as `compare_runs` does."""
    unit = find_kind(kind).unit
    before, after = measures(kind, a, metrics), measures(kind, b, metrics)
    tests = {name: paired_bootstrap(before[name], after[name], seed=seed, unit=unit) for name in before}
    p = _p_values(kind, a, b, metrics, seed, n_permutations) if n_permutations else [float("nan")] * len(before)
    return {
        name: Compared(
            tests[name],
            corrected,
            effect_size(before[name], after[name]),
            margin,
            _higher_is_better(name),
        )
        for name, corrected in zip(before, p, strict=True)
    }


def _p_values(
    kind: str, a: pd.DataFrame, b: pd.DataFrame, metrics: Sequence[str] | None, seed: int, n_permutations: int
) -> list[float]:
    """The corrected p-value of each metric. Both runs are measured together, so that the columns of parts agree."""
    together = measures(kind, pd.concat([a, b], ignore_index=True), metrics)
    halves = [(_part(one, slice(0, len(a))), _part(one, slice(len(a), None))) for one in together.values()]
    return holm([permutation_test(*both, seed=seed, n_resamples=n_permutations) for both in halves])


def _part(measure: Measure, rows: slice) -> Measure:
    """The measure of some of its rows."""
    return Measure(measure.parts[rows], measure.combine, measure.values[rows], measure.recentre)


def _higher_is_better(metric: str) -> bool:
    known = definition(metric)
    return known is None or known.higher_is_better
