"""The tables of the service's own figures, and how rows are added to them on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Table

from engine.serve.metrics import SECONDS
from engine.serve.storage import TABLES, Database

BUCKETS = (*(f"ms_{bound * 1000:g}".replace(".", "_") for bound in SECONDS), "ms_more")
TRAFFIC = Table(  # a minute is counted since 1970; a bucket counts answers up to its bound and above the one before
    "traffic",
    TABLES,
    Column("minute", BigInteger, primary_key=True),
    Column("process", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in BUCKETS),
    sqlite_with_rowid=False,
)
TALLIES = Table(  # what: a name of TALLIED; route and kind: as that counter labels it
    "tallies",
    TABLES,
    Column("minute", BigInteger, primary_key=True),
    Column("process", String, primary_key=True),
    Column("what", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
SERVING = Table(  # times are seconds since 1970; version and problem are "" where there is none
    "serving",
    TABLES,
    Column("process", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("version", String, nullable=False),
    Column("made", Float, nullable=False),
    Column("problem", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("ended", Boolean, nullable=False),
)


def adding(database: Database, table: Table) -> Any:
    """A statement that adds rows to those with the same key."""
    insert = database.insert(table)
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={one.name: one + insert.excluded[one.name] for one in table.columns if not one.primary_key},
    )


def replacing(database: Database, table: Table) -> Any:
    """A statement that puts rows in the place of those with the same key."""
    insert = database.insert(table)
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={one.name: insert.excluded[one.name] for one in table.columns if not one.primary_key},
    )
