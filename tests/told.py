"""Events that a service stored, without the service."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.engine import URL

from engine.recommend.events import micros
from engine.serve.storage import Database, Event, database_url
from engine.workspace import Workspace

NOW = datetime(2024, 5, 2, 3, tzinfo=UTC)  # just after the events of tests.recommended


def tell(workspace: Workspace, *events: Event, url: URL | None = None) -> None:
    """Store `events` as the service does, in the workspace's own database or in that at `url`."""
    database = Database(url or database_url(workspace.path))
    database.create()
    database.add(events)
    database.close()


def event(
    number: int,
    item: str,
    kind: str = "view",
    *,
    user: str = "fresh",
    at: datetime = NOW,
    late: float = 0,
    **more: float,
) -> Event:
    """Event e<number>, received at `at`, that happened `late` seconds before."""
    arrived = micros(at) - 1_000_000 + number
    return Event(f"e{number}", user, item, kind, arrived - int(late * 1e6), arrived, **more)
