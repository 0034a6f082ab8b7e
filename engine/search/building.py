"""The documents of a workspace, built and saved: everything that they say was said before the split's first cut-off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.data.splits import Split
from engine.decisions import Decisions
from engine.errors import WorkspaceError
from engine.progress import Progress
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search.drafts import DocumentConfig, Draft, Sources, drafts
from engine.search.keyword_store import COMMAND, keywords_version
from engine.search.keyword_store import KIND as KEYWORDS
from engine.search.review_splits import current_split
from engine.search.summaries import STEP as SUMMARIES
from engine.search.summaries import CachedSummaries
from engine.state import State
from engine.workspace import Workspace

OnDone = Callable[[int], object]


def find_sources(workspace: Workspace) -> Sources:
    """The split of reviews that serves and the keywords of its train part; neither without reviews.

    Raises NotBuiltError with the command for what is missing, WorkspaceError for keywords of another split.
    """
    workspace.table_path("items")
    if "reviews" not in workspace.tables:
        return Sources(None, None)
    split = current_split(workspace)
    version = keywords_version(workspace, "train")
    if ArtifactStore(workspace).card(KEYWORDS, "train", version).split != split_name(split):
        command = COMMAND.format(part="train", name=workspace.name)
        raise WorkspaceError(
            f"The keywords {version} are of another split of the reviews; extract them again: {command}"
        )
    return Sources(split, version)


def split_name(split: Split | None) -> str:
    """A split of reviews as cards name it."""
    return f"{split.method} {split.hash}" if split else ""


def build_documents(
    workspace: Workspace, *, config: DocumentConfig | None = None, on_done: OnDone | None = None
) -> Card:
    """Write one document per item as a new version that serves; a stop at any moment leaves the one before.

    on_done(1) is called after every document. Raises as `find_sources` does.
    """
    config, step, sources = config or DocumentConfig(), on_done or (lambda _: None), find_sources(workspace)
    card = Card(
        kind=KIND,
        name=NAME,
        version=new_version(),
        config={**asdict(config), "keywords_version": sources.keywords},
        data_hash=workspace.data_hash("items", "reviews", "tags"),
        split=split_name(sources.split),
        seed=(sources.split.seed or 0) if sources.split else 0,
        libraries=library_versions("pyarrow", "duckdb"),
    )
    with (
        State.open(workspace) as state,
        drafts(workspace, sources, CachedSummaries(state), config) as made,
    ):
        return save_documents(workspace, card, _documents(made, step))


def state_hash(workspace: Workspace) -> str:
    """A hash of what documents take from the workspace's state: people's decisions on tags, and models' summaries."""
    labels = Decisions(workspace).labels()
    decided = [{item: sorted(tags) for item, tags in side.items()} for side in (labels.true, labels.false)]
    with State.open(workspace) as state:
        said = [decided, Progress(state, SUMMARIES).version()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _documents(made: Iterator[Draft], step: OnDone) -> Iterator[Document]:
    for draft in made:
        yield draft.document
        step(1)
