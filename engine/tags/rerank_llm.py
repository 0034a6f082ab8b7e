"""The check that asks an LLM: candidates and sentences go out numbered, numbers and scores come back.

Nothing that the model writes reaches the screen: a reason is the number of a sentence, and the sentence shown is the
review's own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from engine.errors import AnswerError, LlmError, SettingsError
from engine.llm.answers import Answers
from engine.llm.backends import Endpoint, find_endpoint
from engine.llm.budget import Budget, estimate_tokens
from engine.llm.client import Answer, LlmClient
from engine.llm.prompts import Prompt, load_prompt
from engine.llm.recorded import Recording, recorded_answer, recordings
from engine.llm.sending import ClientConfig
from engine.schema import ItemText, Sentence
from engine.settings import load_llm_settings
from engine.state import State
from engine.tags.evidence import item_sentences
from engine.tags.pool.makers import tidy_space
from engine.tags.rerank import Check, Checker, Verdict
from engine.workspace import Workspace

PROMPT = "check_tags"
CHUNK_TOKENS, MOST_CHUNKS = 3000, 4  # sentences in one question, and questions about one SKU
MOST_LETTERS = 600  # of one sentence that are sent
PATIENCE = ClientConfig(timeout=30.0, attempts=2, longest_wait=2.0, obeyed_wait=5.0)
Numbered = list[tuple[int, Sentence]]
_SET_UP = "name one in OPENAI_BASE_URL, OPENAI_TOKEN and OPENAI_MODEL."
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LlmCheck:
    """Asks `endpoint`; answers are kept in the workspace's state.

    budget: tokens that all checks together may take; patience: somebody waits, so it is short; deadline: seconds
    after which a check counts as failed, whatever the server does.
    """

    workspace: Workspace
    endpoint: Endpoint
    budget: Budget = field(default_factory=Budget)
    patience: ClientConfig = PATIENCE
    deadline: float = 60.0

    @property
    def name(self) -> str:
        """Who checks, in words for the screen."""
        return f"LLM {self.endpoint.model}"

    def check(self, item: ItemText, tags: Sequence[str]) -> Check:
        """The model's verdicts. Raises LlmError and its kinds, and the state's errors.

        It returns when all is answered, so inside a running event loop that loop waits as well: the questions are then
        asked in a loop and a thread of their own.
        """
        if not _loop_runs():
            return self._asked(item, tags)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._asked, item, tags).result()

    def _asked(self, item: ItemText, tags: Sequence[str]) -> Check:
        with State.open(self.workspace) as state:  # to be used by the thread that opens it
            return asyncio.run(self._check(state, item, tags))

    async def _check(self, state: State, item: ItemText, tags: Sequence[str]) -> Check:
        started = time.monotonic()
        prompt, every = load_prompt(PROMPT), item_sentences(item)
        chunks = chunk(every)
        asked = [_values(item, tags, part) for part in chunks]
        async with LlmClient(self.endpoint, state, self.patience, self.budget) as client:
            answers = await self._ask(client, prompt, asked)
        return Check(
            verdicts=merge([verdicts(answer.value, part) for answer, part in zip(answers, chunks, strict=True)]),
            seconds=time.monotonic() - started,
            cached=all(answer.cached for answer in answers),
            prompt=_put(prompt, asked),
            note=_unread(chunks, every),
        )

    async def _ask(self, client: LlmClient, prompt: Prompt, asked: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """All answers at once, or the first error."""
        try:
            async with asyncio.timeout(self.deadline):
                return await asyncio.gather(*(client.ask(prompt, values) for values in asked))
        except AnswerError as error:  # its message may quote the model, which may quote a review: for the log only
            logger.warning("%s: %s", self.endpoint.host, error)
            said = f"{self.endpoint.model} at {self.endpoint.host} gave no answer that fits; the log says what it gave."
            raise AnswerError(said) from None
        except TimeoutError:
            raise LlmError(f"{self.endpoint.host} took more than {self.deadline:g} seconds.") from None


@dataclass(frozen=True)
class RecordedCheck:
    """Gives the answers that were recorded for the same questions, and says whose they are."""

    workspace: Workspace
    recording: Recording

    @property
    def name(self) -> str:
        """Who checked, in words for the screen."""
        return self.recording.who

    def check(self, item: ItemText, tags: Sequence[str]) -> Check:
        """The recorded verdicts. Raises LlmError when nothing was recorded for this SKU with these candidates."""
        started = time.monotonic()
        prompt, every = load_prompt(PROMPT), item_sentences(item)
        chunks = chunk(every)
        asked = [_values(item, tags, part) for part in chunks]
        keys = [Answers.key(prompt, values, self.recording.model, PATIENCE.output_tokens) for values in asked]
        with State.open(self.workspace) as state:
            found = [(recorded_answer(state, key), part) for key, part in zip(keys, chunks, strict=True)]
        given = [verdicts(answer, part) for answer, part in found if answer is not None]
        if len(given) < len(found):
            said = "No LLM is set up, and nothing was recorded for this SKU with these candidates"
            raise LlmError(f"{said}; {_SET_UP}")
        return Check(
            verdicts=merge(given),
            seconds=time.monotonic() - started,
            cached=True,
            prompt=_put(prompt, asked),
            note=_unread(chunks, every),
            recorded=self.recording.words,
        )


@dataclass(frozen=True)
class Unavailable:
    """Stands for an LLM that can't be asked: every check fails with `reason`."""

    reason: str
    name: str = "LLM"

    def check(self, item: ItemText, tags: Sequence[str]) -> Check:
        """Raises LlmError."""
        raise LlmError(self.reason)


