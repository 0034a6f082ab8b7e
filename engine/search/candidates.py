"""The best items for each query of a part, found in batches and kept as an artifact of kind "candidates".

What is found is put on the disk a shard at a time, so a run that was stopped goes on after the last whole shard when it
is started again with the same queries and retriever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.artifacts import ArtifactStore, Card, new_version
from engine.atomic import atomic_path, remove
from engine.errors import ArtifactError, DataError
from engine.search.base import Retriever
from engine.search.beauty_files import Record, write_lines
from engine.search.documents import Documents
from engine.search.evaluation import DEPTH, Queries, search_rows
from engine.workspace import Workspace

KIND, FILE = "candidates", "candidates.parquet"
COMMAND = ".venv/bin/python scripts/retrieve_candidates.py --split {part} --workspace {name}"
SHARD = 1000  # queries in one
SCHEMA = pa.schema(
    {
        "query_id": pa.string(),
        "query": pa.string(),
        "relevant": pa.list_(pa.string()),
        "hits": pa.list_(pa.string()),
        "scores": pa.list_(pa.float32()),
        "hit_rank": pa.int64(),
    }
)


@dataclass(frozen=True)
class Made:
    """What candidates are made of: the retriever's name and settings, the versions behind it, and the queries' origin.

    Equal values give equal candidates; another one begins anew.
    """

    part: str
    retriever: str
    config: Mapping[str, Any]
    split: str
    data_hash: str


def retrieve_candidates(
    workspace: Workspace,
    retriever: Retriever,
    queries: Queries,
    made: Made,
    *,
    k: int = DEPTH,
    report: Callable[[int], None] = lambda done: None,
) -> Card:
    """Find the `k` best items of each query and make them the version that serves, named by the part.

    report: told how many queries are done, those of an earlier run included. Raises DataError without queries.
    """
    if not len(queries):
        raise DataError(f"There are no queries in {made.part}; choose another part.")
    config = {**made.config, "retriever": made.retriever, "k": k, "queries": len(queries)}
    shards = workspace.path / ".building" / f"candidates-{_digest(made, queries, config)}"
    for number, start in enumerate(range(0, len(queries), SHARD)):
        _make_shard(shards / f"{number:06d}.parquet", retriever, _part_of(queries, start), k)
        report(min(start + SHARD, len(queries)))
    card = Card(
        kind=KIND,
        name=made.part,
        version=new_version(),
        config=config,
        data_hash=made.data_hash,
        split=made.split,
        seed=0,
    )
    saved = ArtifactStore(workspace).save(card, lambda folder: _join(shards, folder / FILE))
    remove(shards)
    return saved


def candidate_rows(workspace: Workspace, part: str) -> Iterator[dict[str, Any]]:
    """The candidates of `part` that serve, one dictionary per query with the columns of SCHEMA.

    Raises NotBuiltError with the command when there are none, ArtifactError when the file is damaged.
    """
    store, command = ArtifactStore(workspace), COMMAND.format(part=part, name=workspace.name)
    file = store.open(KIND, part, store.current(KIND, part, command=command)) / FILE
    try:
        for batch in pq.ParquetFile(file).iter_batches(SHARD):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise ArtifactError(f"{file} can't be read ({error}); make it again: {command}") from None


def write_candidates(workspace: Workspace, part: str, documents: Documents, path: Path) -> int:
    """Write the candidates of `part` as retrieval_candidates_{split}.jsonl has them; the number of lines."""
    shown = documents.frame.set_index("item_id")[["title", "price", "rating", "brand", "category"]].to_dict("index")
    return write_lines(path, (_line(row, shown) for row in candidate_rows(workspace, part)))


def _make_shard(place: Path, retriever: Retriever, queries: Queries, k: int) -> None:
    if place.exists():
        return
    rows = search_rows(retriever, queries, k=k)
    with atomic_path(place) as temporary:
        pq.write_table(pa.Table.from_pylist(_records(rows), schema=SCHEMA), temporary, compression="zstd")


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    ranks = [None if pd.isna(rank) else int(rank) for rank in rows["hit_rank"].tolist()]
    columns = [rows[name].tolist() for name in SCHEMA.names[:-1]]
    return [dict(zip(SCHEMA.names, values, strict=True)) for values in zip(*columns, ranks, strict=True)]


def _join(shards: Path, place: Path) -> None:
    with pq.ParquetWriter(place, SCHEMA, compression="zstd") as writer:
        for shard in sorted(shards.glob("[!.]*.parquet")):
            writer.write_table(pq.read_table(shard, schema=SCHEMA, partitioning=None))


def _part_of(queries: Queries, start: int) -> Queries:
    end = start + SHARD
    return Queries(queries.ids[start:end], queries.texts[start:end], queries.relevant[start:end])


def _digest(made: Made, queries: Queries, config: Mapping[str, Any]) -> str:
    said = json.dumps([made.part, config, made.split, made.data_hash, queries.ids, queries.texts], default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _line(row: Mapping[str, Any], shown: Mapping[str, Mapping[str, Any]]) -> Record:
    hits = zip(row["hits"], row["scores"], strict=True)
    return {
        "review_id": row["query_id"],
        "parent_asin": row["relevant"][0],
        "keywords": row["query"],
        "hit_rank": row["hit_rank"],
        "candidates": [{"item_asin": item, "score": score, **_said(shown[item])} for item, score in hits],
    }


def _said(item: Mapping[str, Any]) -> Record:
    return {
        "title": item["title"],
        "price": _known(item["price"]),
        "average_rating": _known(item["rating"]),
        "store": _known(item["brand"]) or "",
        "main_category": item["category"],
    }


def _known(value: Any) -> Any:
    """None for what is missing, which a frame writes as NaN."""
    return None if pd.isna(value) else value
