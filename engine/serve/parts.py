"""The replaceable parts of one service, each with what says that there is a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore
from engine.decisions import Decisions
from engine.hiding import Hiding
from engine.recommending import training as recommenders
from engine.recommending.shop import data_of
from engine.search.documents import KIND as DOCUMENTS
from engine.search.documents import NAME as ITEMS
from engine.serve.assortment import Assortment
from engine.serve.experimenting import Experimenting
from engine.serve.opening import (
    Recommending,
    Searching,
    Tagging,
    check_recommending,
    check_searching,
    open_popular,
    open_recommending,
    open_searching,
    open_tagging,
    tagger_of,
)
from engine.serve.slots import Slot
from engine.serve.variants import read_experiment
from engine.tags import predictor as taggers
from engine.workspace import Workspace

SEARCHED = (DOCUMENTS, "embeddings", "index", "bm25", "search")  # kinds of artifacts that search reads


@dataclass(frozen=True, eq=False)
class Parts:
    """What the service answers from. `popular` is opened only where no pipeline can be."""

    recommending: Slot[Recommending]
    popular: Slot[Assortment]
    tagging: Slot[Tagging]
    searching: Slot[Searching]
    experimenting: Experimenting

    @property
    def slots(self) -> tuple[Slot[Any], ...]:
        """All of them, those of the variants of an experiment last."""
        variants = self.experimenting.running.slots.values()
        return self.recommending, self.popular, self.tagging, self.searching, *variants

    def looked_after(self) -> Iterator[Slot[Any]]:
        """Those to refresh, one after the other: `popular` is one as long as the first hasn't got anything."""
        yield from (self.recommending, self.tagging, self.searching)
        if self.recommending.current is None:
            yield self.popular

    @property
    def assortment(self) -> Assortment | None:
        """What is for sale, from whichever part knows it."""
        if (loaded := self.recommending.current) is not None:
            return loaded.value.assortment
        return self.popular.current.value if self.popular.current else None


def make_parts(path: Path, retry: float) -> Parts:
    """The parts of the workspace at `path`, still empty; retry: see ServeConfig."""

    def workspace() -> Workspace:
        return Workspace.open(path)

    recommending = Slot(
        "recommendations",
        version=lambda: _recommended(workspace()),
        open=lambda: open_recommending(workspace()),
        check=check_recommending,
        made=lambda: _made(workspace(), recommenders.KIND, recommenders.PIPELINE),
        label=lambda served: served.version,
        retry=retry,
    )
    return Parts(
        recommending,
        Slot("popular", version=lambda: _popular(workspace()), open=lambda: open_popular(workspace()), retry=retry),
        Slot(
            "tags",
            version=lambda: _tagged(workspace()),
            open=lambda: open_tagging(workspace()),
            made=lambda: _made(workspace(), taggers.KIND, tagger_of(workspace())),
            label=lambda served: served.version,
            retry=retry,
        ),
        Slot(
            "search",
            version=lambda: _pointers(workspace(), *SEARCHED),
            open=lambda: open_searching(workspace()),
            check=check_searching,
            made=lambda: _made(workspace(), DOCUMENTS, ITEMS),
            label=lambda served: served.version,
            retry=retry,
        ),
        _experimenting(path, recommending, retry),
    )


def _experimenting(path: Path, current: Slot[Recommending], retry: float) -> Experimenting:
    """The experiment of the workspace at `path`, and a slot for each version that it tries."""

    def variant(name: str, version: str) -> Slot[Recommending]:
        return Slot(
            name,
            version=lambda: f"{version} {_popular(Workspace.open(path))}",
            open=lambda: open_recommending(Workspace.open(path), version),
            check=check_recommending,
            label=lambda served: served.version,
            retry=retry,
        )

    file = Slot(
        "experiment",
        version=lambda: repr(read_experiment(path)),
        open=lambda: read_experiment(path),
        label=lambda experiment: experiment.name if experiment else "none",
        retry=retry,
    )
    return Experimenting(current, file, variant)


def _recommended(workspace: Workspace) -> str:
    """What a pipeline is made of: its models, the tables, and what people have hidden."""
    return f"{_pointers(workspace, recommenders.KIND)} {_popular(workspace)}"


def _popular(workspace: Workspace) -> str:
    return f"{data_of(workspace)} hidden-{Hiding(workspace).version()}"


def _tagged(workspace: Workspace) -> str:
    """The tagger, and what people have decided about tags."""
    name = tagger_of(workspace)
    version = ArtifactStore(workspace).current(taggers.KIND, name, command="")
    return f"{name} {version} decisions-{Decisions(workspace).version()}"


def _pointers(workspace: Workspace, *kinds: str) -> str:
    store = ArtifactStore(workspace)
    names = [(kind, name) for kind in kinds for name in store.names(kind)]
    return " ".join(f"{kind}/{name}/{store.current(kind, name, command='')}" for kind, name in names)


def _made(workspace: Workspace, kind: str, name: str) -> float:
    """When the version that serves was made, seconds since 1970; 0 where its card doesn't say."""
    store = ArtifactStore(workspace)
    created = store.card(kind, name, store.current(kind, name, command="")).created
    return datetime.fromisoformat(created).timestamp() if created else 0.0
