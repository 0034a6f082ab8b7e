"""Teach an encoder what this shop's shoppers mean: python scripts/finetune_encoder.py [--workspace NAME] [--base MODEL]

Learns from the workspace's pairs of queries and documents (scripts/build_pairs.py) or from --pairs, a file such as
training_pairs.jsonl; with --judged from judged queries: documents that people called good answers, beside ones that
they graded lower. The weights that find the products of valid's reviews (or judged queries, or --valid-pairs) best are
saved, and the command that indexes with them is printed. Two cores learn from about ten pairs of a review and a
document a second (all-MiniLM-L6-v2, bfloat16, --train-layers 2), so 2,000 pairs take minutes; larger models want a GPU.
Stop it at any moment and run it again: it goes on after the last look at valid.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from engine.artifacts import Card
from engine.errors import NotBuiltError
from engine.search.beauty_files import PAIRS_FILE
from engine.search.building import split_name
from engine.search.finetune import finetune, later_pairs, read_pairs
from engine.search.finetune_config import PRECISIONS, FinetuneConfig, Report
from engine.search.review_splits import current_split
from engine.search_asked import LearningPairs, judged_parts
from engine.settings import load_settings
from engine.tracking import log_training
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run

SETTINGS = {
    "base": (str, "the encoder to begin with: a name or a folder (default: all-MiniLM-L6-v2)"),
    "epochs": (int, "passes over the pairs (default: 1)"),
    "batch_size": (int, "queries in a batch (default: 32); above --memory-size the cached loss is used"),
    "memory_size": (int, "queries held at once (default: 64)"),
    "rate": (float, "the highest learning rate (default: 2e-5)"),
    "query_tokens": (int, "the longest query (default: 256)"),
    "document_tokens": (int, "the longest document (default: 512)"),
    "train_layers": (int, "how many of the upper layers learn (default: all)"),
    "max_pairs": (int, "how many pairs to learn from, drawn at random (default: all)"),
    "evaluate_every": (int, "steps between two looks at valid (default: 100)"),
}


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Learn, then say what it brought and what it is called."""
    arguments = _parser().parse_args(argv)
    chosen = {name: value for name in [*SETTINGS, "precision"] if (value := getattr(arguments, name)) is not None}
    config = FinetuneConfig(**chosen, seed=chosen_seed(arguments.seed))
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    pairs = judged_parts(workspace, config.seed) if arguments.judged else _said(workspace, arguments)
    with progress() as report:
        card = finetune(workspace, pairs.train, pairs.valid, config=config, split=pairs.split, report=report)
    log_training(workspace, card)
    show(card)
    print(
        f"Index     .venv/bin/python scripts/build_index.py --workspace {workspace.name} --encoder artifact:{card.name}"
    )
    return 0


def _said(workspace: Workspace, arguments: Namespace) -> LearningPairs:
    """The pairs of files, or of the workspace's reviews."""
    file = arguments.pairs or workspace.path / PAIRS_FILE
    if not file.exists():
        raise NotBuiltError(str(file), f".venv/bin/python scripts/build_pairs.py --workspace {workspace.name}")
    valid = read_pairs(arguments.valid_pairs) if arguments.valid_pairs else later_pairs(workspace)
    return LearningPairs(read_pairs(file), valid, split_of(workspace))


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--pairs", type=Path, metavar="FILE", help="pairs to learn from (default: the workspace's)")
    made.add_argument("--judged", action="store_true", help="learn from 40 % of the judged queries instead")
    made.add_argument(
        "--valid-pairs",
        type=Path,
        metavar="FILE",
        help="by which the best weights are chosen (default: the reviews of valid)",
    )
    for name, (kind, about) in SETTINGS.items():
        made.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="X" if kind is float else "N", help=about)
    made.add_argument("--precision", choices=PRECISIONS, help="default: the fastest that the device has in hardware")
    made.add_argument("--seed", type=int, help="of order, draws and dropout (default: SHELFWISE_SEED)")
    return made


def split_of(workspace: Workspace) -> str:
    """The split that the workspace's pairs are of; empty where there are no reviews."""
    return split_name(current_split(workspace)) if "reviews" in workspace.tables else ""


@contextmanager
def progress() -> Iterator[Report]:
    """A function that shows on stderr how far the training is and what valid gave."""
    with tqdm(desc="Learning", unit=" steps", file=sys.stderr, disable=None) as bar:

        def show_step(done: int, steps: int, figures: dict[str, float]) -> None:
            bar.total = steps
            if figures:
                bar.set_postfix_str(f"valid MRR {figures['mrr']:.3f}", refresh=False)
            bar.update(done - bar.n)

        yield show_step


def show(card: Card) -> None:
    """Print what was learned."""
    print(f"Learned   from {card.config['pairs']:,} pairs; best on valid after step {card.config['best_step']}")
    for name in ("mrr", "recall@10", "recall@100"):
        before, after = card.metrics[f"valid_{name}_base"], card.metrics[f"valid_{name}"]
        print(f"Valid     {name:<11}{after:.3f}, before {before:.3f}")
    print(f"Saved as  artifact:{card.name}")


if __name__ == "__main__":
    sys.exit(main())
