"""Factor models from implicit: ALS (Hu, Koren, Volinsky 2008) and BPR (Rendle et al. 2009), with new events folded in.

A user's factors are those from training while their history is what it was then; otherwise, and for people never seen,
they are solved anew against the items' factors (the user's half of an ALS step), which takes about a millisecond.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import SettingsError
from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions, TrainingSet
from engine.recommend.model import Model, check_finite
from engine.recommend.topk import Floats, factor_top_k, nearest, only
from engine.settings import load_settings

FEW = 64  # histories that are folded in on one thread: starting others takes longer than solving for these


@dataclass(frozen=True)
class AlsConfig:
    """Settings of ALS.

    factors: the length of a user's and an item's vector; regularization: of both; alpha: how much an interaction's
    weight adds to the confidence; iterations: alternations; min_user_interactions, min_item_interactions: from how
    many on a user or an item takes part in training.
    """

    factors: int = 256
    regularization: float = 0.05
    alpha: float = 4.0
    iterations: int = 15
    min_user_interactions: int = 5
    min_item_interactions: int = 5

    def __post_init__(self) -> None:
        _positive(self, "factors", "regularization", "alpha", "iterations")


@dataclass(frozen=True)
class BprConfig:
    """Settings of BPR.

    factors, regularization, iterations: as usual; learning_rate: of its gradient steps; alpha and fold_regularization:
    confidence and regularization when a new or changed history is folded in; the rest as in AlsConfig.
    """

    factors: int = 64
    learning_rate: float = 0.05
    regularization: float = 0.01
    iterations: int = 100
    alpha: float = 4.0
    fold_regularization: float = 10.0
    min_user_interactions: int = 5
    min_item_interactions: int = 5

    def __post_init__(self) -> None:
        _positive(self, "factors", "learning_rate", "iterations", "alpha", "fold_regularization")


class FactorModel(Model):
    """Users and items as vectors. `item_factors`: (n_items, n_factors), zero where not trained."""

    state: ClassVar[tuple[str, ...]] = ("item_factors", "users", "user_factors", "prints")
    item_factors: Floats
    users: NDArray[np.object_]
    user_factors: Floats
    prints: NDArray[np.float64]

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Learn factors; see the contract."""
        chosen = self.training(data)
        columns = np.flatnonzero(chosen.items)
        with _one_blas_thread():
            users, items = self._factors(chosen, columns, seed)
        check_finite(type(self).__name__.lower(), **{"user factors": users, "item factors": items})
        self.item_ids, self.trained = data.item_ids, chosen.items
        self.users, self.user_factors = chosen.users, users
        for name in ("_index", "_few", "_many", "_marks"):
            self.__dict__.pop(name, None)
        self.item_factors = np.zeros((len(data.item_ids), items.shape[1]), dtype=np.float32)
        self.item_factors[columns] = items
        self.prints = self._prints(chosen.matrix)
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k best items for each history; nothing for a history without a trained item."""
        factors, known = self.factors_of(histories)
        found = factor_top_k(factors, self.item_factors, k, columns=self.columns(eligible), excluded=excluded)
        return only(found, known)

    def factors_of(self, histories: Interactions) -> tuple[Floats, NDArray[np.bool_]]:
        """(n, n_factors) the users' vectors, and (n,) whether their history holds anything that was trained."""
        matrix = histories.weights.copy()
        matrix.data[~self.trained[matrix.indices]] = 0
        matrix.eliminate_zeros()
        known = np.diff(matrix.indptr) > 0
        places = self._index.get_indexer(pd.Index(histories.users, dtype=object))
        same = (places >= 0) & (self.prints[places] == self._prints(matrix))
        factors = np.zeros((len(histories), self.item_factors.shape[1]), dtype=np.float32)
        factors[same] = self.user_factors[places[same]]
        changed = np.flatnonzero(known & ~same)
        if len(changed):
            factors[changed] = self._folded(matrix[changed])
        return factors, known

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """The k nearest items by the cosine of their factors."""
        return nearest(self.item_factors, rows, k, trained=self.trained)

    @cached_property
    def _index(self) -> pd.Index[Any]:
        """The users of training, hashed once: looking one person up must not read all of them."""
        return pd.Index(self.users, dtype=object)

    def _factors(self, chosen: TrainingSet, columns: NDArray[np.int64], seed: int) -> tuple[Floats, Floats]:
        raise NotImplementedError

    def _folded(self, matrix: sparse.csr_array) -> Floats:
        """Users' factors solved against the items', by Cholesky as in the paper."""
        solver = self._few if matrix.shape[0] < FEW else self._many
        with _one_blas_thread():
            factors: Floats = solver.recalculate_user(np.arange(matrix.shape[0]), sparse.csr_matrix(matrix))
        return factors

    @cached_property
    def _few(self) -> Any:
        """Solves for a few histories, on one thread."""
        return self._ready(threads=1)

    @cached_property
    def _many(self) -> Any:
        """Solves for many histories, on all threads."""
        return self._ready(threads=load_settings().threads)

    def _ready(self, *, threads: int) -> Any:
        """A solver for folding in. It keeps the items' Gram matrix, which takes far longer than one history does."""
        with _one_blas_thread():
            solver = self._solver()
        solver.num_threads, solver.item_factors = threads, self.item_factors
        return solver

    def _solver(self) -> Any:
        """An implicit ALS model that holds the settings of folding in."""
        raise NotImplementedError

    def _prints(self, matrix: sparse.csr_array) -> NDArray[np.float64]:
        """(n_rows,) numbers that tell histories apart: their weights against fixed random numbers, one an item."""
        return np.asarray(matrix.astype(np.float64) @ self._marks)

    @cached_property
    def _marks(self) -> NDArray[np.float64]:
        return np.random.default_rng(0).random(len(self.item_ids))


