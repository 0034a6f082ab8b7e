"""The events that the service stored and that the events table doesn't have yet, each usable or with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import pandas as pd
import pyarrow as pa

from engine.data.base import ImportReport, Row
from engine.data.validate import LINE, validated
from engine.errors import MissingExtraError
from engine.recommend.events import micros
from engine.retraining.ledger import OVERLAP, Ledger
from engine.schema import TABLES
from engine.settings import load_database_url
from engine.workspace import Workspace

# What users did. Impressions are what they were shown: many times as many rows, which stay in the service's database,
# where the outcomes of experiments are counted. A click on a list is kept as what it is and has no weight of its own,
# because opening the item's page is told as a view.
KINDS = ("view", "addtocart", "transaction", "cancellation", "click")
PART = 50_000  # events that are checked at once
COLUMNS = tuple(TABLES["events"].arrow.names)


@dataclass(frozen=True)
class Batch:
    """New events.

    rows: those that can be used, with the columns of the events table, in the order of time; arrived: when each event
    that was looked at arrived, by its id; report: what couldn't be used, with the first few places; stayed: how many of
    other kinds stayed in the service's database, by kind; there: how many the table has already.
    """

    rows: pd.DataFrame
    arrived: Mapping[str, int]
    report: ImportReport
    stayed: Mapping[str, int]
    there: int = 0

    @property
    def name(self) -> str:
        """16 hexadecimal digits of its content; "" when there is nothing to bring in."""
        if self.rows.empty:
            return ""
        said = "\n".join(f"{name} {when}" for name, when in sorted(self.arrived.items()))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def new_events(workspace: Workspace, ledger: Ledger, known: pd.DataFrame, *, now: datetime) -> Batch:
    """The events that arrived until `now` and are not in the table yet.

    known: user_id, item_id, event and micros of the table, by which events are found that it has where the ledger knows
    of none. Raises MissingExtraError when the service's libraries aren't there, StorageError when its database isn't.
    """
    report, arrived, parts = ImportReport(), dict[str, int](), []
    stayed: dict[str, int] = {}
    for part, others in _stored(workspace, ledger, micros(now)):
        stayed |= others
        fresh = [one for one in part if one["event_id"] not in ledger.recent]
        arrived |= {str(one["event_id"]): int(one["received"]) for one in fresh}
        report.read += len(fresh)
        parts.append(_usable(fresh, report, now))
    rows = _ordered(parts)
    new = rows if ledger.batch else _without(rows, known)
    return Batch(new.reset_index(drop=True), arrived, report, stayed, len(rows) - len(new))


def _stored(workspace: Workspace, ledger: Ledger, until: int) -> Iterator[tuple[list[dict[str, Any]], dict[str, int]]]:
    """What arrived from shortly before the ledger's end until `until`, in parts; first how many of which kind stay."""
    url = load_database_url()
    if url is None and not (workspace.path / "service.sqlite").exists():
        return
    if find_spec("sqlalchemy") is None:
        raise MissingExtraError("Bringing in the service's events", "sqlalchemy", "ops")
    from sqlalchemy import func, inspect, select

    from engine.serve.storage import EVENTS, Database, database_url

    database, c = Database(database_url(workspace.path, url)), EVENTS.c
    arrived, ours = (c.received > ledger.until - OVERLAP) & (c.received <= until), c.event.in_(KINDS)
    try:
        with database.begin() as connection:
            if not inspect(connection).has_table(EVENTS.name):
                return
            others = select(c.event, func.count()).where(arrived & ~ours).group_by(c.event)
            yield [], {str(kind): int(n) for kind, n in connection.execute(others)}
            asked = select(EVENTS).where(arrived & ours).order_by(c.received, c.event_id)
            for part in connection.execution_options(yield_per=PART).execute(asked).mappings().partitions():
                yield [dict(one) for one in part], {}
    finally:
        database.close()


def _usable(part: Sequence[Mapping[str, Any]], report: ImportReport, now: datetime) -> pd.DataFrame:
    """Those that make rows of the events table, with their event_id; the others go to the report."""
    rows = [
        Row("events", {**one, "timestamp": _moment(one["happened"])}, "the service's database", number)
        for number, one in enumerate(part)
    ]
    table = validated(TABLES["events"], rows, report, now=now)
    frame = _frame(table.select(COLUMNS))
    frame["event_id"] = [str(part[line]["event_id"]) for line in table.column(LINE).to_pylist()]
    return frame


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper=lambda kind: pd.ArrowDtype(kind) if pa.types.is_timestamp(kind) else None)


def _moment(happened: Any) -> Any:
    """When it happened, or what there is instead, which is then refused as no time."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=happened)
    except (OverflowError, TypeError):
        return f"{happened} microseconds"


def no_rows() -> pd.DataFrame:
    """No events, with the columns of the table."""
    return _frame(TABLES["events"].arrow.empty_table())


def arrow_of(rows: pd.DataFrame) -> pa.Table:
    """Events as the table has them."""
    return pa.Table.from_pandas(rows[list(COLUMNS)], schema=TABLES["events"].arrow, preserve_index=False)


def _ordered(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All parts in the order of time, then of ids, so that the table doesn't depend on who asked the database."""
    if not any(len(part) for part in parts):
        return no_rows()
    return pd.concat([part for part in parts if len(part)]).sort_values(
        ["timestamp", "event_id"], kind="stable", ignore_index=True
    )


def _without(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """`rows` without those that `known` has, by user, item, kind and time."""
    if rows.empty or known.empty:
        return rows
    said = rows[["user_id", "item_id", "event"]].assign(micros=rows["timestamp"].astype("int64"))
    names = ["user_id", "item_id", "event", "micros"]
    there = pd.MultiIndex.from_frame(said[names].astype(object)).isin(
        pd.MultiIndex.from_frame(known.loc[known["user_id"].isin(set(said["user_id"])), names].astype(object))
    )
    return rows[~there]
