"""What every request passes: an id, limits on its body, a log line, its figures, and no stack trace to anybody."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.serve.logs import log_failure
from engine.serve.problems import Problem
from engine.serve.service import Service

ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
UNMATCHED = "unmatched"


class Gate:
    """The outermost part of the app, as ASGI middleware."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        in_flight = self._service.metrics.in_flight
        in_flight.inc()
        try:
            await _Passage(scope, receive, send, self._service).through(self._app)
        finally:
            in_flight.dec()


class _Passage:
    """One request on its way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, service: Service) -> None:
        self._scope, self._receive, self._send, self._service = scope, receive, send, service
        headers = dict(scope["headers"])
        self._length, given = headers.get(b"content-length", b""), headers.get(b"x-request-id", b"").decode("latin-1")
        self._id = given if ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = self._id
        self._read, self._whole, self._status = 0, False, 0
        self._body_until = 0.0

    async def through(self, app: ASGIApp) -> None:
        start = time.perf_counter()
        try:
            if self._length.isdigit() and int(self._length[:20]) > self._service.config.most_body:
                await self._problem(self._too_large())
            else:
                await app(self._scope, self._receive_some, self._send_some)
        except Exception as error:
            log_failure("a request failed", error, request=self._id, route=self._route)
            self._service.metrics.errors.labels(self._route, type(error).__name__).inc()
            if not self._status:
                await self._problem(Problem(500, "internal", "Something is wrong inside; the log says what."))
        finally:
            self._note(time.perf_counter() - start)

    @property
    def _route(self) -> str:
        route = self._scope.get("route")
        return str(getattr(route, "path_format", None) or getattr(route, "path", UNMATCHED))

    def _note(self, seconds: float) -> None:
        metrics, route, method = self._service.metrics, self._route, str(self._scope["method"])
        method = method if method in ("GET", "POST", "HEAD") else "other"
        metrics.requests_of[route, method, str(self._status)].inc()
        metrics.seconds_of[route,].observe(seconds)
        self._service.traffic.note(route, self._status, seconds)
        caller = self._scope["state"].get("key_id")
        fields: dict[str, Any] = {"request": self._id, "route": route, "method": method, "key": caller}
        self._service.lines.log("answered", **fields, status=self._status, ms=round(seconds * 1000, 2))

    async def _receive_some(self) -> Message:
        """The next part of the body, within its limits in size and time."""
        if self._whole:
            return await self._receive()
        self._body_until = self._body_until or time.perf_counter() + self._service.config.body_deadline
        try:
            left = self._body_until - time.perf_counter()
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except TimeoutError:
            raise HTTPException(408, "The rest of the body didn't come.") from None
        self._read += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._read > self._service.config.most_body:
            raise HTTPException(413, str(self._too_large()))
        return message

    async def _send_some(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            more = [(b"x-request-id", self._id.encode()), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message.get("headers", []), *more, (b"cache-control", b"no-store")]}
        await self._send(message)

    async def _problem(self, problem: Problem) -> None:
        await problem.response(self._id)(self._scope, self._receive, self._send_some)

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"A body has at most {self._service.config.most_body:,} bytes.")
