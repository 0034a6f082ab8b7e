"""The most frequent request, answered without a detour: GET /recommendations/{user_id} with a number of items at most.

What FastAPI does for a request takes longer than finding a list that is remembered. So a request that is plainly right
is answered here, by the same function; whatever is unusual in it, wrong or not allowed goes on to the app, which says
why. Tests hold that both give the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serve.access import may_ask
from engine.serve.config import MOST_TEXT, USUAL_K
from engine.serve.making import Asked
from engine.serve.problems import Problem
from engine.serve.recommendations import recommend
from engine.serve.service import Service

PREFIX = "/recommendations/"
_USER = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MOST_TEXT}}}")
_QUERY = re.compile(rb"(?:k=([1-9][0-9]?|100))?")


@dataclass(frozen=True)
class Route:
    """What figures and log call these requests by: the same as FastAPI does."""

    path_format: str = "/recommendations/{user_id}"


_ROUTE = Route()


class Shortcut:
    """Between the gate and the app, as ASGI middleware."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request, or pass it on."""
        asked = plain(scope) if scope["type"] == "http" else None
        response = await self._answer(scope, asked) if asked else None
        await (response or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope, asked: Asked) -> Response | None:
        scope["route"] = _ROUTE
        try:
            if not may_ask(self._service, scope, "read"):
                return None
            return Response(await recommend(self._service, asked), media_type="application/json")
        except Problem as problem:
            return problem.response(scope["state"]["request_id"])


def plain(scope: Scope) -> Asked | None:
    """The list that is asked for, None where that isn't plain to see."""
    path = scope["path"]
    if scope["method"] != "GET" or not path.startswith(PREFIX) or scope.get("root_path"):
        return None
    query = _QUERY.fullmatch(scope["query_string"])
    user_id = path[len(PREFIX) :]
    if query is None or not _USER.fullmatch(user_id):
        return None
    return Asked(user_id, int(query[1] or USUAL_K))
