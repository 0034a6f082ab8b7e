"""Note who uses a product, when and why, review by review: python scripts/extract_keywords.py --workspace NAME

An LLM does it where one is configured (OPENAI_BASE_URL, OPENAI_TOKEN, OPENAI_MODEL, or --backend openai|ollama|vllm),
else the embedded extractor, thousands of reviews a second. A run that was stopped goes on where it was when it is
started again; an answer is never paid for twice. Reviews that the LLM wasn't asked about get the embedded keywords.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from engine.data.base import ImportReport
from engine.data.splits import PARTS
from engine.errors import LlmError
from engine.llm.client import LlmClient
from engine.search.asking import AskOptions
from engine.search.beauty_files import KEYWORDS_FILE
from engine.search.exchange import take_keywords, write_keywords
from engine.search.extraction import ask_keywords, extract_keywords
from engine.search.review_splits import current_split
from engine.settings import load_settings
from engine.state import State
from engine.workspace import Workspace, find_workspace
from scripts.asking_options import add_asking_options, show_asked, show_rejected
from scripts.cli import chosen_workspace, parser, run
from scripts.llm_options import chosen_client, cost_line


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Extract or take, save, and say by whom."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    part, stopped = arguments.split, _take(workspace, arguments) if arguments.read else _make(workspace, arguments)
    if arguments.jsonl:
        path = arguments.jsonl / KEYWORDS_FILE.format(split=part)
        print(f"Wrote     {write_keywords(workspace, part, path):>9,} reviews to {path}")
    if stopped:
        raise LlmError(f"The LLM was stopped; the next run goes on from there. {stopped}")
    return 0


def _take(workspace: Workspace, arguments: Namespace) -> None:
    report = ImportReport()
    card = take_keywords(workspace, arguments.split, arguments.read, report)
    print(f"Took      {sum(report.kept.values()):>9,} reviews of {report.read:,} lines, version {card.version}")
    show_rejected(report)


def _make(workspace: Workspace, arguments: Namespace) -> str | None:
    """Ask an LLM where one is configured, and save; why it stopped early, if it did."""
    part, n = arguments.split, current_split(workspace).sizes[arguments.split]
    model, stopped = None, None
    with State.open(workspace) as state:
        client = chosen_client(arguments, state)
        if client is not None:
            model, stopped = client.endpoint.model, _ask(workspace, state, client, arguments, n)
    with tqdm(total=n, desc="Keywords", unit=" reviews", file=sys.stderr, disable=None) as bar:
        card = extract_keywords(workspace, part, model=model, on_done=bar.update)
    print(f"Saved     {n:>9,} reviews of {part}, version {card.version}, by {card.config['maker']}")
    return stopped


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    add_asking_options(made, "reviews")
    made.add_argument("--split", choices=PARTS, default="train", help="whose reviews (default: train)")
    made.add_argument("--read", type=Path, metavar="FILE", help="take them from a keywords_{split}.jsonl instead")
    made.add_argument("--jsonl", type=Path, metavar="FOLDER", help="also write keywords_{split}.jsonl there")
    return made.parse_args(argv)


def _ask(workspace: Workspace, state: State, client: LlmClient, arguments: Namespace, n: int) -> str | None:
    """Ask about the reviews, say what came of it, and return why it stopped early, if it did."""
    options = AskOptions(arguments.batch_size, arguments.max_items, arguments.reset_failed)
    total = min(n, arguments.max_items or n)
    with tqdm(total=total, desc="Asking", unit=" reviews", file=sys.stderr, disable=None) as bar:
        report = ask_keywords(workspace, state, client, arguments.split, options=options, on_done=bar.update)
    show_asked(report, cost_line(client, arguments), "reviews")
    return report.stopped


if __name__ == "__main__":
    sys.exit(main())
