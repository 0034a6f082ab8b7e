"""How a request gets through: tried again with growing pauses, paid from a budget, refused in plain words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import openai

from engine.errors import AnswerError, BudgetError, LlmError
from engine.llm.backends import Endpoint
from engine.llm.budget import Budget
from engine.llm.faults import FALLBACKS, Fault, MalformedError, backoff, fault_of

Tokens = tuple[int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class ClientConfig:
    """How patient the client is.

    timeout:       seconds for one request, from first byte out to last byte in
    attempts:      tries for one request before it is given up
    first_wait:    seconds before the second try when the server names none; doubles from try to try
    longest_wait:  the most of that
    obeyed_wait:   the longest Retry-After that is waited for; a longer one ends the run with its reason
    output_tokens: the most that one answer may have
    """

    timeout: float = 120.0
    attempts: int = 10
    first_wait: float = 0.5
    longest_wait: float = 30.0
    obeyed_wait: float = 600.0
    output_tokens: int = 1024


@dataclass
class Counts:
    """What the client did: requests sent (tries counted each), answers, those kept from before, retries, repairs."""

    requests: int = 0
    answers: int = 0
    cached: int = 0
    retries: int = 0
    repairs: int = 0


@dataclass
class Sender:
    """Sends the requests of one client. A request is a function to call once per try: its result, tokens in and out."""

    endpoint: Endpoint
    config: ClientConfig
    budget: Budget
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._settled = asyncio.Condition()
        self._resume_at = 0.0  # no request before this time: one 429 speaks for all
        self._styles = dict.fromkeys(FALLBACKS, 0)

    @property
    def styles(self) -> dict[str, str]:
        """How each parameter is put so that this server knows it, as far as was found out."""
        return {name: FALLBACKS[name][index] for name, index in self._styles.items()}

    async def send(
        self, request: Callable[[], Awaitable[tuple[T, Tokens]]], prompt_tokens: int, reserved: int
    ) -> tuple[T, Tokens]:
        """What `request` returns, tried until it succeeds.

        Raises BudgetError when `reserved` tokens don't fit, AnswerError when the server refuses this request, LlmError
        when it refuses any or the tries are used up. A try that may have been computed costs its `prompt_tokens`.
        """
        fault = Fault("it was never tried", retry=True)
        attempt = 0
        while attempt < self.config.attempts:
            await asyncio.sleep(max(0.0, self._resume_at - time.monotonic()))
            styles = dict(self._styles)
            try:
                return await self._paid(request, prompt_tokens, reserved)
            except (
                openai.APIError,
                MalformedError,
                TimeoutError,
                ValueError,
                TypeError,
                AttributeError,
                IndexError,
            ) as e:
                # the last four: a 200 whose body has another shape than its type says
                fault = fault_of(e)
            if fault.unknown_parameter and self._fall_back(fault.unknown_parameter, styles):
                continue  # asked in another style, which is no further try
            if not fault.retry:
                self._refuse(fault)
            attempt += 1
            self.counts.retries += 1
            await self._wait(fault, attempt)
        tries = f"{self.config.attempts} tries; the last one: {self._safe(fault.reason)}"
        raise LlmError(f"{self.endpoint.host} didn't answer in {tries}.")

    async def _paid(
        self, request: Callable[[], Awaitable[tuple[T, Tokens]]], prompt_tokens: int, reserved: int
    ) -> tuple[T, Tokens]:
        """One try, with its tokens set aside before and settled after."""
        await self._reserve(reserved)
        spent = (0, 0)
        try:
            self.counts.requests += 1
            async with asyncio.timeout(self.config.timeout):
                result, spent = await request()
            return result, spent
        except (Exception, asyncio.CancelledError) as error:
            charged = isinstance(error, asyncio.CancelledError) or fault_of(error).charged
            spent = (prompt_tokens, 0) if charged else (0, 0)
            raise
        finally:
            self.budget.settle(reserved, tokens_in=spent[0], tokens_out=spent[1])
            async with self._settled:
                self._settled.notify_all()

    async def _reserve(self, tokens: int) -> None:
        """Set `tokens` aside, waiting for requests under way to give theirs back before saying there are none left."""
        async with self._settled:
            while True:
                try:
                    return self.budget.reserve(tokens)
                except BudgetError:
                    if not self.budget.reserved:
                        raise
                await self._settled.wait()

    async def _wait(self, fault: Fault, attempt: int) -> None:
        pause = backoff(attempt - 1, first=self.config.first_wait, longest=self.config.longest_wait)
        if fault.wait is not None:
            if fault.wait > self.config.obeyed_wait:
                raise LlmError(f"{self.endpoint.host} asks to wait {fault.wait:,.0f} seconds; run it again after that.")
            # everybody waits, and comes back spread out over the pause that would be due anyway
            self._resume_at = max(self._resume_at, time.monotonic() + fault.wait)
            pause = fault.wait + pause / 4
        await asyncio.sleep(pause)

    def _fall_back(self, parameter: str, sent: Mapping[str, int]) -> bool:
        """Ask in the next style of `parameter`; False when there is none left."""
        if self._styles[parameter] != sent[parameter]:
            return True  # another request found it out meanwhile
        if sent[parameter] + 1 >= len(FALLBACKS[parameter]):
            return False
        self._styles[parameter] += 1
        return True

    def _refuse(self, fault: Fault) -> NoReturn:
        """Raise what a refusal means: of this one request (400, 413, 422), or of all of them."""
        said = f"{self.endpoint.host} refused the request, {self._safe(fault.reason)}"
        if fault.reason.startswith(("status 400", "status 413", "status 422")):
            raise AnswerError(f"{said}.")
        raise LlmError(f"{said}; check OPENAI_BASE_URL, OPENAI_TOKEN and OPENAI_MODEL.")

    def _safe(self, text: str) -> str:
        """`text` on one line without the key, should the server have repeated it."""
        hidden = text.replace(self.endpoint.token, "***") if self.endpoint.token else text
        return " ".join(hidden.split()).rstrip(".")
