"""The one client for every use of an LLM: OpenAI-compatible, bounded, patient, and never asked twice for the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import openai
from numpy.typing import NDArray

from engine.errors import AnswerError, LlmError
from engine.llm.answers import MAX_ANSWER, Answers, parse_answer
from engine.llm.backends import Endpoint, check_address, is_local
from engine.llm.budget import Budget, estimate_tokens
from engine.llm.faults import MalformedError
from engine.llm.prompts import Prompt
from engine.llm.sending import ClientConfig, Counts, Sender, Tokens
from engine.state import State

EMBED_BATCH = 256
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Answer:
    """What the model said, fitting the prompt's schema; whether it was kept from before; seconds it took."""

    value: dict[str, Any]
    cached: bool
    seconds: float


@dataclass
class LlmClient:
    """Asks one endpoint. Use it as an async context manager, in one event loop.

    Redirects are not followed, and proxies of the environment are not used for this machine's own addresses.
    """

    endpoint: Endpoint
    state: State
    config: ClientConfig = field(default_factory=ClientConfig)
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        check_address(self.endpoint.base_url)
        self._answers = Answers(self.state)
        self._free = asyncio.Semaphore(self.endpoint.concurrent)
        self._sender = Sender(self.endpoint, self.config, self.budget)
        self._openai = openai.AsyncOpenAI(
            api_key=self.endpoint.token or "none",
            base_url=self.endpoint.base_url,
            max_retries=0,  # retried here, where tries are counted and paid
            timeout=self.config.timeout,
            http_client=openai.DefaultAsyncHttpx2Client(
                follow_redirects=False, trust_env=not is_local(self.endpoint.base_url)
            ),
        )

    @property
    def counts(self) -> Counts:
        """What the client did so far."""
        return self._sender.counts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, in the event loop that opened them."""
        await self._openai.close()

    async def ask(self, prompt: Prompt, values: Mapping[str, Any]) -> Answer:
        """The model's answer to `prompt` filled with `values`, from the kept ones when it was asked before.

        Raises AnswerError when it doesn't fit the schema even after one repair, BudgetError before a request that
        would pass the budget, and LlmError when the endpoint refuses or isn't there.
        """
        started = time.monotonic()
        key = Answers.key(prompt, values, self.endpoint.model, self.config.output_tokens)
        kept = self._answers.get(key)
        if kept is not None:
            self.counts.cached += 1
            return Answer(kept, cached=True, seconds=time.monotonic() - started)
        async with self._free:
            value, tokens = await self._valid_answer(prompt.messages(values), prompt)
        self._answers.put(key, prompt, self.endpoint.model, value, tokens)
        self.counts.answers += 1
        return Answer(value, cached=False, seconds=time.monotonic() - started)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, n_dimensions) vectors of the endpoint's embedding model, of length 1.

        Raises LlmError when the endpoint has no such model or its vectors can't be used.
        """
        model = self.endpoint.embed_model
        if model is None:
            raise LlmError(f"No embedding model is known for {self.endpoint.host}; name it in OPENAI_EMBED_MODEL.")
        batches = [list(texts[start : start + EMBED_BATCH]) for start in range(0, len(texts), EMBED_BATCH)]
        rows = [await self._embed_batch(model, batch) for batch in batches]
        vectors = np.asarray([vector for batch in rows for vector in batch], dtype=np.float32)
        lengths: NDArray[np.float32] = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return np.divide(vectors, lengths)

    async def _embed_batch(self, model: str, batch: list[str]) -> list[list[float]]:
        async def request() -> tuple[list[list[float]], Tokens]:
            response = await self._openai.embeddings.create(model=model, input=batch, encoding_format="float")
            vectors = [item.embedding for item in sorted(response.data, key=lambda item: item.index)]
            if len(vectors) != len(batch) or len({len(vector) for vector in vectors}) != 1:
                raise MalformedError("vectors are missing or of different lengths")
            if not np.isfinite(np.asarray(vectors, dtype=np.float64)).all():
                raise MalformedError("vectors aren't numbers")
            return vectors, (estimate, 0)

        estimate = sum(map(estimate_tokens, batch))
        async with self._free:
            vectors, _ = await self._sender.send(request, estimate, estimate)
        return vectors

    async def _valid_answer(self, messages: Messages, prompt: Prompt) -> tuple[dict[str, Any], Tokens]:
        """The first answer that fits the schema, with the tokens it took; the model gets one chance to repair it."""
        text, tokens = await self._complete(messages, prompt)
        try:
            return parse_answer(text, prompt.schema), tokens
        except AnswerError as error:
            self.counts.repairs += 1
            complaint = f"{error} Answer again, with one JSON object that fits the schema and nothing else."
            said = {"role": "assistant", "content": text[: MAX_ANSWER // 16]}
            text, more = await self._complete([*messages, said, {"role": "user", "content": complaint}], prompt)
        return parse_answer(text, prompt.schema), (tokens[0] + more[0], tokens[1] + more[1])

    async def _complete(self, messages: Messages, prompt: Prompt) -> tuple[str, Tokens]:
        """The text that the model answers with, and tokens in and out."""
        estimate = sum(estimate_tokens(message["content"]) for message in messages)

        async def request() -> tuple[str, Tokens]:
            create: Callable[..., Awaitable[Any]] = self._openai.chat.completions.create
            completion = await create(model=self.endpoint.model, messages=messages, **self._parameters(prompt))
            text, usage = completion.choices[0].message.content or "", completion.usage
            if not isinstance(text, str):
                raise MalformedError("the message is no text")
            text = text.encode("utf-8", "replace").decode()  # half a surrogate pair can't be sent or kept
            if usage is None:
                return text, (estimate, estimate_tokens(text))
            return text, (max(0, int(usage.prompt_tokens)), max(0, int(usage.completion_tokens)))

        return await self._sender.send(request, estimate, estimate + self.config.output_tokens)

    def _parameters(self, prompt: Prompt) -> dict[str, Any]:
        """The request's parameters in the style that this server was found to know."""
        style = self._sender.styles
        parameters: dict[str, Any] = {style["length"]: self.config.output_tokens}
        if style["temperature"] == "zero":
            parameters["temperature"] = 0
        if style["response_format"] == "json_schema":
            named = {"name": prompt.name, "schema": prompt.schema, "strict": True}
            parameters["response_format"] = {"type": "json_schema", "json_schema": named}
        elif style["response_format"] == "json_object":
            parameters["response_format"] = {"type": "json_object"}
        return parameters
