"""Runs side by side: which there are of each room, what each is compared with, and its figures beside that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import DataError, UnknownNameError
from engine.gold import is_gold
from engine.metrics.definitions import Definition, definition, label
from engine.metrics.significance import Measure, PairedDifference
from engine.run_values import Figure, RunValues, Where, compared, open_values
from engine.runs import Run, RunStore, comparable, differences


@dataclass(frozen=True)
class Room:
    """A kind of runs as a room of the dashboards.

    label: on screen; one: what a row is; baselines: the models that others are compared with, the first that there
    is; headline: the metric that opens first.
    """

    label: str
    one: str
    baselines: tuple[str, ...]
    headline: str


ROOMS: Mapping[str, Room] = {
    "tags": Room("Tags", "SKU", ("prior", "linear"), "micro_f1"),
    "search": Room("Search", "query", ("bm25", "popular"), "recall@10"),
    "recommend": Room("Recommendations", "user", ("popular", "item_knn"), "ndcg@10"),
    "rank": Room("Ranking", "list", ("recommend", "popularity"), "ndcg@5"),
}


@dataclass(frozen=True)
class Scored:
    """One metric of a run: its figure, its definition, and the baseline's figure and the difference where there are."""

    name: str
    figure: Figure
    definition: Definition | None
    baseline: float | None = None
    difference: PairedDifference | None = None

    @property
    def label(self) -> str:
        """The metric's name on screen."""
        return label(self.name)

    @property
    def better(self) -> int:
        """1 where the run is clearly better than its baseline, -1 where clearly worse, 0 where that is open."""
        if self.difference is None or not self.difference.clear:
            return 0
        up = self.difference.difference > 0
        return 1 if up == (self.definition is None or self.definition.higher_is_better) else -1


def runs_of(store: RunStore, kind: str) -> list[Run]:
    """The runs of a room, newest first, without those on people's decisions, which have figures of their own.

    Raises UnknownNameError for a kind that no room shows.
    """
    if kind not in ROOMS:
        raise UnknownNameError("room of metrics", kind, ROOMS)
    return [run for run in store.list(kind) if not is_gold(run)]


def rooms_of(store: RunStore) -> set[str]:
    """The rooms that have a run to show."""
    return {run.kind for run in store.list() if not is_gold(run)}


def first_run(runs: Sequence[Run], kind: str) -> Run | None:
    """The run that a room opens with: the newest that is no baseline, or else the newest; None when there is none."""
    return next((run for run in runs if run.model not in ROOMS[kind].baselines), runs[0] if runs else None)


def baseline_of(runs: Sequence[Run], run: Run) -> Run | None:
    """The newest run of the first baseline that `run` can be compared with and is not itself."""
    able = [other for other in runs if other.id != run.id and not differences(other, run)]
    wanted = (next((other for other in able if other.model == name), None) for name in ROOMS[run.kind].baselines)
    return next((found for found in wanted if found is not None and found.model != run.model), None)


def scores(store: RunStore, run_id: str, baseline: str | None, *, seed: int = 0) -> list[Scored]:
    """Every metric of a run, beside the same of `baseline`. Raises DataError when the two can't be compared."""
    values = open_values(store, run_id)
    beside = paired_values(store, run_id, baseline) if baseline else None
    found = []
    for name, figure in values.figures.items():
        difference = None
        if beside and name in beside.metrics and name in values.metrics:
            difference = difference_of(beside, values, name, seed=seed)
        known = beside.figures.get(name) if beside else None
        value = difference.a if difference else known.value if known else None
        found.append(Scored(name, figure, definition(name), value, difference))
    return found


def difference_of(
    baseline: RunValues, values: RunValues, metric: str, where: Where | None = None, *, seed: int = 0
) -> PairedDifference:
    """How far `values` is above `baseline` in a metric, over its rows that pass and the same rows of the other."""
    a, b = baseline.measure(metric), values.measure(metric)
    if where:
        kept = values.passing(where)
        a, b = (Measure(one.parts[kept], one.combine, one.values[kept], one.recentre) for one in (a, b))
    return compared(a, b, seed=seed, unit=values.kind.unit)


def paired_values(store: RunStore, run_id: str, baseline: str) -> RunValues:
    """The table of `baseline`, known to have the same rows as `run_id`. Raises DataError with the difference."""
    comparable(store, baseline, run_id)
    values, beside = open_values(store, run_id), open_values(store, baseline)
    if values.ids_hash != beside.ids_hash:
        raise DataError(f"Runs {baseline} and {run_id} can't be compared: their {values.kind.unit} aren't the same.")
    return beside
