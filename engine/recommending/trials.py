"""Trials: what other weights would have cost on test, from candidates that were gathered when the models were measured.

Ranking gathered candidates anew takes milliseconds, so sliders can show the offline cost before anyone commits. What
is found so is read off test many times over: it is a warning about a setting, not a figure to report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pandas as pd

from engine.errors import ArtifactError
from engine.metrics.measures import row_values
from engine.metrics.significance import PairedDifference
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Eligibility, Rules
from engine.recommend.evaluation import K, Task, run_rows
from engine.recommend.events import micros
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, Pipeline, PipelineConfig
from engine.recommend.popular import Popular
from engine.recommend.storage import load_arrays, save_arrays
from engine.recommending.measuring import compare_rows

FILE = "trial.npz"
METRICS = ("recall@20", "ndcg@10", "coverage@5", "novelty@5", "diversity@5")


@dataclass(frozen=True)
class Trial:
    """Gathered candidates for the users of test, and what they wanted."""

    pipeline: Pipeline
    gathered: Gathered
    task: Task

    def rows(self, config: PipelineConfig) -> pd.DataFrame:
        """The rows of a run with the weights of `config`."""
        lists = self.pipeline.rank(self.gathered, K, config)
        return run_rows(self.task, lists.ranked, self.pipeline.catalogue)

    def compare(
        self, config: PipelineConfig, metrics: Sequence[str] = METRICS, *, seed: int = 0
    ) -> dict[str, PairedDifference]:
        """How far `config` is above the weights that serve, by metric, with intervals over the users of test."""
        after = self.rows(config)
        return {metric: compare_rows(self.served, after, metric, seed=seed) for metric in metrics}

    def beside(self, config: PipelineConfig, metric: str) -> pd.DataFrame:
        """What `metric` is compared from: a row for each user of test with both lists and what each gives to it.

        Columns: user_id, relevant, n_items, "METRIC serves", "METRIC tried", "hits serves", "hits tried". Raises
        UnknownNameError for a metric that there isn't.
        """
        rows = {"serves": self.served, "tried": self.rows(config)}
        values = {f"{metric} {name}": row_values("recommend", one, [metric])[metric] for name, one in rows.items()}
        hits = {f"hits {name}": one["hits"] for name, one in rows.items()}
        return self.served[["user_id", "relevant", "n_items"]].assign(**values, **hits)

    @cached_property
    def served(self) -> pd.DataFrame:
        """The rows of a run with the weights that serve."""
        return self.rows(self.pipeline.config)


def save_trial(folder: Path, pipeline: Pipeline, gathered: Gathered, task: Task) -> None:
    """Write what `load_trial` needs into an existing folder. The pipeline's fill must be Popular."""
    fill = pipeline.fill
    if not isinstance(fill, Popular):
        raise TypeError(f"a trial is filled from Popular, not from {type(fill).__name__}")
    names = ("users", "items", "scores", "raw", "affinity", "popularity")
    save_arrays(
        folder / FILE,
        {
            **{f"gathered_{name}": getattr(gathered, name) for name in names},
            "sources": list(gathered.sources),
            "excluded": gathered.rules.excluded.astype("int8"),
            "eligible": gathered.rules.eligible,
            "user_ids": task.histories.users,
            "kinds": list(task.histories.kinds),
            "weights": task.histories.weights,
            "last": task.histories.last,
            "done": task.histories.done,
            "wanted": task.wanted.astype("int8"),
            "first_seen": task.first_seen,
            "surprise": task.surprise,
            "start": [micros(task.start)],
            "rules": [task.rules.seen, task.rules.bought, task.rules.unavailable],
            "fill_popularity": fill.popularity,
            "popularity": pipeline.popularity,
            "levels": pipeline.catalogue.levels,
            "categories": pipeline.catalogue.categories,
        },
    )


def load_trial(folder: Path, catalogue: Catalogue, config: PipelineConfig) -> Trial:
    """The trial in `folder`, with `config` as the weights that serve. Raises ArtifactError when it can't be read.

    catalogue: of now; its categories are replaced by those of the trial's moment.
    """
    stored = load_arrays(folder / FILE)
    try:
        if stored["wanted"].shape[1] != len(catalogue):
            raise ArtifactError(f"{folder / FILE} is of another catalogue; train the pipeline again.")
        catalogue = replace(catalogue, levels=stored["levels"], categories=stored["categories"])
        parts = (stored["weights"], stored["last"], stored["done"])
        kinds = tuple(str(kind) for kind in stored["kinds"])
        histories = Interactions(stored["user_ids"], catalogue.item_ids, kinds, *parts)
        rules = Rules(*(bool(value) for value in stored["rules"]))
        fill = Popular()
        fill.item_ids, fill.leaves = catalogue.item_ids, catalogue.leaves
        fill.popularity, fill.trained = stored["fill_popularity"], stored["fill_popularity"] > 0
        names = ("users", "items", "scores", "raw", "affinity", "popularity")
        gathered = Gathered(
            histories,
            Eligibility(stored["eligible"], stored["excluded"].astype(bool), {}, {}),
            tuple(str(name) for name in stored["sources"]),
            **{name: stored[f"gathered_{name}"] for name in names},
        )
        wanted, start = stored["wanted"].astype(bool), datetime.fromtimestamp(stored["start"][0] / 1e6, UTC)
        task = Task(histories, wanted, histories, start, rules, stored["first_seen"], stored["surprise"], 0)
        line = Pipeline(catalogue, {}, fill, stored["popularity"], config, rules)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ArtifactError(f"{folder / FILE} doesn't fit ({error}); train the pipeline again.") from None
    return Trial(line, gathered, task)
