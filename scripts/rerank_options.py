"""The options of a script that reranks tags, and how it tells what moved."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from engine.errors import SettingsError
from engine.llm.backends import BACKENDS, EMBEDDED
from engine.tags.pool.makers import tidy_space
from engine.tags.rerank import RerankConfig, Reranked, Reranker
from engine.tags.rerank_llm import llm_checker
from engine.tags.rerank_local import LocalCheck
from engine.workspace import Workspace

SIGNS = {"up": "↑", "down": "↓", "same": "=", "only A": "-", "only B": "+"}


def add_rerank_options(made: ArgumentParser) -> None:
    """Add --llm-rerank and what goes with it to a parser."""
    default, names = RerankConfig(), ", ".join([*BACKENDS, EMBEDDED])
    made.add_argument("--llm-rerank", action="store_true", help="let an LLM check the best tags against the reviews")
    made.add_argument(
        "--rerank-top-n", type=int, default=default.top_n, metavar="N", help=f"tags to check (default {default.top_n})"
    )
    made.add_argument(
        "--rerank-max-output",
        type=int,
        default=default.max_output,
        metavar="N",
        help=f"tags to keep (default {default.max_output})",
    )
    made.add_argument(
        "--backend",
        metavar="NAME",
        help=f"who checks: {names} (default: what OPENAI_BASE_URL says; {EMBEDDED} reads words and asks no LLM)",
    )
    made.add_argument("--budget", type=int, metavar="TOKENS", help="ask nothing that takes more tokens than these")


def chosen_reranker(arguments: Namespace, workspace: Workspace) -> Reranker | None:
    """The reranker that was asked for, None when none was. Raises SettingsError for numbers that can't be used."""
    if not arguments.llm_rerank:
        return None
    if arguments.budget is not None and arguments.budget < 1:
        raise SettingsError(f"--budget is {arguments.budget}; it must be 1 or more.")
    config = RerankConfig(arguments.rerank_top_n, arguments.rerank_max_output)
    if arguments.backend == EMBEDDED:
        return Reranker(LocalCheck(), config)
    return Reranker(llm_checker(workspace, backend=arguments.backend, budget=arguments.budget), config)


def show_moves(reranked: Reranked) -> None:
    """What moved, on stderr, so that stdout holds the tags alone."""
    if reranked.failed is not None:
        print(f"Not reranked, the tagger's own list stays: {reranked.failed}", file=sys.stderr)
        return
    check = reranked.check
    asked = check.recorded or ("from kept answers" if check.cached else "live")
    print(f"Reranked by {reranked.checker}, {asked}, {check.seconds:.2f} s. {check.note}".rstrip(), file=sys.stderr)
    for move in reranked.compared:
        place, shift = f"{move.before} → {move.after}", f"{move.probability:.3f} → {move.score:.3f}"
        print(f"  {SIGNS[move.where]} {place:<8} {shift}  {move.tag}", file=sys.stderr)
        reasons = {"+": move.verdict.supporting, "-": move.verdict.contradicting} if move.verdict else {}
        for sign, sentence in reasons.items():
            if sentence:
                print(f"      {sign} {tidy_space(sentence.text)}", file=sys.stderr)
