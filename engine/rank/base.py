"""The contract of rankers: learn from lists whose wanted candidates are known, then score candidates of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.rank.lists import Feature, Lists

Floats = NDArray[np.float64]
Progress = Callable[[float, str], None]  # the share that is done, and what is being done


@dataclass(frozen=True)
class Training:
    """What holds for one fit.

    seed: of everything random; weights: (n_rows of train,) how much each candidate counts, None: all alike; folder:
    where a long fit keeps what it needs to go on after a stop, None: it starts anew; progress: told the share done.
    """

    seed: int
    weights: NDArray[np.float32] | None = None
    folder: Path | None = None
    progress: Progress = field(default=lambda share, words: None)


class Ranker(Protocol):
    """What every ranker does. `type(ranker).Config` is the frozen dataclass of its settings, all with defaults."""

    Config: ClassVar[type[Any]]
    needs_histories: ClassVar[bool]  # False: it reads features only
    additive: ClassVar[bool]  # True: a candidate's contributions add up to its score but for a constant

    @property
    def config(self) -> Any:
        """Its settings."""
        ...

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The features that it was fitted on, in order; empty when it reads none."""
        ...

    @property
    def curves(self) -> Mapping[str, Sequence[float]]:
        """What was measured while learning, by name ("train log loss", "valid ndcg@5"), a value for each round."""
        ...

    def fit(self, train: Lists, valid: Lists, training: Training) -> Self:
        """Learn from `train`; `valid` only says when to stop.

        Raises DataError when every candidate of train is wanted or none is, or when histories are needed and absent.
        """
        ...

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) higher is better, in units of log-odds or such: comparable within a list, finite.

        Raises ArtifactError naming the difference when the features aren't those it was fitted on (`check_features`).
        """
        ...

    def explain(self, lists: Lists) -> list[dict[str, float]]:
        """For each candidate what raised or lowered its score: by feature, or by the item id of a past event."""
        ...

    def importance(self) -> dict[str, float]:
        """How much each feature counts, as shares that add up to 1; empty for a ranker that reads none."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder, without pickles."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing, changed or doesn't fit."""
        ...


def check_features(ranker: str, fitted: Sequence[Feature], given: Sequence[Feature]) -> None:
    """Raise ArtifactError with the difference when `given` aren't the features that `ranker` was fitted on."""
    if tuple(fitted) == tuple(given):
        return
    before, now = [column.name for column in fitted], [column.name for column in given]
    lost, new = [name for name in before if name not in now], [name for name in now if name not in before]
    said = [f"{', '.join(lost)} missing"] if lost else []
    said += [f"{', '.join(new)} not known to it"] if new else []
    raise ArtifactError(
        f"The ranker {ranker} was fitted on other features ({'; '.join(said) or 'another order or meaning'}); "
        "prepare the lists with its configuration, or train it again."
    )
