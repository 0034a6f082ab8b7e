"""A trained tagger of a workspace, ready to be asked: predictions, scores and evidence.

TagPredictor.load("demo").predict(text="Soft and warm, fits well", good_type="Clothes")
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from engine.artifacts import ArtifactStore, Card
from engine.errors import UnknownNameError
from engine.schema import Evidence, ItemText, TagScore
from engine.settings import load_settings
from engine.tags.base import Tagger
from engine.tags.evidence import explain
from engine.tags.registry import TAGGERS
from engine.tags.rerank import Reranked, Reranker
from engine.workspace import Workspace, find_workspace

KIND = "taggers"
TRAIN_COMMAND = ".venv/bin/train-tags --workspace {workspace} --model {model}"

logger = logging.getLogger(__name__)


def train_command(workspace: Workspace, model: str) -> str:
    """The command that trains `model` in `workspace`."""
    return TRAIN_COMMAND.format(workspace=workspace.name, model=model)


@dataclass(frozen=True)
class TagPredictor:
    """A tagger and the card of the version that it was loaded from."""

    tagger: Tagger
    card: Card

    @classmethod
    def load(cls, workspace: Workspace | str, model: str = "linear", *, version: str | None = None) -> Self:
        """The `version` of `model` (default: the one that serves) in `workspace`, an opened one or its name.

        Raises UnknownNameError for an unknown model, NotBuiltError with the command when it isn't trained yet,
        ArtifactError when its files are damaged.
        """
        if isinstance(workspace, str):
            workspace = find_workspace(load_settings().home, workspace)
        kind, store = TAGGERS.load(model), ArtifactStore(workspace)
        chosen = version or store.current(KIND, model, command=train_command(workspace, model))
        return cls(kind.load(store.open(KIND, model, chosen)), store.card(KIND, model, chosen))

    def predict(
        self,
        *,
        text: str | Sequence[str],
        good_type: str,
        top_k: int | None = None,
        llm_reranker: Reranker | None = None,
    ) -> list[tuple[str, float]]:
        """(tag, probability), most probable first: the asserted tags, or the `top_k` most probable ones.

        text: one review or several; none at all gives what is usual in the category. llm_reranker: checks the best
        tags against the text (rerank.py); at most its `max_output` are left, with shifted scores, and when the check
        fails the list is what it would be without it. Raises UnknownNameError, with the nearest one, for a good type
        that the tagger has never seen.
        """
        if llm_reranker is not None:
            reranked = self.rerank(llm_reranker, text=text, good_type=good_type)
            if reranked.failed is None:
                return reranked.tags(top_k)
            logger.warning("Tags aren't reranked: %s", reranked.failed)
        scores = self._scores(text, good_type)
        chosen = [score for score in scores if score.asserted] if top_k is None else scores[:top_k]
        return [(score.tag, score.probability) for score in chosen]

    def rerank(self, reranker: Reranker, *, text: str | Sequence[str], good_type: str) -> Reranked:
        """What `reranker` makes of the best tags of `text`: which moved, why, and whether the check failed."""
        return reranker.rerank(as_item(text, good_type), self._scores(text, good_type))

    def _scores(self, text: str | Sequence[str], good_type: str) -> list[TagScore]:
        if good_type not in self.tagger.categories:
            raise UnknownNameError("good type", good_type, self.tagger.categories)
        return self.scores(as_item(text, good_type))

    def scores(self, item: ItemText) -> list[TagScore]:
        """Every tag that the item may have, most probable first, by name among equals."""
        rows = zip(self.tagger.tags, self.tagger.probabilities([item])[0], self.tagger.thresholds, strict=True)
        scores = [TagScore(tag, float(p), float(threshold)) for tag, p, threshold in rows if p > 0]
        return sorted(scores, key=lambda score: (-score.probability, score.tag))

    def evidence(self, item: ItemText, tags: Sequence[str]) -> list[Evidence]:
        """The sentences for and against each of `tags`; UnknownNameError for a tag that the tagger doesn't have."""
        return explain(self.tagger, item, tags)


def as_item(text: str | Sequence[str], good_type: str) -> ItemText:
    """Loose text as an item: one review, or several; empty ones are left out."""
    reviews = (text,) if isinstance(text, str) else tuple(text)
    return ItemText("", good_type, tuple(review for review in reviews if review.strip()))