class Als(FactorModel):
    """Alternating least squares for implicit feedback."""

    Config = AlsConfig

    def _factors(self, chosen: TrainingSet, columns: NDArray[np.int64], seed: int) -> tuple[Floats, Floats]:
        return _fitted(self._solver(seed), chosen.matrix[:, columns])

    def _solver(self, seed: int | None = None) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        config = self.config
        return AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=config.alpha,
            iterations=config.iterations,
            num_threads=load_settings().threads,
            random_state=seed,
        )


class Bpr(FactorModel):
    """Bayesian personalised ranking."""

    Config = BprConfig

    def _factors(self, chosen: TrainingSet, columns: NDArray[np.int64], seed: int) -> tuple[Floats, Floats]:
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.config.factors,
            learning_rate=self.config.learning_rate,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            num_threads=1,  # its threads race each other, so that a seed would not give the same model twice
            random_state=seed,
        )
        return _fitted(model, chosen.matrix[:, columns])

    def _folded(self, matrix: sparse.csr_array) -> Floats:
        factors = super()._folded(matrix)
        factors[:, -1] = 1  # what an item's bias, its last factor, is multiplied with
        return factors

    def _solver(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        return AlternatingLeastSquares(
            factors=self.item_factors.shape[1],
            regularization=self.config.fold_regularization,
            alpha=self.config.alpha,
            num_threads=load_settings().threads,
        )


def _fitted(model: Any, matrix: sparse.csr_array) -> tuple[Floats, Floats]:
    model.fit(sparse.csr_matrix(matrix), show_progress=False)
    return np.asarray(model.user_factors, dtype=np.float32), np.asarray(model.item_factors, dtype=np.float32)


def _one_blas_thread() -> AbstractContextManager[Any]:
    """implicit has threads of its own; BLAS with more than one beside them is several times slower."""
    limits: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limits


@cache
def _blas() -> Any:
    """The BLAS libraries of this process; looking for them anew takes longer than folding in does."""
    import implicit.cpu.als  # noqa: F401 - loads another BLAS, which must be there to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _positive(config: Any, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise SettingsError(f"{name} is {getattr(config, name)}; it must be above 0.")
