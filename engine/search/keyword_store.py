"""The keywords of the reviews of one part, as an artifact: one row per review, in the order of the items' ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from engine.artifacts import ArtifactStore, Card
from engine.search.keywords import Keywords
from engine.search.staging import move, staged
from engine.search.streams import table_views
from engine.workspace import Workspace

KIND, FILE = "keywords", "keywords.parquet"
COMMAND = ".venv/bin/python scripts/extract_keywords.py --split {part} --workspace {name}"
BATCH = 5000
_LIST = pa.list_(pa.string())
SCHEMA = pa.schema({"review_id": pa.string(), "item_id": pa.string(), "who": _LIST, "when": _LIST, "why": _LIST})


@dataclass(frozen=True)
class ReviewKeywords:
    """What one review says, and of which item."""

    review_id: str
    item_id: str
    keywords: Keywords


def save_keywords(workspace: Workspace, card: Card, rows: Iterable[ReviewKeywords]) -> Card:
    """Write `rows`, in any order, as a new version that serves; memory stays flat.

    Raises StorageError when another process writes keywords of this part here.
    """
    waiting = iter(rows)
    with staged(workspace, f"{KIND}-{card.name}") as file:
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            while some := list(islice(waiting, BATCH)):
                writer.write_table(pa.Table.from_pylist([_record(row) for row in some], schema=SCHEMA))
        return ArtifactStore(workspace).save(card, lambda folder: move(file, folder / FILE))


def keywords_version(workspace: Workspace, part: str) -> str:
    """The version of the keywords of `part` that serves. Raises NotBuiltError with the command when there is none."""
    command = COMMAND.format(part=part, name=workspace.name)
    return ArtifactStore(workspace).current(KIND, part, command=command)


def read_keywords(workspace: Workspace, part: str, version: str | None = None) -> Iterator[ReviewKeywords]:
    """The keywords of each review of `part`, sorted by item and review, streamed.

    Raises NotBuiltError with the command when there are none, ArtifactError when the files are damaged.
    """
    version = version or keywords_version(workspace, part)
    file = ArtifactStore(workspace).open(KIND, part, version) / FILE
    with table_views(workspace, also={"said": file}) as views:
        for row in views.rows("SELECT * FROM said ORDER BY item_id, review_id"):
            said = Keywords(*(tuple(row[kind] or ()) for kind in ("who", "when", "why")))
            yield ReviewKeywords(row["review_id"], row["item_id"], said)


def _record(row: ReviewKeywords) -> dict[str, object]:
    said = row.keywords
    return {
        "review_id": row.review_id,
        "item_id": row.item_id,
        "who": list(said.who),
        "when": list(said.when),
        "why": list(said.why),
    }
