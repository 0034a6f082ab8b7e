"""The forms of requests and answers, with examples: what the OpenAPI document shows and validation holds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from engine.serve.config import MOST_K, MOST_QUERY, MOST_TEXT, USUAL_K

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, Field(min_length=1, max_length=MOST_TEXT, pattern=_PRINTABLE)]
K = Annotated[int, Field(ge=1, le=MOST_K)]
_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _number(value: object) -> object:
    """10 and 10.0 are numbers; pydantic takes "10" and true for numbers too, which the document doesn't allow."""
    if isinstance(value, (str, bool)):
        raise ValueError("Input should be a number")
    return value


def _written(value: object) -> object:
    """Moments are written out; pydantic takes numbers too, for seconds or for milliseconds, as it guesses."""
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError("Input should be a moment as RFC 3339 writes it")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
Text = Annotated[str, Field(min_length=1, max_length=MOST_QUERY, pattern=_PRINTABLE)]
Kind = Literal["view", "addtocart", "transaction", "impression", "click", "cancellation"]
Reason = Literal["deadline", "error", "no_model"]
Missing = Literal["recent_events", "explanation", "variant"]


class Form(BaseModel):
    """What a client sends: a field that isn't known is an error, so that a slip is seen."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Step(Form):
    """What a visitor did with an item, in a session that is told with the request."""

    item_id: Id = Field(examples=["bag-02"])
    event: Kind = Field(examples=["view"])


class SessionAsked(Form):
    """A list for a session: its events are not stored. With a `user_id`, they come after what is known of the user."""

    events: Annotated[list[Step], Field(max_length=200)]
    user_id: Id | None = Field(None, examples=["U-1042"])
    k: Annotated[K, BeforeValidator(_number)] = USUAL_K
    category: Text | None = Field(None, examples=["Bags"])
    explain: StrictBool = False


class EventTold(Form):
    """One event. `event_id` is the sender's: sent again, it is stored once. Without a time it happens now.

    `price` is of one item, `quantity` 1 unless it is told. A transaction without a price gets that of the catalogue.
    """

    event_id: Id = Field(examples=["0192f3c4-7d1a-7c3e-9a55-2f6f0a5b8c11"])
    user_id: Id = Field(examples=["U-1042"])
    item_id: Id = Field(examples=["bag-02"])
    event: Kind = Field(examples=["addtocart"])
    timestamp: Moment | None = Field(None, examples=["2026-11-21T10:15:00Z"])
    quantity: Annotated[float, Field(strict=True, ge=0, le=1e9)] | None = None
    price: Annotated[float, Field(strict=True, ge=0, le=1e12)] | None = None


class EventsTold(Form):
    """A batch of events, stored together or not at all."""

    events: Annotated[list[EventTold], Field(min_length=1)]


class EventOutcome(BaseModel):
    """What became of one event.

    conflict: its id belongs to another event, which was kept. folded: it counts in recommendations from now on.
    adjusted: "clock_skew" where its time lay in the future and was set to now, "late" where it is old.
    """

    event_id: str
    outcome: Literal["stored", "duplicate", "conflict"]
    folded: bool
    adjusted: Literal["clock_skew", "late"] | None = None


class EventsAnswer(BaseModel):
    """The outcome of each event, in their order. Everything here is on the disk."""

    stored: int
    duplicates: int
    conflicts: int
    outcomes: list[EventOutcome]


class Item(BaseModel):
    """An item of an answer, with its place from 1."""

    place: int
    item_id: str
    title: str
    category: str
    price: float | None
    score: float | None


class Recommended(Item):
    """One recommendation. filled: only popularity put it there; because: the reason, where it was asked for."""

    filled: bool
    because: str | None = None


class RecommendationsAnswer(BaseModel):
    """A list, and what it was made by.

    source: "pipeline", or "popular" when that failed, and then `reason` says why. known: whether anything was known of
    the user. degraded: what is missing in a list of the pipeline; "variant": the version that the user should have got
    in the experiment that runs, so that they got everyone's. variant: that of the experiment which this list is of.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "place": 1,
                            "item_id": "bag-02",
                            "title": "The bag-02",
                            "category": "Bags",
                            "price": 12.0,
                            "score": 0.93,
                            "filled": False,
                            "because": "Because they viewed “The bag-07”",
                        }
                    ],
                    "source": "pipeline",
                    "reason": None,
                    "known": True,
                    "degraded": [],
                    "model": "20261121-030000-000000",
                    "variant": None,
                }
            ]
        }
    )
    items: list[Recommended]
    source: Literal["pipeline", "popular"]
    reason: Reason | None
    known: bool
    degraded: list[Missing]
    model: str | None
    variant: str | None = None


class SimilarAnswer(BaseModel):
    """Items like one item. source: the model that knows it; "category": popular ones of the same category."""

    item_id: str
    items: list[Item]
    source: str
    model: str | None


class Tag(BaseModel):
    """A tag and how probable it is, null where people alone gave it.

    decision: what people said of it; shown: what they said, or else whether it is probable enough for this tag.
    """

    tag: str
    probability: float | None
    decision: Literal["confirmed", "rejected", "added", "renamed"] | None
    shown: bool


class TagsAnswer(BaseModel):
    """What the tagger and people say of an item, most probable first."""

    item_id: str
    tags: list[Tag]
    tagger: str
    model: str


class SearchAnswer(BaseModel):
    """Hits of a query. source: the retriever, or "popular" when that failed, and then `reason` says why."""

    items: list[Item]
    source: str
    reason: Reason | None
    model: str


class PartState(BaseModel):
    """What serves in one part: its version and when that was made; behind: the newest one can't serve."""

    version: str | None
    made: datetime | None
    behind: bool


class VariantState(BaseModel):
    """A variant of the experiment. serves: whether its users get its version; otherwise they get everyone's."""

    share: float
    version: str | None
    serves: bool


class ExperimentState(BaseModel):
    """The experiment that runs; name is null where none does. problem: why the file that is there now isn't it, "" when
    it is."""

    name: str | None
    variants: dict[str, VariantState]
    problem: str


class ReadyAnswer(BaseModel):
    """Whether recommendations can be given by models, and events stored."""

    ready: bool
    database: bool
    parts: dict[str, PartState]
    experiment: ExperimentState | None


class VersionAnswer(BaseModel):
    """Versions of the service and of what serves."""

    service: str
    models: dict[str, str | None]


class HealthAnswer(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ProblemAnswer(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(examples=["urn:shelfwise:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no item with this id."])
    instance: str = Field(examples=["urn:shelfwise:request:4f0c9a"])
    errors: list[dict[str, Any]] | None = None
