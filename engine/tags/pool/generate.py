"""Reviews to free tags, SKU by SKU: what is done stays done, whatever ends the run."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd
from filelock import FileLock, Timeout

from engine.errors import AnswerError, BudgetError, LlmError, ShelfwiseError, StorageError
from engine.progress import Progress
from engine.schema import ItemText
from engine.state import State
from engine.tags.pool.makers import TagMaker
from engine.workspace import Workspace

TEST_ITEMS = 5
UNANSWERED = 5  # SKUs in a row that got no answer: then the endpoint is gone, and the run stops
OnDone = Callable[[int], None]


@dataclass
class GenerateReport:
    """What a run did: SKUs done now and before, failed with reasons, left; tags dropped by reason; why it stopped."""

    source: str
    maker: str
    done: int = 0
    before: int = 0
    tags: int = 0
    left: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


@dataclass(frozen=True)
class GenerateOptions:
    """`most`: only so many SKUs, in the order of their ids; `reset_failed`: try again what failed before."""

    most: int | None = None
    reset_failed: bool = False


def items_with_reviews(workspace: Workspace) -> list[ItemText]:
    """Every SKU that has reviews, by id, with their texts in the order of the table."""
    reviews = workspace.read("reviews", ["item_id", "text"])
    texts = reviews.groupby("item_id", sort=True)["text"].agg(tuple)
    categories = workspace.read("items", ["item_id", "category"]).set_index("item_id")["category"]
    kept = texts[texts.index.isin(categories.index)]
    return [ItemText(str(item), str(categories[item]), tuple(map(str, found))) for item, found in kept.items()]


def generate_tags(
    workspace: Workspace,
    state: State,
    maker: TagMaker,
    *,
    options: GenerateOptions | None = None,
    on_start: Callable[[int, int], None] | None = None,
    on_done: OnDone | None = None,
) -> GenerateReport:
    """Make the tags of every SKU that has none of this maker yet, then write them all to the tags table.

    `on_start(n_items, n_done_before)` is called once, `on_done(n_tags)` per SKU. A budget that is used up, or an
    endpoint that stops answering, ends the run with what is done; the report says why. Raises StorageError when another
    process generates tags here.
    """
    options = options or GenerateOptions()
    items = items_with_reviews(workspace)[: options.most]
    prints = {item.item_id: _fingerprint(maker.id, item) for item in items}
    progress = Progress(state, f"tags {maker.source}")
    with _alone(workspace):
        if options.reset_failed:
            progress.reset_failed()
        pending = set(progress.pending(prints))
        report = GenerateReport(maker.source, maker.id, before=len(items) - len(pending))
        if on_start:
            on_start(len(items), report.before)
        run = _Run(maker, progress, prints, report, on_done or (lambda _: None))
        try:
            asyncio.run(run.all([item for item in items if item.item_id in pending]))
        except* ShelfwiseError as group:
            raise _first(group) from None
        report.left = len(progress.pending(prints))
        report.failed = progress.failures(prints)
        results = progress.results(prints)
        report.tags = sum(map(len, results.values()))
        save_tags(workspace, maker.source, results)
    return report


def save_tags(workspace: Workspace, source: str, tags: Mapping[str, Sequence[str]]) -> None:
    """Replace the tags that `source` gave to the items of `tags`; other sources' and other items' tags stay."""
    new = pd.DataFrame(
        [(item, tag, source) for item, found in tags.items() for tag in found], columns=["item_id", "tag", "source"]
    )
    if not tags:
        return
    with workspace.replace_tables(f"tags by {source}") as writer:
        if "tags" in workspace.tables:
            old = workspace.read("tags")
            writer.write("tags", old[~((old["source"] == source) & old["item_id"].isin(list(tags)))])
        writer.write("tags", new)


class _Run:
    """Workers that take the next SKU until there is none, or until something says stop."""

    def __init__(
        self, maker: TagMaker, progress: Progress, prints: Mapping[str, str], report: GenerateReport, on_done: OnDone
    ) -> None:
        self._maker, self._progress, self._prints = maker, progress, prints
        self._report, self._on_done = report, on_done
        self._unanswered = 0

    async def all(self, items: Sequence[ItemText]) -> None:
        waiting = iter(items)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._maker.at_once, len(items))):
                    group.create_task(self._work(waiting))
        finally:
            await self._maker.close()

    async def _work(self, waiting: Iterator[ItemText]) -> None:
        for item in waiting:
            await asyncio.sleep(0)  # lets Ctrl-C in between SKUs that are made without waiting for anything
            if self._report.stopped:
                return
            try:
                await self._one(item)
            except BudgetError as error:
                self._report.stopped = str(error)
            except LlmError as error:
                self._unanswered += 1
                if self._unanswered >= UNANSWERED:
                    self._report.stopped = str(error)

    async def _one(self, item: ItemText) -> None:
        fingerprint = self._prints[item.item_id]
        try:
            made = await self._maker.tags(item)
        except AnswerError as error:
            self._progress.failed(item.item_id, fingerprint, str(error))
            self._on_done(0)
            return
        self._progress.done(item.item_id, fingerprint, made.tags)
        self._unanswered = 0
        self._report.done += 1
        self._report.dropped += made.dropped
        self._on_done(len(made.tags))


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One run at a time: two would pay for the same SKUs. Other writers of the workspace aren't held up."""
    try:
        with FileLock(workspace.path / ".generate.lock", timeout=0):
            yield
    except Timeout:
        raise StorageError(
            f"Another process makes tags in {workspace.path}; run it again when that one ends."
        ) from None


def _fingerprint(maker: str, item: ItemText) -> str:
    text = "\0".join((maker, item.category, *item.reviews))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _first(group: BaseExceptionGroup[ShelfwiseError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
