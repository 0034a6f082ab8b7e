"""Make the document of every product: python scripts/build_documents.py --workspace NAME

Title, the keywords of train reviews, a summary of the description, and features. Where an LLM is configured
(OPENAI_BASE_URL, OPENAI_TOKEN, OPENAI_MODEL, or --backend openai|ollama|vllm) it sums the descriptions up and is never
asked about one again; with --no-llm, what it said before is used, and first sentences elsewhere. The new version serves
once it is whole; a stop at any moment leaves the old one. Thousands of reviews a second.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from engine.data.base import ImportReport
from engine.errors import LlmError
from engine.search.asking import AskOptions
from engine.search.beauty_files import ITEMS_FILE, SUMMARIES_FILE
from engine.search.building import build_documents, find_sources
from engine.search.exchange import take_summaries, write_items, write_summaries
from engine.search.summaries import ask_summaries
from engine.settings import load_settings
from engine.state import State
from engine.workspace import Workspace, find_workspace
from scripts.asking_options import add_asking_options, show_asked, show_rejected
from scripts.cli import chosen_workspace, parser, run
from scripts.llm_options import chosen_client, cost_line


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Take and make summaries, build, save, and write the files that were asked for."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    find_sources(workspace)  # what is missing is said before anything is paid for
    with State.open(workspace) as state:
        _take(workspace, state, arguments.jsonl)
        stopped = None if arguments.no_llm else _ask(workspace, state, arguments)
        n = workspace.tables["items"].rows
        with tqdm(total=n, desc="Documents", unit=" SKUs", file=sys.stderr, disable=None) as bar:
            card = build_documents(workspace, on_done=bar.update)
        print(f"Built     {n:>9,} documents, version {card.version}")
        if arguments.jsonl:
            print(f"Wrote     {write_items(workspace, arguments.jsonl / ITEMS_FILE):>9,} lines of {ITEMS_FILE}")
            file = arguments.jsonl / SUMMARIES_FILE
            print(f"Wrote     {write_summaries(workspace, state, file):>9,} lines of {SUMMARIES_FILE}")
    if stopped:
        raise LlmError(f"The LLM was stopped; the next run goes on from there. {stopped}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    add_asking_options(made, "descriptions")
    made.add_argument("--no-llm", action="store_true", help="use only what is cached, and first sentences elsewhere")
    about = f"read {SUMMARIES_FILE} there, and write it and {ITEMS_FILE}"
    made.add_argument("--jsonl", type=Path, metavar="FOLDER", help=about)
    return made.parse_args(argv)


def _take(workspace: Workspace, state: State, folder: Path | None) -> None:
    """Take the summaries of the folder's cache file, if there is one."""
    if folder is None or not (folder / SUMMARIES_FILE).exists() or not (folder / SUMMARIES_FILE).stat().st_size:
        return
    report = ImportReport()
    taken = take_summaries(workspace, state, folder / SUMMARIES_FILE, report)
    print(f"Took      {taken:>9,} of {report.read:,} summaries")
    show_rejected(report)


def _ask(workspace: Workspace, state: State, arguments: Namespace) -> str | None:
    """Ask about the descriptions where an LLM is configured; why it stopped early, if it did."""
    client = chosen_client(arguments, state)
    if client is None:
        return None
    options = AskOptions(arguments.batch_size, arguments.max_items, arguments.reset_failed)
    with tqdm(desc="Asking", unit=" SKUs", file=sys.stderr, disable=None) as bar:
        report = ask_summaries(workspace, state, client, options=options, on_done=bar.update)
    show_asked(report, cost_line(client, arguments), "descriptions")
    return report.stopped


if __name__ == "__main__":
    sys.exit(main())
