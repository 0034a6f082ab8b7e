"""What can be asked over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from engine import __version__
from engine.errors import DataError, StorageError
from engine.search.filters import Filters
from engine.serve import finding, recommendations, telling
from engine.serve.access import Served, needs
from engine.serve.config import USUAL_K
from engine.serve.experimenting import Experimenting
from engine.serve.making import NOBODY, Asked
from engine.serve.metrics import CONTENT_TYPE
from engine.serve.problems import MEDIA, Problem
from engine.serve.schemas import (
    EventsAnswer,
    EventsTold,
    ExperimentState,
    HealthAnswer,
    Id,
    K,
    PartState,
    ProblemAnswer,
    ReadyAnswer,
    RecommendationsAnswer,
    SearchAnswer,
    SessionAsked,
    SimilarAnswer,
    TagsAnswer,
    Text,
    VariantState,
    VersionAnswer,
)
from engine.serve.slots import Slot

_TOLD = {
    400: "The request can't be read",
    401: "No key, or one that opens nothing",
    403: "The key isn't made for this",
    404: "Nothing is known by this id",
    408: "The body didn't come in time",
    413: "Too large",
    422: "A value can't be used",
    429: "Too many requests",
    503: "A part of the service has nothing to answer from, or doesn't answer",
}
_MORE = 20  # names of one filter
Category = Annotated[Text | None, Query(description="Only items in it or below it", examples=["Bags"])]
Names = Annotated[list[Text], Query(max_length=_MORE)]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"schema": ProblemAnswer.model_json_schema()}
    return {status: {"description": _TOLD[status], "content": {MEDIA: schema}} for status in statuses}


_CALLED = (401, 403, 422, 429, 503)
reading = APIRouter(dependencies=[Depends(needs("read"))], responses=_problems(*_CALLED))
writing = APIRouter(dependencies=[Depends(needs("events"))], responses=_problems(400, 408, 413, *_CALLED))
watching = APIRouter()


@reading.get("/recommendations/{user_id:path}", tags=["recommendations"], response_model=RecommendationsAnswer)
async def recommendations_of_user(
    service: Served,
    user_id: Annotated[Id, Path(examples=["U-1042"])],
    k: Annotated[K, Query()] = USUAL_K,
    category: Category = None,
    explain: bool = False,
) -> Response:
    """What to show a user, by everything that is known of them until now. An unknown user gets what is popular."""
    return _made(await recommendations.recommend(service, Asked(user_id, k, category, explain)))


@reading.post(
    "/recommendations",
    tags=["recommendations"],
    response_model=RecommendationsAnswer,
    responses=_problems(400, 408, 413),
)
async def recommendations_of_session(service: Served, session: SessionAsked) -> Response:
    """What to show a visitor who did this just now. Nothing of it is stored."""
    steps = [(step.item_id, step.event) for step in session.events]
    asked = Asked(session.user_id or NOBODY, session.k, session.category, session.explain, steps)
    return _made(await recommendations.recommend(service, asked))


@reading.get("/similar/{item_id:path}", tags=["items"], responses=_problems(404))
async def similar_items(
    service: Served, item_id: Annotated[Id, Path(examples=["bag-02"])], k: Annotated[K, Query()] = 10
) -> SimilarAnswer:
    """Items that go with an item."""
    return await finding.similar(service, item_id, k)


@reading.get("/items/{item_id:path}/tags", tags=["items"], responses=_problems(404))
async def item_tags(service: Served, item_id: Annotated[Id, Path(examples=["bag-02"])]) -> TagsAnswer:
    """What the tagger says of an item, and what people decided about it."""
    return finding.tags(service, item_id)


@reading.get("/search", tags=["search"])
async def search(
    service: Served,
    q: Annotated[Text, Query(examples=["leather bag"])],
    k: Annotated[K, Query()] = 10,
    category: Names = [],  # noqa: B006 - FastAPI copies it
    tag: Names = [],  # noqa: B006
    brand: Names = [],  # noqa: B006
    min_price: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    max_price: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    min_rating: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    available: bool = False,
) -> SearchAnswer:
    """Items that answer a query: any of the categories and brands, all of the tags, both ends of prices count."""
    try:
        filters = Filters(tuple(category), tuple(tag), tuple(brand), min_price, max_price, min_rating, available)
    except DataError as error:
        raise Problem(422, "invalid", str(error)) from None
    return await finding.search(service, q, k, filters)


@writing.post("/events", tags=["events"])
async def events(service: Served, told: EventsTold) -> EventsAnswer:
    """Store what users did. An answer of 200 means that it is on the disk; send the same ids again after any other."""
    return await telling.tell(service, told.events)


@watching.get("/health", tags=["state"])
async def health() -> HealthAnswer:
    """Whether the process answers."""
    return HealthAnswer()


@watching.get("/ready", tags=["state"], responses={503: {"model": ReadyAnswer, "description": "Not yet"}})
async def ready(service: Served, response: Response) -> ReadyAnswer:
    """Whether lists come from models and events can be stored; 503 until then."""
    try:
        await service.work.store(service.database.ping, service.config.store_deadline)
        stored = True
    except (StorageError, TimeoutError):
        stored = False
    whole = stored and service.parts.recommending.current is not None
    response.status_code = 200 if whole else 503
    parts = {slot.name: _state(slot) for slot in service.parts.slots}
    return ReadyAnswer(ready=whole, database=stored, parts=parts, experiment=_experiment(service.parts.experimenting))


@watching.get("/version", tags=["state"])
async def version(service: Served) -> VersionAnswer:
    """The versions of the service and of what serves."""
    models = {slot.name: slot.current.label if slot.current else None for slot in service.parts.slots}
    return VersionAnswer(service=__version__, models=models)


@watching.get(
    "/metrics",
    tags=["state"],
    dependencies=[Depends(needs("metrics"))],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_problems(401, 403, 429, 503)},
)
async def metrics(service: Served) -> Response:
    """The service's figures, for Prometheus."""
    return Response(await run_in_threadpool(service.metrics.text), headers={"Content-Type": CONTENT_TYPE})


def _experiment(experimenting: Experimenting) -> ExperimentState | None:
    experiment, problem = experimenting.running.experiment, experimenting.file.problem
    if experiment is None:
        return ExperimentState(name=None, variants={}, problem=problem) if problem else None
    variants = {
        one.name: VariantState(share=one.share, version=one.version, serves=experimenting.serves(one))
        for one in experiment.variants
    }
    return ExperimentState(name=experiment.name, variants=variants, problem=problem)


def _made(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _state(slot: Slot[Any]) -> PartState:
    loaded = slot.current
    made = datetime.fromtimestamp(loaded.made, UTC) if loaded and loaded.made else None
    return PartState(version=loaded.label if loaded else None, made=made, behind=bool(loaded and slot.problem))
