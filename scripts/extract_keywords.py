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

from engine.data.splits import PARTS
from engine.errors import LlmError, SettingsError
from engine.llm.client import LlmClient
from engine.search.asking import AskOptions, AskReport
from engine.search.exchange import write_keywords
from engine.search.extraction import ask_keywords, extract_keywords
from engine.search.review_splits import current_split
from engine.settings import load_settings
from engine.state import State
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_workspace, parser, run
from scripts.llm_options import add_llm_options, chosen_client, cost_line

SHOWN = 5


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Extract, save, and say by whom."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    n = current_split(workspace).sizes[arguments.split]
    stopped = None
    with State.open(workspace) as state:
        client = chosen_client(arguments, state)
        if client is not None:
            stopped = _ask(workspace, state, client, arguments, n)
    with tqdm(total=n, desc="Keywords", unit=" reviews", file=sys.stderr, disable=None) as bar:
        card = extract_keywords(
            workspace, arguments.split, model=client.endpoint.model if client else None, on_done=bar.update
        )
    print(f"Saved     {n:>9,} reviews of {arguments.split}, version {card.version}, by {card.config['maker']}")
    if arguments.jsonl:
        path = arguments.jsonl / f"keywords_{arguments.split}.jsonl"
        print(f"Wrote     {write_keywords(workspace, arguments.split, path):>9,} reviews to {path}")
    if stopped:
        raise LlmError(f"The LLM was stopped; the next run goes on from there. {stopped}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    add_llm_options(made)
    made.add_argument("--split", choices=PARTS, default="train", help="whose reviews (default: train)")
    made.add_argument("--batch-size", type=int, default=AskOptions.batch, metavar="N", help="reviews in one question")
    made.add_argument("--max-items", type=int, metavar="N", help="ask the LLM about the first N reviews only")
    made.add_argument("--reset-failed", action="store_true", help="ask again about reviews that failed before")
    made.add_argument("--jsonl", type=Path, metavar="FOLDER", help="also write keywords_{split}.jsonl there")
    arguments = made.parse_args(argv)
    for option in ("batch_size", "max_items"):
        if getattr(arguments, option) is not None and getattr(arguments, option) < 1:
            raise SettingsError(f"--{option.replace('_', '-')} is {getattr(arguments, option)}; it must be 1 or more.")
    return arguments


def _ask(workspace: Workspace, state: State, client: LlmClient, arguments: Namespace, n: int) -> str | None:
    """Ask about the reviews, say what came of it, and return why it stopped early, if it did."""
    options = AskOptions(arguments.batch_size, arguments.max_items, arguments.reset_failed)
    total = min(n, arguments.max_items or n)
    with tqdm(total=total, desc="Asking", unit=" reviews", file=sys.stderr, disable=None) as bar:
        report = ask_keywords(workspace, state, client, arguments.split, options=options, on_done=bar.update)
    show_asked(report, cost_line(client, arguments), "reviews")
    return report.stopped


def show_asked(report: AskReport, cost: str, what: str) -> None:
    """Print what became of asking."""
    print(f"Answered  {report.done:>9,} {what} now, {report.before:,} before, {report.left:,} left")
    for item, reason in list(report.failed.items())[:SHOWN]:
        print(f"Failed    {item}: {reason}")
    if report.failed:
        print(f"Failed    {len(report.failed):>9,} {what} in all; --reset-failed asks about them again")
    print(f"Asked     {cost}")


if __name__ == "__main__":
    sys.exit(main())
