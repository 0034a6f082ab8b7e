"""Measuring a tagger on what people decided, as a run that is kept beside the others."""

from __future__ import annotations

import pandas as pd

from engine.artifacts import ArtifactStore, Card
from engine.decisions import Decisions, Labels
from engine.errors import DataError
from engine.gold import METRICS, SPLIT, gold_figures, gold_rows
from engine.recording import record_run
from engine.runs import Run, RunStore, compare, new_run
from engine.tags.predictor import KIND, train_command
from engine.workflows import BASELINE, TABLES, TaggerReport, catalogue_predictions, trained_on
from engine.workspace import Workspace

__all__ = ["METRICS", "evaluate_gold"]


def evaluate_gold(workspace: Workspace, model: str, *, seen: bool = False) -> TaggerReport:
    """Measure the trained `model`, and the baseline beside it, on decided pairs; save and log a run of each.

    Only SKUs that neither had in train or valid count, or, with `seen`, all SKUs with decisions.
    Raises NotBuiltError for a tagger that isn't trained, DataError when nothing is decided or no SKU is left.
    """
    labels = Decisions(workspace).labels()
    names = [model] if model == BASELINE else [BASELINE, model]
    rows = {name: _rows(workspace, name, labels) for name in names}
    decided = len(rows[model])
    if not decided:
        raise DataError(
            "Nobody has decided on a tag of this catalogue yet; do so on the page Tag review, then run it again."
        )
    if not seen:
        known = {
            item for found in rows.values() for item in found.loc[found["part"].isin(("train", "valid")), "item_id"]
        }
        rows = {name: found[~found["item_id"].isin(known)] for name, found in rows.items()}
    if rows[model].empty:
        raise DataError(
            f"All {decided:,} SKUs with decisions are in train or valid of {' or '.join(names)}; decide on others "
            "(the SKU explorer lists those held out for the test), or measure these all the same with --seen."
        )
    runs = {name: _save(workspace, name, found, labels, _rule(workspace, names, seen)) for name, found in rows.items()}
    run, figures = runs[model], gold_figures(rows[model])
    if model == BASELINE:
        return TaggerReport(run, figures, len(rows[model]), None, None)
    difference = compare(RunStore(workspace), runs[BASELINE].id, run.id, "micro_f1")
    return TaggerReport(run, figures, len(rows[model]), gold_figures(rows[BASELINE]), difference)


def _rows(workspace: Workspace, name: str, labels: Labels) -> pd.DataFrame:
    parts = {item: part for part, ids in trained_on(workspace, name).items() for item in ids}
    items = workspace.read("items", ["item_id", "category"])
    categories = dict(zip(items["item_id"], items["category"], strict=True))
    return gold_rows(catalogue_predictions(workspace, name), labels, categories, parts)


def _card(workspace: Workspace, name: str) -> Card:
    store = ArtifactStore(workspace)
    return store.card(KIND, name, store.current(KIND, name, command=train_command(workspace, name)))


def _rule(workspace: Workspace, names: list[str], seen: bool) -> str:
    """Which pairs take part, in words that are the same for taggers that were trained on the same split."""
    if seen:
        return "pairs of SKU and tag that people decided, on all SKUs, learned from or not"
    splits = sorted({_card(workspace, name).split for name in names})
    return f"pairs of SKU and tag that people decided, on SKUs outside train and valid of {' and '.join(splits)}"


def _save(workspace: Workspace, name: str, rows: pd.DataFrame, labels: Labels, rule: str) -> Run:
    card = _card(workspace, name)
    run = new_run(
        "tags",
        name,
        config=card.config,
        data_hash=workspace.data_hash(*TABLES),
        split=f"{SPLIT} {labels.digest}",
        seed=card.seed,
        eligibility=rule,
    )
    record_run(workspace, run, rows, {metric: value for metric, value in gold_figures(rows).items() if value == value})
    return run
