"""What the boosted trees of three libraries share: settings, learning from lists, explaining, files with checksums.

Scores are margins: log-odds for the objective "classification", sums of leaves for "lambdarank" (C. Burges, From
RankNet to LambdaRank to LambdaMART, 2010). Contributions are the libraries' own TreeSHAP (S. Lundberg et al., From
local explanations to global understanding with explainable AI for trees, Nature Machine Intelligence 2020): they add
up to the score but for a constant. NaN stays: each library has a branch for what is unknown. The number of threads,
from the settings, changes no result on a processor; on a GPU sums are made in any order.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError, DataError, SettingsError, UnknownNameError, counted
from engine.rank.base import Floats, Training, check_features
from engine.rank.lists import CODE, Feature, Lists
from engine.rank.rows import Features, Rows, any_wanted, differs, rows_of, telling
from engine.rank.trees_config import TreesConfig
from engine.settings import load_settings

CONFIG = "config.json"
MOST_APART = 2.0  # times that wanted candidates are as frequent in train as in valid, for chances to be compared
Curves = dict[str, list[float]]


class Trees(ABC):
    """A ranker of boosted trees; what is under it knows one library."""

    Config: ClassVar[type[Any]] = TreesConfig
    needs_histories: ClassVar[bool] = False
    additive: ClassVar[bool] = True
    name: ClassVar[str]  # the library's, for people
    file: ClassVar[str]  # of the model, in a format of the library's own

    def __init__(self, config: Any | None = None) -> None:
        self.config = config or self.Config()
        self.columns: tuple[Feature, ...] = ()
        self.curves: Mapping[str, Sequence[float]] = {}
        self._model: Any = None
        self._metric = ""  # the figure that is watched

    def fit(self, train: Lists, valid: Lists, training: Training) -> Self:
        """Learn from `train`; `valid` only says when to stop, and an empty one never does.

        For lambdarank a list counts as the mean weight of its wanted candidates. Raises DataError when every candidate
        of train is wanted or none is, when no feature differs, or when memory doesn't suffice, and SettingsError when a
        GPU is asked for and the library can't use one.
        """
        self.columns, self._model = train.columns, None
        rows = self._learnable(train, training.weights)
        self._metric = self._watched(rows, valid)
        other = self._watchable(valid)
        self._check_device()
        with self._library_errors(rows.features.shape):
            self._model, curves = self._learn(rows, other, training)
        self.curves = {name: [float(value) for value in values] for name, values in curves.items()}
        training.progress(1.0, f"{self.name}: {counted(len(next(iter(self.curves.values()), ())), 'round')}")
        return self

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) margins: log-odds, or for lambdarank a sum of leaves that only compares within a list.

        Raises ArtifactError naming the difference when the features aren't those it was fitted on.
        """
        self._check_fitted_on(lists)
        if not len(lists.items):
            return np.empty(0)
        with self._library_errors(lists.features.shape):
            return np.asarray(self._margins(lists.features), dtype=np.float64)

    def explain(self, lists: Lists) -> list[dict[str, float]]:
        """For each candidate what each feature added to its score, by TreeSHAP."""
        self._check_fitted_on(lists)
        if not len(lists.items):
            return []
        with self._library_errors(lists.features.shape):
            told = np.asarray(self._contributions(lists.features), dtype=np.float64)
        return [dict(zip(lists.names, map(float, row), strict=True)) for row in told]

    def importance(self) -> dict[str, float]:
        """The share of each feature in what all splits gained, by the library's own reckoning."""
        gains = np.asarray(self._gains(), dtype=np.float64)
        shares = gains / gains.sum() if gains.sum() else gains
        return {column.name: float(share) for column, share in zip(self.columns, shares, strict=True)}

    def save(self, folder: Path) -> None:
        """Write the model in the library's format, and config.json with its checksum."""
        self._write(folder / self.file)
        said = {
            "config": asdict(self.config),
            "columns": [asdict(column) for column in self.columns],
            "curves": dict(self.curves),
            "sha256": hashlib.sha256((folder / self.file).read_bytes()).hexdigest(),
        }
        (folder / CONFIG).write_text(json.dumps(said), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing or changed.

        The checksum comes first: libraries end the whole process over some damaged files.
        """
        try:
            said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            made = cls(cls.Config(**said["config"]))
            made.columns = tuple(Feature(**column) for column in said["columns"])
            made.curves, expected = dict(said["curves"]), said["sha256"]
        except (OSError, ValueError, KeyError, TypeError, SettingsError, UnknownNameError) as error:
            raise ArtifactError(f"{folder / CONFIG} isn't that of a {cls.name} ({error}); train it again.") from None
        try:
            data = (folder / cls.file).read_bytes()
        except OSError as error:
            raise ArtifactError(f"{folder / cls.file} can't be read ({error.strerror}); train it again.") from None
        if hashlib.sha256(data).hexdigest() != expected:
            raise ArtifactError(f"{folder / cls.file} isn't what was saved; train it again.")
        made._model = made._read(data)
        return made

    @property
    def codes(self) -> list[int]:
        """The places of features that are categories' codes."""
        return [place for place, column in enumerate(self.columns) if column.kind == CODE]

    def _check_fitted_on(self, lists: Lists) -> None:
        if self._model is None:
            raise ArtifactError(f"The ranker {self.name} has learned nothing yet; fit or load it first.")
        check_features(self.name, self.columns, lists.columns)

    def _learnable(self, train: Lists, weights: NDArray[np.float32] | None) -> Rows:
        known = train.known
        if known.all() or not known.any():
            said = "every one" if len(known) and known.all() else "none"
            raise DataError(f"Of {counted(len(known), 'candidate')} {said} is wanted, so there is no order to learn.")
        kept = telling(train) if self.config.lists_count else np.ones(len(train), dtype=bool)
        if not kept.any():
            raise DataError(
                "No list has both a wanted candidate and another, so lambdarank has no order to learn; "
                "use the objective classification."
            )
        rows = rows_of(train, kept, weights)
        if not differs(rows.features):
            raise DataError("Every feature has one value throughout, so candidates can't be told apart.")
        return rows

    def _watched(self, rows: Rows, valid: Lists) -> str:
        """The figure that says when to stop: chances learned from balanced lists are no chances on valid."""
        if self.config.watched != "own":
            return str(self.config.watched)
        alike = not len(valid.items) or 1 / MOST_APART < rows.odds / _odds(valid.known) < MOST_APART
        return "ndcg@5" if self.config.lists_count or not alike else "log loss"

    def _watchable(self, valid: Lists) -> Rows | None:
        """Those lists of valid that the watched figure is defined for; None when there are none."""
        if not len(valid.items):
            return None
        kept = any_wanted(valid) if self._metric == "ndcg@5" else np.ones(len(valid), dtype=bool)
        return rows_of(valid, kept, None) if kept.any() else None

    @contextmanager
    def _library_errors(self, shape: tuple[int, ...]) -> Iterator[None]:
        """Turn what a library says of too little memory, or of data that it refuses, into a sentence."""
        refusals: tuple[type[Exception], ...] = (MemoryError, *self._refusals())
        try:
            yield
        except refusals as error:
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            if isinstance(error, MemoryError) or any(word in said.lower() for word in ("alloc", "memory")):
                raise DataError(
                    f"{shape[0]:,} candidates of {counted(shape[1], 'feature')} don't fit into memory for {self.name}; "
                    "take fewer lists or fewer negatives, or set bins lower."
                ) from error
            raise DataError(f"{self.name} refused {shape[0]:,} candidates: {said}") from error

    def _no_gpu(self, why: str) -> SettingsError:
        return SettingsError(f"{self.name} can't use a GPU here: {why}; set device to cpu.")

    @abstractmethod
    def _check_device(self) -> None:
        """Raise SettingsError when a GPU is asked for and this build of the library has no use for one."""

    @abstractmethod
    def _refusals(self) -> tuple[type[Exception], ...]:
        """What the library raises."""

    @abstractmethod
    def _learn(self, rows: Rows, valid: Rows | None, training: Training) -> tuple[Any, Curves]:
        """The library's model, cut at its best round, and what was watched."""

    @abstractmethod
    def _margins(self, features: Features) -> Any:
        """(n,) scores."""

    @abstractmethod
    def _contributions(self, features: Features) -> Any:
        """(n, n_features) what each feature added."""

    @abstractmethod
    def _gains(self) -> Any:
        """(n_features,) what splits on each gained."""

    @abstractmethod
    def _write(self, path: Path) -> None:
        """Write the model to `path`."""

    @abstractmethod
    def _read(self, data: bytes) -> Any:
        """The model from what `_write` wrote."""


def _odds(known: NDArray[np.bool_]) -> float:
    """Wanted candidates for each other one, at least half a candidate of either."""
    n_wanted = float(known.sum())
    return max(n_wanted, 0.5) / max(len(known) - n_wanted, 0.5)


def threads() -> int:
    """How many threads a library may use."""
    return load_settings().threads


def each_round(training: Training, name: str, rounds: int) -> Callable[[int], None]:
    """A function that tells the progress after round n, counted from 0."""
    return lambda n: training.progress((n + 1) / rounds, f"{name}: round {n + 1:,} of at most {rounds:,}")
