"""A ranker as the second stage of recommend: candidates, ranked by an ensemble, then eligibility, diversity and fill.

Candidates are those of the sources that the ranker learned from, each giving as many as then; what may be recommended
to whom, how far a list spreads over the categories, and what fills it are the pipeline's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from engine.errors import ArtifactError
from engine.rank.base import check_features
from engine.rank.lists import Lists
from engine.ranking.cache import ENSEMBLE
from engine.ranking.config import RankingConfig, read_config
from engine.ranking.live import Live, features_for, open_live
from engine.ranking.serving import ServedRanker, open_ranker, train_command
from engine.recommend.events import EventLog
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, Pipeline, Recommendations
from engine.recommending.people import EPOCH
from engine.recommending.serving import open_model
from engine.recommending.shop import Shop
from engine.workspace import Workspace


@dataclass(frozen=True)
class SecondStage:
    """Recommends what a ranker puts first. pipeline: gathers its candidates, and arranges lists as the one served."""

    ranker: ServedRanker
    pipeline: Pipeline
    live: Live

    def recommend(self, histories: Interactions, k: int, *, log: EventLog | None = None) -> Recommendations:
        """k items for each history, best first."""
        return self.rank(self.pipeline.gather(histories), k, log=log)

    def rank(self, gathered: Gathered, k: int, *, log: EventLog | None = None) -> Recommendations:
        """Lists from candidates that `pipeline` gathered. log: what their users did, where the shop's isn't that."""
        relevance = self.ranker.scores(self.lists(gathered, log=log)).astype(np.float32)
        return self.pipeline.arrange(gathered, relevance, k, diversity=self.pipeline.config.diversity)

    def lists(self, gathered: Gathered, *, log: EventLog | None = None) -> Lists:
        """The candidates with their features, as of just after everything that is known to have happened."""
        newest = max(int(one.micros.max(initial=0)) for one in (self.live.shop.log, log or self.live.shop.log))
        # just after the newest event: features of data that ended long ago are then as those that were learned
        return features_for(self.live, gathered, EPOCH + timedelta(microseconds=newest + 1), log=log)


def open_second_stage(workspace: Workspace, shop: Shop, pipeline: Pipeline, name: str = ENSEMBLE) -> SecondStage:
    """The ranker `name` over the shop of the pipeline that serves.

    Raises NotBuiltError with the command when the ranker isn't trained, ArtifactError with it when the ranker learned
    from given lists, or from lists with other features than can be made here.
    """
    ranker = open_ranker(workspace, name)
    command = train_command(workspace, name)
    config = read_config(ranker.card.config["ranking"])
    if config.data.lists is not None:
        raise ArtifactError(
            f"The ranker {name} learned from {config.data.lists}, whose features can't be made for users who come now; "
            f"train it on this workspace: {command}"
        )
    live = open_live(workspace, shop)
    try:
        check_features(name, ranker.columns, live.columns)
    except ArtifactError as error:
        raise ArtifactError(f"{error} Train it on the lists as they are: {command}") from None
    return SecondStage(ranker, _gathering(workspace, shop, pipeline, config), live)


def _gathering(workspace: Workspace, shop: Shop, pipeline: Pipeline, config: RankingConfig) -> Pipeline:
    """The pipeline with the sources that the ranker learned from, each giving as many candidates as then."""
    sources = config.preprocessing.sources
    known = pipeline.models
    models = {name: known[name] if name in known else open_model(workspace, name, shop.catalogue) for name in sources}
    gathering = replace(
        pipeline.config, sources=dict.fromkeys(sources, 1.0), candidates=config.preprocessing.candidates
    )
    return replace(pipeline, models=models, config=gathering)
