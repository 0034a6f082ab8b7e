"""The options of every script that may ask an LLM, and the progress bar that shows what asking costs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from engine.errors import SettingsError
from engine.llm.backends import BACKENDS, EMBEDDED, Endpoint, find_endpoint
from engine.llm.budget import Budget, Price
from engine.llm.client import LlmClient
from engine.llm.sending import ClientConfig
from engine.settings import load_llm_settings
from engine.state import State


def add_llm_options(made: ArgumentParser) -> None:
    """Add --backend, --budget, --price and --timeout to a parser."""
    names = ", ".join([*BACKENDS, EMBEDDED])
    made.add_argument(
        "--backend",
        metavar="NAME",
        help=f"{names} (default: openai when OPENAI_BASE_URL or OPENAI_TOKEN is set, else {EMBEDDED})",
    )
    made.add_argument("--budget", type=int, metavar="TOKENS", help="stop before more tokens than these are spent")
    made.add_argument(
        "--timeout",
        type=float,
        default=ClientConfig.timeout,
        metavar="SECONDS",
        help=f"for one request (default {ClientConfig.timeout:g})",
    )
    made.add_argument(
        "--price", type=float, nargs=2, metavar=("IN", "OUT"), help="dollars per million tokens, to show the cost"
    )


def chosen_client(arguments: Namespace, state: State) -> LlmClient | None:
    """The client of the chosen endpoint; None for the embedded way. Raises SettingsError for what can't be used."""
    if arguments.budget is not None and arguments.budget < 1:
        raise SettingsError(f"--budget is {arguments.budget}; it must be 1 or more.")
    if arguments.price is not None and min(arguments.price) < 0:
        raise SettingsError(f"--price is {arguments.price}; both numbers must be 0 or more.")
    if not arguments.timeout > 0:
        raise SettingsError(f"--timeout is {arguments.timeout:g}; it must be above 0.")
    endpoint: Endpoint | None = find_endpoint(arguments.backend, load_llm_settings())
    return (
        None
        if endpoint is None
        else LlmClient(endpoint, state, ClientConfig(arguments.timeout), Budget(arguments.budget))
    )


def cost_line(client: LlmClient | None, arguments: Namespace) -> str:
    """What was asked and spent so far, in words; empty for the embedded way."""
    if client is None:
        return ""
    counts, budget = client.counts, client.budget
    line = f"{counts.requests:,} requests, {counts.cached:,} kept answers, {budget.spent:,} tokens"
    return line + (f", ${Price(*arguments.price).cost(budget):,.2f}" if arguments.price else "")


@contextmanager
def progress_bar(
    what: str, unit: str, client: LlmClient | None, arguments: Namespace
) -> Iterator[tuple[Callable[[int, int], None], Callable[[int], None]]]:
    """(start, step): start(total, done before) and step(…) after each; the bar shows rate, requests and cost."""
    with tqdm(desc=what, unit=f" {unit}", file=sys.stderr, disable=None) as bar:

        def start(total: int, before: int) -> None:
            bar.reset(total)
            bar.initial = bar.n = before

        def step(_: int) -> None:
            bar.update()
            bar.set_postfix_str(cost_line(client, arguments), refresh=False)

        yield start, step
