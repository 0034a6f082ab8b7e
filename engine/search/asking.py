"""A language model asked about many things, several in one question: what is answered stays answered after any stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from engine.errors import AnswerError, BudgetError, LlmError, ShelfwiseError
from engine.llm.client import LlmClient
from engine.llm.prompts import load_prompt
from engine.progress import Progress

UNANSWERED = 5  # questions in a row without an answer: then the endpoint is gone, and the run stops
WINDOW = 2000  # things looked up and asked about before the next ones are read
OnDone = Callable[[int], object]


@dataclass(frozen=True)
class Asked:
    """One thing to ask about: its id, what an answer to it is made from, and what the model is shown of it."""

    id: str
    fingerprint: str
    shown: Sequence[str]


@dataclass(frozen=True)
class Form:
    """How it is asked: a prompt, its field for the numbered things, and the list of the answer with an entry for each.

    read: an answer's entry -> what is kept of it.
    """

    prompt: str
    field: str
    entries: str
    read: Callable[[Mapping[str, Any]], list[str]]


@dataclass(frozen=True)
class AskOptions:
    """How much is asked.

    batch:        things in one question
    most:         of all things only the first so many; None: all
    reset_failed: ask again about what failed before
    """

    batch: int = 10
    most: int | None = None
    reset_failed: bool = False


@dataclass
class AskReport:
    """What a run did: things answered now and before, failed with reasons, left open, and why it stopped early."""

    done: int = 0
    before: int = 0
    left: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None


def ask_all(
    client: LlmClient,
    form: Form,
    things: Iterable[Asked],
    progress: Progress,
    *,
    options: AskOptions,
    on_done: OnDone | None = None,
) -> AskReport:
    """Ask about each of `things` that has no answer yet, and keep the answers in `progress`.

    on_done(n) is called for n things answered, failed or found answered. A budget that is used up, or an endpoint that
    stops answering, ends the run with what is done; the report says why.
    """
    run = _Run(client, form, progress, options, on_done or (lambda _: None))
    if options.reset_failed:
        progress.reset_failed()
    try:
        asyncio.run(run.all(islice(iter(things), options.most)))
    except* ShelfwiseError as group:
        raise _first(group) from None
    return run.report


class _Run:
    """Workers that take the next question until there is none, or until something says stop."""

    def __init__(self, client: LlmClient, form: Form, progress: Progress, options: AskOptions, on_done: OnDone) -> None:
        self._client, self._form, self._progress, self._on_done = client, form, progress, on_done
        self._batch, self._unanswered = max(1, options.batch), 0
        self._prompt = load_prompt(form.prompt)
        self.report = AskReport()

    async def all(self, things: Iterator[Asked]) -> None:
        try:
            while window := list(islice(things, WINDOW)):
                prints = {thing.id: thing.fingerprint for thing in window}
                pending = set(self._progress.pending(prints))
                self.report.before += len(window) - len(pending)
                self._on_done(len(window) - len(pending))
                if not self.report.stopped:
                    await self._ask([thing for thing in window if thing.id in pending])
                self.report.left += len(self._progress.pending(prints))
                self.report.failed |= self._progress.failures(prints)
        finally:
            await self._client.close()

    async def _ask(self, things: Sequence[Asked]) -> None:
        questions = iter([things[start : start + self._batch] for start in range(0, len(things), self._batch)])
        async with asyncio.TaskGroup() as group:
            for _ in range(self._client.endpoint.concurrent):
                group.create_task(self._work(questions))

    async def _work(self, questions: Iterator[Sequence[Asked]]) -> None:
        for things in questions:
            if self.report.stopped:
                return
            try:
                await self._one(things)
            except BudgetError as error:
                self.report.stopped = str(error)
            except LlmError as error:
                self._unanswered += 1
                if self._unanswered >= UNANSWERED:
                    self.report.stopped = str(error)

    async def _one(self, things: Sequence[Asked]) -> None:
        """Ask one question; what it leaves out, or all of it when the answer can't be used, is asked about alone."""
        numbered = [[number, *thing.shown] for number, thing in enumerate(things, start=1)]
        try:
            answer = await self._client.ask(self._prompt, {self._form.field: numbered})
            entries = {entry["number"]: entry for entry in answer.value[self._form.entries]}
            reason = "The answer leaves it out."
        except AnswerError as error:
            entries, reason = {}, str(error)
        self._unanswered = 0
        for number, thing in enumerate(things, start=1):
            if number in entries:
                self._progress.done(thing.id, thing.fingerprint, self._form.read(entries[number]))
                self.report.done += 1
            elif len(things) > 1:
                await self._one([thing])
                continue
            else:
                self._progress.failed(thing.id, thing.fingerprint, reason)
            self._on_done(1)


def _first(group: BaseExceptionGroup[ShelfwiseError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
