"""Are our recommenders those of the libraries: python benchmarks/recommend_reference.py [DATA]

MovieLens 100k (DATA, default: ../shared/data/movielens_100k) split in time. ALS and item_knn through implicit's own fit
and recommend, EASE written out in numpy, on the same users, items and exclusions; printed: Recall@20 and NDCG@10 of
both, the difference with its interval, and the share of lists that are equal. Half a minute on two cores.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from engine.data.importer import import_files
from engine.metrics.measures import aggregate
from engine.ranked import Ranked
from engine.recommend.ease import EaseConfig
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import Task, run_rows
from engine.recommend.events import EventConfig
from engine.recommend.factors import AlsConfig
from engine.recommend.interactions import training_set
from engine.recommend.item_knn import ItemKnnConfig
from engine.recommending.measuring import compare_rows, recommend_rows
from engine.recommending.shop import RecommendConfig, Shop, fit_model, open_shop
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

K = 50
CONFIG = RecommendConfig(EventConfig({"rating": 1.0}), Rules(seen=True), ("rating",))
ALS = AlsConfig(factors=64, regularization=0.1, alpha=2.0)
KNN = ItemKnnConfig(neighbours=100)
EASE = EaseConfig(regularization=300.0, power=0.0)
Direct = Callable[[sparse.csr_matrix, sparse.csr_matrix], tuple[NDArray[np.int64], NDArray[np.float32]]]


def main(argv: Sequence[str] | None = None) -> None:
    """Fit both ways and print the differences."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument(
        "data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data/movielens_100k"
    )
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace.create(Path(place) / "movielens")
        import_files(workspace, "movielens", [chosen.data])
        shop = open_shop(workspace, CONFIG)
    task = shop.task("test")
    direct: dict[str, tuple[object, Direct]] = {"als": (ALS, _als), "item_knn": (KNN, _item_knn), "ease": (EASE, _ease)}
    for name, (config, run) in direct.items():
        ours = fit_model(name, task.past, shop.catalogue, config=config, seed=DEFAULT_SEED)
        found = recommend_rows(ours, task, shop.catalogue)
        theirs = _rows(task, shop, run)
        same = np.mean([a[:20] == b[:20] for a, b in zip(found["hits"], theirs["hits"], strict=True)])
        for metric in ("recall@20", "ndcg@10"):
            figures = [aggregate("recommend", rows, [metric])[metric] for rows in (theirs, found)]
            words = compare_rows(theirs, found, metric, seed=DEFAULT_SEED).words()
            beside = f"library {figures[0]:.4f}  ours {figures[1]:.4f}"
            print(f"{name:<10}{metric:<11}{beside}  {words}; {same:.1%} lists equal")


def _rows(task: Task, shop: Shop, run: Direct) -> object:
    """Lists of a library on the columns that were trained, brought back to the catalogue's."""
    chosen = training_set(task.past)
    columns = np.flatnonzero(chosen.items)
    lists = np.full((len(task.histories), K), -1, dtype=np.int64)
    scores = np.full(lists.shape, -np.inf, dtype=np.float32)
    matrix = sparse.csr_matrix(chosen.matrix[:, columns])
    warm = np.flatnonzero(task.histories.weights[:, columns].astype(bool).sum(axis=1) > 0)
    found, values = run(matrix, sparse.csr_matrix(task.histories.weights[warm][:, columns]))
    lists[warm, : found.shape[1]] = np.where(values > -1e30, columns[found], -1)
    scores[warm, : found.shape[1]] = values
    return run_rows(task, Ranked(lists, scores), shop.catalogue)


def _als(train: sparse.csr_matrix, users: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    import implicit.cpu.als

    with threadpool_limits(1, "blas"):
        model = implicit.cpu.als.AlternatingLeastSquares(
            factors=ALS.factors,
            regularization=ALS.regularization,
            alpha=ALS.alpha,
            iterations=ALS.iterations,
            random_state=DEFAULT_SEED,
        )
        model.fit(train, show_progress=False)
        found: tuple[NDArray[np.int64], NDArray[np.float32]] = model.recommend(
            np.arange(users.shape[0]), users, N=K, filter_already_liked_items=True, recalculate_user=True
        )
    return found


def _item_knn(train: sparse.csr_matrix, users: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=KNN.neighbours + 1, K1=KNN.k1, B=KNN.b)
    model.fit(train, show_progress=False)
    found: tuple[NDArray[np.int64], NDArray[np.float32]] = model.recommend(np.arange(users.shape[0]), users, N=K)
    return found


def _ease(train: sparse.csr_matrix, users: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Algorithm 1 of Steck 2019."""
    x = (train.toarray() > 0).astype(np.float64)
    gram = x.T @ x + EASE.regularization * np.eye(x.shape[1])
    p = np.linalg.inv(gram)
    b = p / (-np.diag(p))
    np.fill_diagonal(b, 0)
    seen = users.toarray() > 0
    scores = np.where(seen, -np.inf, seen @ b)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return order, np.take_along_axis(scores, order, axis=1).astype(np.float32)


if __name__ == "__main__":
    main()
