"""Record what a script answers in an LLM's place: python -m benchmarks.record_stand_in [WORKSPACE] [FILE]

The demo store shows the check of tags by an LLM where there is no key and no network. What it then shows was answered
by a scripted server of the OpenAI kind on this machine, which is no model: the faithful judge of scripted_judges.py,
which knows what the demo store's sentences were written to say. Pages call it a stand-in. To show a model's answers
instead, let one answer and record them: .venv/bin/python scripts/freeze_answers.py FILE

Asks about the 20 best tags of every SKU with reviews by the tagger that pages open with. A minute on two cores.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from benchmarks.scripted_judges import Judge, Script, faithful, known_sentences
from engine.data.demo.store import ANSWERS
from engine.explore import item_tags, passport
from engine.llm.backends import Endpoint
from engine.llm.recorded import STAND_IN, save_answers
from engine.schema import ItemText, TagScore
from engine.settings import load_settings
from engine.sql import Queries
from engine.state import State
from engine.tags.rerank import Reranker
from engine.tags.rerank_llm import LlmCheck
from engine.workflows import catalogue_predictions
from engine.workspace import Workspace, find_workspace
from tests.fakes import serving

MODEL, TAGGER = "scripted-stand-in", "lora"


def main() -> None:
    """Ask about every SKU, then write the file."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", nargs="?", default="demo")
    parser.add_argument("file", nargs="?", type=Path, default=ANSWERS)
    arguments = parser.parse_args()
    workspace = find_workspace(load_settings().home, arguments.workspace)
    items = _items(workspace)
    predictions = catalogue_predictions(workspace, TAGGER)
    known = known_sentences(workspace, _as_stored(workspace, items))
    script = Script(_rounded(faithful(known)))
    with tempfile.TemporaryDirectory() as folder, serving(script) as server:
        asking = Workspace.create(Path(folder) / "asking")
        reranker = Reranker(LlmCheck(asking, Endpoint(server.url, MODEL, None, 4)))
        for item_id, item in tqdm(items.items(), unit=" SKU"):
            found = reranker.rerank(item, _scores(predictions, item_id))
            assert found.failed is None, found.failed
        with State.open(asking) as state:
            n = save_answers(state, arguments.file, STAND_IN)
    print(f"{n:,} answers of the stand-in about {len(items):,} SKUs are in {arguments.file}")


def _rounded(judge: Judge) -> Judge:
    """The judge with two digits of its scores, as models give them."""
    return lambda *asked: [{**one, "score": round(one["score"], 2)} for one in judge(*asked)]


def _items(workspace: Workspace) -> dict[str, ItemText]:
    """SKUs with reviews, as the page of one reads them."""
    queries = Queries(workspace)
    ids = queries.frame("SELECT item_id FROM facts WHERE reviews > 0 ORDER BY item_id")["item_id"]
    found = {str(item_id): passport(queries, str(item_id)) for item_id in ids}
    return {
        item_id: ItemText(item_id, one.item["category"], tuple(one.reviews["text"])) for item_id, one in found.items()
    }


def _as_stored(workspace: Workspace, items: Mapping[str, ItemText]) -> list[ItemText]:
    """The same SKUs with their reviews in the table's order, by which sentences are known."""
    reviews = workspace.read("reviews", ["item_id", "text"]).groupby("item_id", sort=False)["text"].agg(tuple)
    return [replace(item, reviews=reviews[item_id]) for item_id, item in items.items()]


def _scores(predictions: pd.DataFrame, item_id: str) -> tuple[TagScore, ...]:
    """What the tagger says of a SKU, as the page asks for it."""
    rows = item_tags(predictions, item_id, top=len(predictions))
    columns = zip(rows["tag"], rows["probability"], rows["threshold"], strict=True)
    return tuple(TagScore(tag, float(probability), float(threshold)) for tag, probability, threshold in columns)


if __name__ == "__main__":
    sys.exit(main())
