"""A description in a sentence or two: as a language model put it, or its own first sentences.

What a model said is kept in the workspace's state per item and never asked again while the description stays the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine.llm.client import LlmClient
from engine.llm.prompts import load_prompt
from engine.progress import Progress
from engine.search.asking import Asked, AskOptions, AskReport, Form, OnDone, ask_all
from engine.search.plain_text import lead, line, plain, shortened
from engine.search.staging import alone
from engine.search.streams import table_views
from engine.state import State
from engine.workspace import Workspace

BATCH = 1000  # descriptions looked at at once
STEP, PROMPT = "summaries", "summarise_description"
SHORT = 80  # characters; a shorter description is its own summary
LEAD = 300  # characters of the first sentences
MOST_SHOWN = 4000  # characters of a description that a model is shown
PHRASES, LONGEST = 6, 100  # phrases of an answer that are kept, letters of one


@dataclass(frozen=True)
class CachedSummaries:
    """The summaries that are known."""

    state: State

    def of(self, descriptions: Mapping[str, str]) -> dict[str, str]:
        """By item: the model's summary of its description, else its first sentences; empty without a description."""
        texts = {item: plain(description) for item, description in descriptions.items()}
        known = Progress(self.state, STEP).results({item: fingerprint(text) for item, text in texts.items() if text})
        return {item: ", ".join(known[item]) if known.get(item) else lead(text, LEAD) for item, text in texts.items()}


def ask_summaries(
    workspace: Workspace,
    state: State,
    client: LlmClient,
    *,
    options: AskOptions | None = None,
    on_done: OnDone | None = None,
) -> AskReport:
    """Ask a model to sum up each description that is longer than its summary would be, and keep the answers.

    Raises NotBuiltError without items, StorageError when another process asks here.
    """
    form = Form(PROMPT, "descriptions", "summaries", _kept)
    things = (
        Asked(item, fingerprint(text), [shortened(text, MOST_SHOWN)])
        for some in descriptions(workspace)
        for item, text in some.items()
    )
    with alone(workspace, STEP):
        options = options or AskOptions()
        return ask_all(client, form, things, Progress(state, STEP), options=options, on_done=on_done)


def descriptions(workspace: Workspace) -> Iterator[dict[str, str]]:
    """The plain descriptions worth summing up, by item, in the order of the items' ids, some at a time."""
    sql = f"SELECT item_id, description FROM items WHERE length(description) > {SHORT} ORDER BY item_id"
    workspace.table_path("items")
    with table_views(workspace) as views:
        waiting = views.rows(sql)
        while some := list(islice(waiting, BATCH)):
            texts = {row["item_id"]: plain(row["description"]) for row in some}
            yield {item: text for item, text in texts.items() if len(text) > SHORT}


def _kept(entry: Mapping[str, Any]) -> list[str]:
    phrases = (line(str(phrase)).rstrip(".") for phrase in entry["phrases"])
    return [shortened(phrase, LONGEST) for phrase in phrases if phrase][:PHRASES]


def fingerprint(text: str) -> str:
    """What a summary was made from: the prompt's version and the plain description."""
    asked = f"{load_prompt(PROMPT).id}\0{text}"
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:32]
