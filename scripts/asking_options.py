"""The options of scripts that ask an LLM about many things at once, and what they print of it."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from engine.data.base import ImportReport
from engine.search.asking import AskOptions, AskReport
from scripts.llm_options import add_llm_options

SHOWN = 5


def add_asking_options(made: ArgumentParser, things: str) -> None:
    """Add the LLM's options, --batch-size, --max-items and --reset-failed."""
    add_llm_options(made)
    made.add_argument(
        "--batch-size", type=positive, default=AskOptions.batch, metavar="N", help=f"{things} in one question"
    )
    made.add_argument("--max-items", type=positive, metavar="N", help=f"ask the LLM about the first N {things} only")
    made.add_argument("--reset-failed", action="store_true", help=f"ask again about {things} that failed before")


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} isn't a whole number of 1 or more")
    return int(text)


def show_asked(report: AskReport, cost: str, things: str) -> None:
    """Print what became of asking."""
    print(f"Answered  {report.done:>9,} {things} now, {report.before:,} before, {report.left:,} left")
    for item, reason in list(report.failed.items())[:SHOWN]:
        print(f"Failed    {item}: {reason}")
    if report.failed:
        print(f"Failed    {len(report.failed):>9,} {things} in all; --reset-failed asks about them again")
    print(f"Asked     {cost}")


def show_rejected(report: ImportReport) -> None:
    """Print which lines of a file couldn't be used, and why."""
    for reason, count in report.rejected.most_common():
        print(f"Rejected  {count:>9,} lines: {reason}")
        for example in report.examples[reason]:
            print(f"          {example}")
