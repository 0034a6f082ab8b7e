"""Read the reviews of every SKU and note its tags: python scripts/generate_tags.py --workspace NAME

An LLM does it where one is configured (OPENAI_BASE_URL, OPENAI_TOKEN, OPENAI_MODEL, or --backend ollama|vllm), else
the embedded extractor. A run that was stopped, by Ctrl-C, a kill, a budget or the network, goes on where it was when it
is started again; an answer is never paid for twice. The embedded way takes about a minute per 1,000 SKUs on two cores.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from engine.errors import LlmError
from engine.llm.client import LlmClient
from engine.settings import load_settings
from engine.state import State
from engine.tags.pool.generate import TEST_ITEMS, GenerateOptions, GenerateReport, generate_tags
from engine.tags.pool.lamoda_files import write_tagged_reviews
from engine.tags.pool.makers import LlmTags, TagMaker
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run
from scripts.llm_options import add_llm_options, chosen_client, cost_line, progress_bar


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Make tags, save them in the workspace's tags table, and say who made them."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    options = GenerateOptions(TEST_ITEMS if arguments.test else None, arguments.reset_failed)
    with State.open(workspace) as state:
        client = chosen_client(arguments, state)
        maker = _maker(client)
        with progress_bar("Tagging", "SKUs", client, arguments) as (start, step):
            report = generate_tags(workspace, state, maker, options=options, on_start=start, on_done=step)
    _show(report, cost_line(client, arguments))
    if arguments.csv:
        rows = write_tagged_reviews(workspace, arguments.csv, sources=[report.source])
        print(f"Wrote     {rows:>9,} SKUs to {arguments.csv}")
    if report.stopped:
        raise LlmError(f"Stopped with {report.left:,} SKUs left, to be done by the next run: {report.stopped}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    add_llm_options(made)
    made.add_argument("--test", action="store_true", help=f"only the first {TEST_ITEMS} SKUs, to see what comes out")
    made.add_argument("--reset-failed", action="store_true", help="try again the SKUs that failed before")
    made.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write lamoda_reviews_sampled_with_tags.csv's columns to FILE"
    )
    return made.parse_args(argv)


def _maker(client: LlmClient | None) -> TagMaker:
    if client is not None:
        return LlmTags(client)
    from engine.tags.pool.extract import ExtractedTags  # loads torch

    return ExtractedTags()


def _show(report: GenerateReport, cost: str) -> None:
    print(f"Made by   {report.maker} (source {report.source})")
    print(f"Done      {report.done:>9,} SKUs now, {report.before:,} before; {report.tags:,} tags in all")
    for reason, count in report.dropped.most_common():
        print(f"Dropped   {count:>9,} tags: {reason}")
    for item, reason in list(report.failed.items())[:TEST_ITEMS]:
        print(f"Failed    {item}: {reason}")
    if report.failed:
        print(f"Failed    {len(report.failed):>9,} SKUs in all; --reset-failed tries them again")
    if cost:
        print(f"Asked     {cost}")


if __name__ == "__main__":
    sys.exit(main())
