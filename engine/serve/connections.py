"""Connections that bring no whole request: they are closed, so that they hold no memory and nobody else up.

uvicorn limits the time between two requests, but neither that of a request's head nor its length.
"""

from __future__ import annotations

import asyncio
import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from engine.serve.problems import MEDIA, Problem

MOST_HEAD = 65_536  # bytes of a request line and its headers
HEAD_SECONDS = 10.0  # for a head, and for what a client goes on sending when it has its answer


class Connection(HttpToolsProtocol):
    """One connection to a client, with its limits."""

    most_head, head_seconds = MOST_HEAD, HEAD_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._in_head, self._head = False, 0
        self._late: asyncio.TimerHandle | None = None
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what isn't part of a request under way must become one soon."""
        super().data_received(data)
        self._head += len(data) if self._in_head else 0
        if self._head > self.most_head:
            self._refuse(Problem(431, "head-too-large", f"A head has at most {self.most_head:,} bytes."))
        elif self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._late is None:
            self._await_request()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What can't be read is told as every other problem is."""
        self._refuse(Problem(400, "bad-request", "This isn't HTTP as it can be read here."))

    def _refuse(self, problem: Problem) -> None:
        """Answer without the app, which has no request yet, and close."""
        if self.transport.is_closing():
            return
        body = problem.document(secrets.token_hex(8))
        head = f"content-type: {MEDIA}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + body)
        self.transport.close()

    def _await_request(self) -> None:
        self._late = self.loop.call_later(self.head_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()
