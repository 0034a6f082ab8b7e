"""The service as an ASGI app over one workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from engine import __version__
from engine.serve.ahead import keep_ahead
from engine.serve.batches import Batches
from engine.serve.changes import Changes
from engine.serve.config import ServeConfig
from engine.serve.exposures import Exposures
from engine.serve.gate import Gate
from engine.serve.keys import Keys, Limits
from engine.serve.logs import Lines, write_logs
from engine.serve.making import make_lists
from engine.serve.metrics import Metrics, forget_dead
from engine.serve.parts import make_parts
from engine.serve.problems import Problem, invalid
from engine.serve.remembered import Remembered
from engine.serve.routes import reading, watching, writing
from engine.serve.service import Service
from engine.serve.shortcut import Shortcut
from engine.serve.storage import Database, database_url
from engine.serve.telling import MOST_TOGETHER, store_together
from engine.serve.traffic import Traffic, end
from engine.serve.work import Work

ABOUT = """What a store's shelf shows to whom: recommendations, similar items, tags and search.

Errors are problem documents (RFC 9457). Every answer has a request id, which the log has too."""


def create_app(
    workspace: Path,
    config: ServeConfig | None = None,
    *,
    database: str | None = None,
    tables: bool = True,
    ending: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The service over the workspace at `workspace`; nothing is opened before it starts.

    database: the URL of a PostgreSQL, or None for a file in the workspace. tables: make those that are missing; where
    whoever starts several processes has made them, one may start while the database doesn't answer. ending: called
    when the last request is answered. Raises SettingsError for a URL that can't be used, StorageError when tables are
    to be made and the database doesn't answer.
    """
    service = make_service(workspace, config or ServeConfig(), database, tables=tables)
    app = FastAPI(
        title="Shelfwise",
        version=__version__,
        description=ABOUT,
        lifespan=_lifespan,
        redoc_url=None,
        docs_url="/docs",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the gate counts and logs; this costs time
    )
    app.state.service, app.state.ending = service, ending
    for router in (watching, reading, writing):
        app.include_router(router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Shortcut, service=service)
    app.add_middleware(Gate, service=service)  # the outermost
    return app


def make_service(workspace: Path, config: ServeConfig, database: str | None, *, tables: bool = True) -> Service:
    """What `create_app` serves, with its database open."""
    patience = config.deadline / 2  # what is left is enough for a list without what it waited for
    opened = Database(database_url(workspace, database), wait=config.store_deadline, patience=patience)
    if tables:
        opened.create()
    parts, metrics = make_parts(workspace, config.retry), Metrics(workspace / "retraining" / "LAST.json")
    metrics.threads.set(config.threads)
    return Service(
        config=config,
        parts=parts,
        database=opened,
        keys=Keys(opened, remember=config.keys_for),
        limits=Limits(config.rate, config.burst),
        metrics=metrics,
        traffic=Traffic(opened, metrics, parts.slots),
        work=Work(config.threads, metrics.busy.track_inprogress),
        lists=Batches(make_lists),
        stores=Batches(store_together, MOST_TOGETHER),
        exposures=Exposures(opened, metrics),
        remembered=Remembered(config.remember, Changes.of(opened.engine.url)),
        lines=Lines(),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what serves before the first request, look after it, and end when the last one is answered."""
    service: Service = app.state.service
    write_logs()
    forget_dead()
    await service.look()
    keeping = (
        service.keep_fresh(),
        service.traffic.keep_writing(),
        service.exposures.keep_writing(),
        keep_ahead(service),
    )
    keepers = [asyncio.create_task(keeper) for keeper in keeping]
    try:
        yield
    finally:
        app.state.ending()
        for keeper in keepers:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        service.work.close()
        await end(service.traffic)
        await service.exposures.end()
        service.lines.write()
        service.remembered.close()
        service.database.close()


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(request.state.request_id)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid(error.errors()).response(request.state.request_id)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    problem = Problem(error.status_code, kind, str(error.detail), headers=error.headers)
    return problem.response(request.state.request_id)
