"""What the service answers from, opened at the versions that serve, and what must hold before it may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore
from engine.decisions import Decisions, says_yes
from engine.errors import ArtifactError, NotBuiltError
from engine.hiding import Hiding
from engine.ranked import NONE
from engine.recommend.pipeline import Pipeline
from engine.recommending import training as recommenders
from engine.recommending.people import history_of
from engine.recommending.serving import open_pipeline
from engine.recommending.shop import FILL, Shop, fit_model, open_shop
from engine.search.base import Retriever
from engine.search.documents import Documents, read_documents
from engine.search.popular import Popular
from engine.searching import open_retriever
from engine.serve.assortment import Assortment, assortment
from engine.serve.folding import folded
from engine.tags import predictor as taggers
from engine.workflows import BASELINE, catalogue_predictions
from engine.workspace import Workspace

# Retrievers, the best first, each with the artifact that tells that it is built.
SEARCHES = (("second_stage", "search"), ("dense", "index"), ("bm25", "documents"))
CHECKED, CHECKED_K = 5, 10  # users that a new pipeline must have lists for, and how long
FIRST_TAGGER = "lora"


@dataclass(frozen=True, eq=False)
class Recommending:
    """The pipeline that serves, of `version`, with its shop and what is popular there.

    serial: of this process; another one where the same version was opened anew, as when items were hidden.
    """

    version: str
    shop: Shop
    pipeline: Pipeline
    assortment: Assortment
    serial: int = field(default_factory=count().__next__, init=False)


@dataclass(frozen=True, eq=False)
class Tagging:
    """What the tagger called `model` said of each item of the catalogue, and people after it. frame: by item_id."""

    version: str
    model: str
    frame: pd.DataFrame

    @cached_property
    def _ids(self) -> NDArray[np.object_]:
        return np.array(self.frame["item_id"].tolist(), dtype=object)

    def of(self, item_id: str) -> pd.DataFrame:
        """tag, probability, threshold and verdict of one item, most probable first; no rows when it isn't known.

        verdict: what people decided, missing where they didn't; tags that only they gave come first, without the rest.
        """
        start, end = np.searchsorted(self._ids, item_id, "left"), np.searchsorted(self._ids, item_id, "right")
        rows = self.frame.iloc[int(start) : int(end)]
        return rows.sort_values("probability", ascending=False, kind="stable", na_position="first")


@dataclass(frozen=True, eq=False)
class Searching:
    """The retriever called `name` over documents. popular: their rows, most reviewed first, for when it fails."""

    version: str
    name: str
    retriever: Retriever
    documents: Documents
    popular: NDArray[np.int64]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Where each item stands in the documents."""
        return {item_id: row for row, item_id in enumerate(self.documents.item_ids.tolist())}


def open_recommending(workspace: Workspace, version: str | None = None) -> Recommending:
    """The pipeline that serves, or another version of it.

    Raises NotBuiltError when it isn't trained, UnknownNameError for a version that there isn't, ArtifactError when it
    is damaged.
    """
    shop, pipeline = open_pipeline(workspace, version)
    opened = version or ArtifactStore(workspace).current(recommenders.KIND, recommenders.PIPELINE, command="")
    return Recommending(opened, shop, pipeline, assortment(shop, pipeline.fill, pipeline.hidden))


def check_recommending(served: Recommending) -> None:
    """Raise ArtifactError unless the newest users, and somebody unknown, get lists of numbered items."""
    log, config = served.shop.log, served.shop.config.events
    newest = log.users[np.unique(log.user[np.argsort(-log.micros, kind="stable")[:CHECKED]])].tolist()
    for user_id in [*newest, "somebody unknown"]:
        history = history_of(folded(served.shop, {}, user_id, ()), config, user_id)
        ranked = served.pipeline.recommend(history, CHECKED_K).ranked
        there = ranked.rows[0] != NONE
        if not there.any() or not np.isfinite(ranked.scores[0][there]).all():
            raise ArtifactError(f"The pipeline {served.version} gives no list to a user that it should know.")


def open_popular(workspace: Workspace) -> Assortment:
    """What is popular by the events alone, without any model. Raises DataError when there are too few."""
    shop = open_shop(workspace)
    popularity = fit_model(FILL, shop.all, shop.catalogue, seed=0)
    return assortment(shop, popularity, Hiding(workspace).mask(shop.catalogue.item_ids))


def tagger_of(workspace: Workspace) -> str:
    """The tagger that the app opens with: the first that is trained, the baseline only where there is no other."""
    names = ArtifactStore(workspace).names(taggers.KIND)
    if not names:
        raise NotBuiltError("A tagger", taggers.train_command(workspace, BASELINE))
    return min(names, key=lambda name: (name == BASELINE, name != FIRST_TAGGER, name))


def open_tagging(workspace: Workspace) -> Tagging:
    """What the tagger that serves predicted, with people's decisions. Raises NotBuiltError or ArtifactError."""
    name = tagger_of(workspace)
    version = ArtifactStore(workspace).current(taggers.KIND, name, command=taggers.train_command(workspace, name))
    frame = _decided(catalogue_predictions(workspace, name), Decisions(workspace).current())
    return Tagging(version, name, frame.sort_values("item_id", kind="stable", ignore_index=True))


def _decided(frame: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Predictions with the verdict on each, and the tags that people alone gave."""
    both = frame.merge(decisions[["item_id", "tag", "verdict"]], on=["item_id", "tag"], how="outer")
    return both[both["probability"].notna() | both["verdict"].map(says_yes, na_action="ignore").eq(True)]


def open_searching(workspace: Workspace) -> Searching:
    """The best retriever that is built, with its models. Raises NotBuiltError or ArtifactError."""
    store = ArtifactStore(workspace)
    name = next((name for name, kind in SEARCHES if store.names(kind)), SEARCHES[-1][0])
    documents = read_documents(workspace)
    retriever = open_retriever(workspace, name)
    order = np.argsort(-Popular.build(documents.frame, documents.item_ids).reviews, kind="stable")
    return Searching(documents.version, name, retriever, documents, order)


def check_searching(served: Searching) -> None:
    """Raise ArtifactError when retriever and documents are of different items, as while one of them is built."""
    served.retriever.search(["what there is"], 1)
    if served.retriever.item_ids.tolist() != served.documents.item_ids.tolist():
        raise ArtifactError(f"The retriever {served.name} was built of other documents than {served.version}.")
