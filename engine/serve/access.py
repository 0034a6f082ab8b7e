"""Who may call a route, and how often: the dependency that routes name with the scope they need."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import Scope

from engine.serve.problems import Problem
from engine.serve.service import Service

_BEARER = HTTPBearer(auto_error=False, description="A key made by scripts/api_keys.py")
MOST_KEY = 200  # characters


async def service_of(request: Request) -> Service:
    """The service that the app was made for. Asynchronous, because FastAPI calls other functions in threads."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(service_of)]


def needs(scope: str) -> Callable[..., Awaitable[None]]:
    """A dependency that lets nobody pass without a key of `scope`, nor more often than the limits say."""

    async def check(
        request: Request,
        service: Served,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None,
    ) -> None:
        _limit(service, await _caller(request, service, given, scope))

    return check


def may_ask(service: Service, scope: Scope, needed: str) -> bool:
    """The same for whoever has no request of FastAPI's: whether the caller plainly may. False: let `needs` decide.

    Raises Problem where these are too many requests.
    """
    if service.config.open:
        client = scope.get("client")
        _limit(service, _address(client[0] if client else ""))
        return True
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, key = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(key) <= MOST_KEY:
        return False
    try:
        caller = service.keys.remembered(key)
    except LookupError:
        return False
    if caller is None or needed not in caller.scopes:
        return False
    scope["state"]["key_id"] = caller.key_id
    _limit(service, caller.key_id)
    return True


def _address(host: str) -> str:
    return f"address {host}"


def _limit(service: Service, caller: str) -> None:
    wait = service.limits.wait(caller)
    if wait:
        headers = {"Retry-After": str(math.ceil(wait))}
        raise Problem(429, "too-many-requests", "These are too many requests; wait a little.", headers=headers)


async def _caller(request: Request, service: Service, given: HTTPAuthorizationCredentials | None, scope: str) -> str:
    """Whom the limits count."""
    address = _address(request.client.host if request.client else "")
    if service.config.open:
        return address
    challenge = {"WWW-Authenticate": "Bearer"}
    if given is None or len(given.credentials) > MOST_KEY:
        raise Problem(401, "no-key", "Send a key in the header Authorization: Bearer KEY.", headers=challenge)
    try:
        caller = service.keys.remembered(given.credentials)
    except LookupError:
        _limit(service, address)  # whoever tries out keys is slowed down too
        caller = await service.caller(given.credentials)
    if caller is None:
        raise Problem(401, "unknown-key", "This key opens nothing.", headers=challenge)
    request.state.key_id = caller.key_id
    if scope not in caller.scopes:
        raise Problem(403, "scope", f"This key isn't made for “{scope}”.")
    return caller.key_id
