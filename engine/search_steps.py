"""The steps that build search, in order: what each is made from, what is there, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.artifacts import ArtifactStore
from engine.atomic import sha256
from engine.data.splits import Split
from engine.errors import ArtifactError, WorkspaceError
from engine.judging import Judging
from engine.recall import RecallReport
from engine.search import candidates, documents, index, keyword_store
from engine.search.beauty_files import PAIRS_FILE, write_lines
from engine.search.building import build_documents, split_name, state_hash
from engine.search.encoders import ARTIFACT, EMBEDDED, EncoderConfig, slug
from engine.search.encoders import KIND as ENCODERS
from engine.search.extraction import extract_keywords
from engine.search.finetune import finetune, later_pairs, read_pairs
from engine.search.finetune_config import FinetuneConfig
from engine.search.pairs import PairConfig, build_pairs
from engine.search.review_splits import current_split, split_reviews
from engine.search_asked import LearningPairs, judged_parts
from engine.search_measuring import OnDone, recall_of_part, retrieve_for_part
from engine.searching import KIND as TRAINED
from engine.searching import train_search
from engine.settings import load_settings
from engine.tracking import log_training
from engine.workspace import Workspace

PARTS = ("valid", "test")


@dataclass(frozen=True)
class BuildConfig:
    """What is built.

    encoder, backend: whose vectors, and what computes them
    cutoffs_ms: where valid and test begin, ms since 1970; None: where 80 and 90 per cent of the reviews are written
    finetune: how the encoder is fine-tuned first; None: it is used as it is
    evaluate: also retrieve candidates for the later reviews and measure recall
    seed: of splits and models
    """

    encoder: str = EMBEDDED
    backend: str = "torch"
    cutoffs_ms: tuple[int, int] | None = None
    finetune: FinetuneConfig | None = None
    evaluate: bool = True
    seed: int | None = None


@dataclass(frozen=True)
class Step:
    """name; inputs: all that the result depends on; made: what names the result that is there; make: makes it.

    fits: whether what is there was made from these inputs by whoever made it, such as keywords by a language model.
    """

    name: str
    inputs: Mapping[str, Any]
    made: Callable[[], str | None]
    make: Callable[[OnDone], object]
    fits: Callable[[], bool] = lambda: False


class Steps:
    """One run over a workspace: the steps in order, each known once those before are done."""

    def __init__(self, workspace: Workspace, config: BuildConfig) -> None:
        self.workspace, self.config, self.encoder = workspace, config, config.encoder
        self.recall: RecallReport | None = None
        self.store = ArtifactStore(workspace)

    def all(self) -> Iterator[Step]:
        """All that `config` asks for."""
        reviewed = "reviews" in self.workspace.tables
        if reviewed:
            yield from self._reviews()
        yield self._documents()
        if self.config.finetune:
            finetuning = self._finetuning if reviewed else self._finetuning_judged
            yield from finetuning(self.config.finetune)
        yield self._index()
        yield self._search()
        if reviewed and self.config.evaluate:
            yield from (self._candidates(part) for part in PARTS)
            yield self._recall()

    def current(self, kind: str, name: str) -> str | None:
        """The version of an artifact that serves; None when there is none or it is damaged."""
        if name not in self.store.names(kind):
            return None
        try:
            return self.store.current(kind, name, command="")
        except ArtifactError:  # the pointer leads nowhere: make it again
            return None

    def _reviews(self) -> Iterator[Step]:
        space, config = self.workspace, self.config
        cutoffs = list(config.cutoffs_ms) if config.cutoffs_ms else None
        yield Step(
            "split",
            {"reviews": space.data_hash("reviews"), "cutoffs": cutoffs, "seed": config.seed},
            self._split,
            lambda _: split_reviews(space, cutoffs_ms=cutoffs, seed=config.seed),
            lambda: cutoffs is None and self._split() is not None,
        )
        yield Step(
            "keywords",
            {"reviews": space.data_hash("items", "reviews"), "split": self._split()},
            lambda: self.current(keyword_store.KIND, "train"),
            lambda done: extract_keywords(space, "train", on_done=done),
            lambda: self._is_of(keyword_store.KIND, "train", space.data_hash("items", "reviews")),
        )

    def _split(self) -> str | None:
        split = self._serving()
        return split.hash if split else None

    def _serving(self) -> Split | None:
        try:
            return current_split(self.workspace)
        except WorkspaceError:  # none yet, or of other reviews
            return None

    def _is_of(self, kind: str, name: str, data_hash: str) -> bool:
        """Whether the version that serves was made of this data and of the split that serves."""
        version = self.current(kind, name)
        card = self.store.card(kind, name, version) if version else None
        return card is not None and card.data_hash == data_hash and card.split == split_name(self._serving())

    def _documents(self) -> Step:
        return Step(
            "documents",
            {
                "tables": self.workspace.data_hash("items", "reviews", "tags"),
                "keywords": self.current(keyword_store.KIND, "train"),
                "state": state_hash(self.workspace),
            },
            self._documents_version,
            lambda done: build_documents(self.workspace, on_done=done),
        )

    def _documents_version(self) -> str | None:
        return self.current(documents.KIND, documents.NAME)

    def _finetuning(self, config: FinetuneConfig) -> Iterator[Step]:
        file = self.workspace.path / PAIRS_FILE
        asking = PairConfig("review_text")
        yield Step(
            "pairs",
            {"documents": self._documents_version(), "config": asdict(asking)},
            lambda: sha256(file) if file.exists() else None,
            lambda done: write_lines(file, _counted(build_pairs(self.workspace, config=asking), done)),
        )
        yield from self._tuning(
            config,
            {"pairs": sha256(file)},
            lambda: LearningPairs(
                read_pairs(file), later_pairs(self.workspace), split_name(current_split(self.workspace))
            ),
        )

    def _finetuning_judged(self, config: FinetuneConfig) -> Iterator[Step]:
        """Without reviews: from what people judged."""
        inputs = {"documents": self._documents_version(), **self._judged(), "seed": self.config.seed}
        yield from self._tuning(config, inputs, lambda: judged_parts(self.workspace, self._seed()))

    def _tuning(
        self, config: FinetuneConfig, inputs: Mapping[str, Any], pairs: Callable[[], LearningPairs]
    ) -> Iterator[Step]:
        step = Step(
            "fine-tuning",
            {**inputs, "config": asdict(config)},
            self._newest_tuned,
            lambda done: self._finetune(config, pairs(), done),
        )
        yield step
        self.encoder = f"{ARTIFACT}{step.made()}"

    def _judged(self) -> dict[str, Any]:
        """What queries are judged."""
        return {"tables": self.workspace.data_hash("judgments"), "people": Judging(self.workspace).version()}

    def _seed(self) -> int:
        return load_settings().seed if self.config.seed is None else self.config.seed

    def _newest_tuned(self) -> str | None:
        """The encoder that was saved last; names end in the time."""
        found = [name for name in self.store.names(ENCODERS) if "-finetuned-" in name]
        return max(found, key=lambda name: name[-15:], default=None)

    def _finetune(self, config: FinetuneConfig, pairs: LearningPairs, done: OnDone) -> None:
        before = 0

        def report(step: int, steps: int, figures: dict[str, float]) -> None:
            nonlocal before
            done(step - before)
            before = step

        card = finetune(self.workspace, pairs.train, pairs.valid, config=config, split=pairs.split, report=report)
        log_training(self.workspace, card)

    def _index(self) -> Step:
        encoding = EncoderConfig(backend=self.config.backend)
        return Step(
            "index",
            {"documents": self._documents_version(), "encoder": self.encoder, "backend": self.config.backend},
            lambda: self.current(index.KIND, slug(self.encoder)),
            lambda done: index.build_index(self.workspace, self.encoder, encoding=encoding, on_done=done),
        )

    def _search(self) -> Step:
        return Step(
            "fusion and second stage",
            {
                "documents": self._documents_version(),
                "index": self.current(index.KIND, slug(self.encoder)),
                "tables": self.workspace.data_hash("items", "reviews", "tags", "judgments"),
                "people": Judging(self.workspace).version(),
                "seed": self.config.seed,
            },
            lambda: self.current(TRAINED, slug(self.encoder)),
            lambda done: train_search(self.workspace, encoder=self.encoder, seed=self.config.seed),
        )

    def _behind(self) -> dict[str, Any]:
        """The versions that candidates and recall are made with."""
        return {
            "documents": self._documents_version(),
            "encoder": self.encoder,
            "index": self.current(index.KIND, slug(self.encoder)),
            "search": self.current(TRAINED, slug(self.encoder)),
        }

    def _candidates(self, part: str) -> Step:
        return Step(
            f"candidates of {part}",
            self._behind(),
            lambda: self.current(candidates.KIND, part),
            lambda done: retrieve_for_part(
                self.workspace, "hybrid", part, encoder=self.encoder, config=self._behind(), on_done=done
            ),
        )

    def _recall(self) -> Step:
        def make(done: OnDone) -> None:
            self.recall = recall_of_part(self.workspace, "test", encoder=self.encoder, on_done=done)

        return Step("recall", self._behind(), self._split, make)


def _counted(records: Iterator[Any], done: OnDone) -> Iterator[Any]:
    for record in records:
        yield record
        done(1)
