"""Build all that search needs: python scripts/build_search.py [--workspace NAME] [--finetune] [--max-pairs N]

One run: split the reviews, extract their keywords, make documents, embed and index them, fit fusion and the second
stage, retrieve candidates for the later reviews and measure recall beside popularity and BM25; with --finetune also
pairs and an encoder that learned from them. A step whose inputs are unchanged is passed over, so that a run that was
stopped goes on where it was. Each step has a script of its own. The demo takes half a minute on two cores, most of it
embedding; 100,000 products take an hour or more without a GPU.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from engine.search.encoders import EMBEDDED
from engine.search.finetune_config import FinetuneConfig
from engine.search_build import BuildConfig, Start, build_search
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.evaluate_recall import show_recall


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Build, and say what each step did."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    with steps() as start:
        built = build_search(workspace, config=_config(arguments), start=start, force=arguments.force)
    if built.recall:
        show_recall(built.recall)
    print(f"Search serves {workspace.name} with the encoder {built.encoder}")
    return 0


def _config(arguments: Namespace) -> BuildConfig:
    seed = chosen_seed(arguments.seed)
    tuning = {name: value for name in ("epochs", "train_layers", "max_pairs") if (value := getattr(arguments, name))}
    return BuildConfig(
        encoder=arguments.encoder,
        backend=arguments.backend,
        cutoffs_ms=tuple(arguments.cutoffs) if arguments.cutoffs else None,
        finetune=FinetuneConfig(base=arguments.encoder, seed=seed, **tuning) if arguments.finetune else None,
        evaluate=not arguments.no_evaluation,
        seed=seed,
    )


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--encoder", default=EMBEDDED, metavar="MODEL", help=f"whose vectors (default: {EMBEDDED})")
    made.add_argument("--backend", default="torch", help="what computes them: torch or openvino (default: torch)")
    made.add_argument(
        "--cutoffs", type=int, nargs=2, metavar=("VALID", "TEST"), help="where valid and test begin, ms since 1970"
    )
    made.add_argument(
        "--finetune",
        action="store_true",
        help="fine-tune the encoder on the reviews first (on judged queries where there are no reviews)",
    )
    made.add_argument("--epochs", type=int, help="of fine-tuning: passes over the pairs (default: 1)")
    made.add_argument("--train-layers", type=int, metavar="N", help="of fine-tuning: upper layers that learn")
    made.add_argument("--max-pairs", type=int, metavar="N", help="of fine-tuning: pairs to learn from")
    made.add_argument("--no-evaluation", action="store_true", help="leave candidates and recall out")
    made.add_argument("--force", action="store_true", help="make everything anew")
    made.add_argument("--seed", type=int, help="of splits and models (default: SHELFWISE_SEED)")
    return made


@contextmanager
def steps() -> Iterator[Start]:
    """A function that shows each step as it starts, and how much of it is done."""
    with tqdm(file=sys.stderr, disable=None, unit="", leave=False) as bar:

        def start(name: str, passed_over: bool) -> Callable[[int], None]:
            bar.reset()
            bar.set_description(name)
            tqdm.write(f"{'unchanged' if passed_over else 'building':<10}{name}", file=sys.stdout)
            return bar.update

        yield start


if __name__ == "__main__":
    sys.exit(main())
