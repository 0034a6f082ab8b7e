"""What a workspace hands to the files of the beauty pipeline, and takes from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, new_version
from engine.data.base import ImportReport
from engine.progress import Progress
from engine.search.beauty_files import KEYWORDS, MOST_REVIEW, SUMMARIES, Record, read_lines, write_lines
from engine.search.documents import read_documents
from engine.search.keyword_store import FILE, KIND, ReviewKeywords, keywords_version, save_keywords
from engine.search.keywords import Keywords
from engine.search.review_splits import current_split
from engine.search.streams import table_views
from engine.search.summaries import STEP, descriptions, fingerprint
from engine.state import State
from engine.workspace import Workspace

_KEYWORDS = """
SELECT k.*, r.title, left(r.text, {most}) AS text, r.rating, epoch_ms(r.timestamp) AS timestamp
FROM said k LEFT JOIN reviews r USING (review_id) ORDER BY k.item_id, k.review_id
"""


def write_keywords(workspace: Workspace, part: str, path: Path) -> int:
    """Write the keywords of `part` that serve as keywords_{split}.jsonl has them; the number of lines."""
    file = ArtifactStore(workspace).open(KIND, part, keywords_version(workspace, part)) / FILE
    with table_views(workspace, also={"said": file}) as views:
        return write_lines(path, map(_keywords_line, views.rows(_KEYWORDS.format(most=MOST_REVIEW))))


def take_keywords(workspace: Workspace, part: str, path: Path, report: ImportReport) -> Card:
    """Make the keywords of a keywords_{split}.jsonl those that serve for `part`.

    A line without a review_id, as other programs write it, gets one from its place in the file. Raises DataError when
    the file can't be read, NotBuiltError when the reviews aren't split.
    """
    split = current_split(workspace)
    card = Card(
        kind=KIND,
        name=part,
        version=new_version(),
        config={"maker": f"file {path.name}"},
        data_hash=workspace.data_hash("items", "reviews"),
        split=f"{split.method} {split.hash}",
        seed=split.seed or 0,
    )
    lines = enumerate(read_lines(KEYWORDS, path, report), start=1)
    return save_keywords(workspace, card, (_taken(f"{path.name}:{n}", line) for n, line in lines))


def write_items(workspace: Workspace, path: Path) -> int:
    """Write the documents that serve, but for empty ones, as items_for_embedding.jsonl; the number of lines."""
    frame = read_documents(workspace).frame.query("text != ''")
    paths = workspace.read("items", ["item_id", "category_path"]).set_index("item_id")["category_path"]
    return write_lines(path, (_item_line(row, paths) for row in frame.to_dict("records")))


def write_summaries(workspace: Workspace, state: State, path: Path) -> int:
    """Write what a model said of the descriptions as description_summaries_cache.jsonl; the number of lines."""
    progress = Progress(state, STEP)

    def lines() -> Iterator[Record]:
        for some in descriptions(workspace):
            known = progress.results({item: fingerprint(text) for item, text in some.items()})
            yield from ({"asin": item, "summary": phrases} for item, phrases in sorted(known.items()) if phrases)

    return write_lines(path, lines())


def take_summaries(workspace: Workspace, state: State, path: Path, report: ImportReport) -> int:
    """Keep the summaries of a description_summaries_cache.jsonl for the items that have none; how many were taken."""
    offered = {line["item_id"]: line["summary"] for line in read_lines(SUMMARIES, path, report) if line["summary"]}
    progress, taken = Progress(state, STEP), 0
    for some in descriptions(workspace):
        prints = {item: fingerprint(text) for item, text in some.items() if item in offered}
        for item in set(prints) - set(progress.results(prints)):
            progress.done(item, prints[item], offered[item])
            taken += 1
    return taken


def _keywords_line(row: Mapping[str, Any]) -> Record:
    said = Keywords(*(tuple(row[kind] or ()) for kind in ("who", "when", "why")))
    return {
        "review_id": row["review_id"],
        "asin": row["item_id"],
        "parent_asin": row["item_id"],
        "title": row["title"],
        "review_text": row["text"],
        "rating": row["rating"],
        "timestamp": row["timestamp"],
        "keywords": said.all,
        "who": said.who,
        "when": said.when,
        "why": said.why,
    }


def _taken(place: str, line: Record) -> ReviewKeywords:
    parts = [line.get(kind) for kind in ("who", "when", "why")]
    if all(isinstance(part, list) and all(isinstance(word, str) for word in part) for part in parts):
        said = Keywords(*(tuple(part or ()) for part in parts))
    else:
        said = Keywords(why=tuple(line["keywords"]))
    review = line.get("review_id")
    return ReviewKeywords(review if isinstance(review, str) and review else place, line["item_id"], said)


def _item_line(row: Mapping[str, Any], paths: Mapping[str, Any]) -> Record:
    return {
        "asin": row["item_id"],
        "title": row["title"],
        "review_keywords": list(row["keywords"]),
        "description_summary": [row["summary"]] if row["summary"] else [],
        "features": list(row["features"]),
        "embedding_text": row["text"],
        "price": _number(row["price"]),
        "average_rating": _number(row["rating"]),
        "store": row["brand"] if isinstance(row["brand"], str) else "",
        "categories": [] if (path := paths.get(row["item_id"])) is None else list(path),
        "main_category": row["category"],
    }


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
