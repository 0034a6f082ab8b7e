"""Errors as problem documents (RFC 9457): what went wrong, for a program and for a person, and never how it is built.

A message of the engine names files and commands, so none is passed on; they go to the log, under the request's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

MEDIA = "application/problem+json"
MOST_ERRORS = 20  # of one document


class Problem(Exception):
    """A request that can't be answered: `kind` is the last part of the problem's type, `detail` a clear sentence."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.errors = dict(headers or {}), list(errors)[:MOST_ERRORS]

    def document(self, request_id: str) -> bytes:
        """What is told of it, with the id under which the log tells more."""
        document: dict[str, Any] = {
            "type": f"urn:shelfwise:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:shelfwise:request:{request_id}",
        }
        if self.errors:
            document["errors"] = self.errors
        return orjson.dumps(document)

    def response(self, request_id: str) -> Response:
        """The document as an answer."""
        return Response(self.document(request_id), self.status, self.headers, media_type=MEDIA)


def not_found(what: str) -> Problem:
    """Nothing is known by the id that was asked for."""
    return Problem(404, "not-found", f"There is no {what} with this id.")


def not_built(what: str) -> Problem:
    """A part of the service has nothing to answer from."""
    return Problem(503, "not-built", f"{what} has no model to answer from yet.", headers={"Retry-After": "60"})


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """What validation said, by the place of each value; values are not repeated, they may be anything."""
    told = [{"pointer": _pointer(error.get("loc", ())), "detail": str(error.get("msg", ""))} for error in errors]
    return Problem(422, "invalid", "Some values of the request can't be used; `errors` says which.", errors=told)


def _pointer(location: Sequence[object]) -> str:
    """A place in the request as a JSON pointer (RFC 6901): "/body/events/0/user_id"."""
    return "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in location)
