"""The flip book of two runs: which rows became better or worse, by slice, and the two lists of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.comparing import Compared
from engine.comparison import Compared as Lists
from engine.comparison import compare_lists
from engine.errors import UnknownNameError
from engine.metrics.definitions import definition, label
from engine.metrics.measures import find_kind
from engine.metrics.significance import TIE
from engine.run_values import RunValues
from engine.runs import Run, RunStore
from engine.slicing import SLICES

BETTER, WORSE = "better", "worse"
LISTED = 10  # places of both lists that are compared


@dataclass(frozen=True)
class Flip:
    """One row in both runs.

    row_id: its id; label: what it is called; a, b: its metric in each; compared: the first places of both lists;
    wanted: what was right.
    """

    row_id: str
    label: str
    a: float
    b: float
    compared: Lists
    wanted: frozenset[str]


def flips(baseline: RunValues, run: RunValues, metric: str) -> pd.DataFrame:
    """The rows whose `metric` differs, the largest change first.

    Columns: the id, label, the slices, a, b, change (b - a), way (better or worse). Both must have
    the same rows. Raises UnknownNameError for a metric that rows alone don't give.
    """
    a, b = baseline.measure(metric).values, run.measure(metric).values
    known = definition(metric)
    sign = 1.0 if known is None or known.higher_is_better else -1.0
    frame = run.page(size=None)
    name = run.kind.id
    called = frame["query"] if "query" in frame else frame[name]
    found = frame[[name, *run.slices]].assign(label=called, a=a, b=b, change=b - a)
    found = found[np.abs(found["change"]) > TIE]
    found["way"] = np.where(found["change"] * sign > 0, BETTER, WORSE)
    return found.iloc[np.lexsort((found[name].astype(str), -found["change"].abs()))].reset_index(drop=True)


def by_slice(found: pd.DataFrame, run: RunValues, column: str) -> pd.DataFrame:
    """For each part of a slice: n rows, how many became better and worse, and by how many more than the other way."""
    if column not in run.slices:
        raise UnknownNameError("slice", column, run.slices)
    n = run.page(size=None)[column].value_counts()
    counts = found.groupby([column, "way"]).size().unstack(fill_value=0)
    table = pd.DataFrame({"n": n}).join(counts).fillna(0)
    for way in (BETTER, WORSE):
        if way not in table:
            table[way] = 0
    table = table.astype(int)
    table = table.assign(net=table[BETTER] - table[WORSE]).rename_axis("part").reset_index()
    order = SLICES[column].order
    place = table["part"].map(lambda part: order.index(part) if part in order else len(order))
    kept: pd.DataFrame = (
        table.assign(place=place).sort_values(["place", "n"], ascending=[True, False]).drop(columns="place")
    )
    return kept[["part", "n", BETTER, WORSE, "net"]].reset_index(drop=True)


def open_flip(store: RunStore, baseline: Run, run: Run, row_id: str, values: tuple[float, float]) -> Flip:
    """Both lists of one row. Raises UnknownNameError when the runs have no such row."""
    name = find_kind(run.kind).id
    rows = [store.rows(one.id, filters=[(name, "=", row_id)]) for one in (baseline, run)]
    if rows[0].empty or rows[1].empty:
        raise UnknownNameError(f"row of run {run.id}", row_id, store.rows(run.id, columns=[name])[name].tolist())
    column, wanted = ("ranked", "known") if run.kind == "tags" else ("hits", "relevant")
    a, b = (_texts(frame[column].iloc[0])[:LISTED] for frame in rows)
    right = frozenset(_texts(rows[1][wanted].iloc[0]))
    called = rows[1]["query"].iloc[0] if "query" in rows[1] else row_id
    return Flip(row_id, str(called), *values, compare_lists(a, b), right)


def release_note(
    run: Run, baseline: Run, compared: dict[str, Compared], headline: str, found: pd.DataFrame, parts: pd.DataFrame
) -> list[str]:
    """Five lines about `run` beside `baseline`, written from the figures alone.

    compared: the metrics by name; headline: the one that the first line is about; found: `flips` of it; parts:
    `by_slice` of them.
    """
    first = compared[headline]
    test = first.test
    ways = found["way"].value_counts()
    better, worse = int(ways.get(BETTER, 0)), int(ways.get(WORSE, 0))
    gains = [label(name) for name, one in compared.items() if one.verdict == "better"]
    losses = [label(name) for name, one in compared.items() if one.verdict in ("worse", "slightly worse")]
    best, least = parts.sort_values("net", ascending=False).iloc[0], parts.sort_values("net").iloc[0]
    return [
        f"{run.model} beside {baseline.model}: {label(headline)} {test.a:.3f} to {test.b:.3f}, {first.words}.",
        f"Clearly better: {', '.join(gains) or 'nothing'}. Clearly worse: {', '.join(losses) or 'nothing'}.",
        f"{better:,} rows became better and {worse:,} worse; "
        + (f"most won in “{best['part']}” ({best['net']:+d})" if best["net"] > 0 else "no part won")
        + (f", most lost in “{least['part']}” ({least['net']:+d})." if least["net"] < 0 else ", no part lost."),
        f"Measured on {test.wins + test.ties + test.losses:,} {test.unit} of split {run.split}.",
        _advice(first),
    ]


def _advice(first: Compared) -> str:
    return {
        "better": "The figures speak for promoting it.",
        "no worse": f"It is no worse than the margin of {first.margin:g} allows; other reasons may decide.",
        "slightly worse": f"It is worse, by no more than the margin of {first.margin:g}.",
        "worse": "The figures speak against promoting it.",
        "undecided": "The rows are too few to decide; measure on more of them.",
    }[first.verdict]


def _texts(values: Sequence[str] | None) -> list[str]:
    return [] if values is None else [str(value) for value in values]