def llm_checker(workspace: Workspace, *, backend: str | None = None, budget: int | None = None) -> Checker:
    """The LLM of `backend`, or of the environment; recorded answers where neither names one and there are any.

    Where an LLM can't be used, checks fail with the reason.
    """
    try:
        endpoint = find_endpoint(backend, load_llm_settings())
    except SettingsError as error:
        return Unavailable(str(error))
    if endpoint is None:
        with State.open(workspace) as state:
            found = recordings(state, load_prompt(PROMPT).id)
        return RecordedCheck(workspace, found[0]) if found else Unavailable(f"No LLM is set up; {_SET_UP}")
    return LlmCheck(workspace, endpoint, Budget(budget))


def chunk(sentences: Sequence[Sentence]) -> list[Numbered]:
    """Numbered sentences in lists of about 3,000 tokens, four lists at most; the rest is not asked about."""
    chunks: list[Numbered] = [[]]
    room = CHUNK_TOKENS
    for number, sentence in enumerate(sentences, start=1):
        size = estimate_tokens(_sent(sentence)) + 6  # brackets, number, quotes, commas
        if size > room:
            if len(chunks) == MOST_CHUNKS:
                break
            chunks.append([])
            room = CHUNK_TOKENS
        chunks[-1].append((number, sentence))
        room -= size
    return chunks


def verdicts(answer: Mapping[str, Any], part: Numbered) -> list[Verdict]:
    """A model's answer, which fits the schema, as verdicts; a number that no sentence of `part` has names none."""
    known = dict(part)
    found = []
    for said in answer["candidates"]:
        sentence, score = known.get(said["sentence"]), float(said["score"])
        found.append(Verdict(int(said["number"]), score, *((sentence, None) if score >= 1 / 2 else (None, sentence))))
    return found


def merge(parts: Sequence[Sequence[Verdict]]) -> tuple[Verdict, ...]:
    """One verdict per number: the mean score of the parts that speak about it, and the first sentence of each side.

    Within a part only the first verdict on a number counts, so that repeating one doesn't make it weigh more.
    """
    by_number: dict[int, list[Verdict]] = {}
    for part in parts:
        first: dict[int, Verdict] = {}
        for verdict in part:
            first.setdefault(verdict.number, verdict)
        for number, verdict in first.items():
            by_number.setdefault(number, []).append(verdict)
    return tuple(
        Verdict(
            number,
            sum(verdict.score for verdict in said) / len(said),
            next((verdict.supporting for verdict in said if verdict.supporting), None),
            next((verdict.contradicting for verdict in said if verdict.contradicting), None),
        )
        for number, said in sorted(by_number.items())
    )


def _loop_runs() -> bool:
    """Whether an event loop is at work in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _values(item: ItemText, tags: Sequence[str], part: Numbered) -> dict[str, Any]:
    return {
        "category": item.category,
        "candidates": [[number, tidy_space(tag)] for number, tag in enumerate(tags, start=1)],
        "sentences": [[number, _sent(sentence)] for number, sentence in part],
    }


def _put(prompt: Prompt, asked: Sequence[Mapping[str, Any]]) -> str:
    """All that was asked, as one text."""
    return "\n\n".join(message["content"] for values in asked for message in prompt.messages(values))


def _unread(chunks: Sequence[Numbered], every: Sequence[Sentence]) -> str:
    read = sum(map(len, chunks))
    return "" if read == len(every) else f"The first {read:,} of {len(every):,} sentences were read."


def _sent(sentence: Sentence) -> str:
    return tidy_space(sentence.text)[:MOST_LETTERS]
