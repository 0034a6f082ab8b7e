"""Train adapters: python scripts/train_lora.py [--workspace NAME] [--base MODEL] [--out-dir lora_model]

One adapter per good type over one base model, learned from the workspace's tags, measured once on test beside the
category prior, saved as the tagger `lora`, and with --out-dir as folders that other workspaces can use. Minutes over
all-MiniLM-L6-v2 for 500 SKUs on two cores; larger bases want a GPU. Stop it at any moment and run it again: it goes on
after the last epoch that was finished.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from engine.settings import load_settings
from scripts.cli import chosen_seed, chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Train, say how good they are, and copy them out."""
    arguments = _parser().parse_args(argv)
    from engine.tags.neural.lora import LoraConfig
    from engine.tags.neural.lora_publish import publish
    from engine.workflows import tagger_report, train_tagger
    from engine.workspace import find_workspace

    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    chosen = {name: value for name, value in vars(arguments).items() if name in SETTINGS and value is not None}
    card = train_tagger(
        workspace, "lora", config=LoraConfig(**chosen), seed=chosen_seed(arguments.seed), source=arguments.source
    )
    report = tagger_report(workspace, card)
    baseline = f", prior {report.baseline['micro_f1']:.3f}" if report.baseline else ""
    print(f"Test micro-F1 {report.figures['micro_f1']:.3f}{baseline} ({report.n_items:,} SKUs)")
    print(f"Saved as the tagger lora, version {card.version}")
    if arguments.out_dir:
        for folder in publish(workspace, card, arguments.out_dir):
            print(f"Adapter  {folder}")
    return 0


SETTINGS = ("base", "common_epochs", "epochs", "rank", "upper_layers", "train_chunks")


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--base", help="the base model (default: deepvk/user-bge-m3; embedded: all-MiniLM-L6-v2)")
    made.add_argument("--common-epochs", type=int, help="passes at most over the SKUs of all good types together")
    made.add_argument("--epochs", type=int, help="then passes at most of each adapter over its own")
    made.add_argument("--rank", type=int, help="the adapters' width")
    made.add_argument("--upper-layers", type=int, help="how many layers get an adapter, from the top (default: all)")
    made.add_argument("--train-chunks", type=int, help="how many telling sentences of a SKU are learned from")
    made.add_argument("--source", help="whose tags are the truth: llm, pool, human, import (default: most rows)")
    made.add_argument("--seed", type=int, help="seed of the split (default: SHELFWISE_SEED)")
    made.add_argument("--out-dir", type=Path, metavar="FOLDER", help="also put the adapters' folders there")
    return made


if __name__ == "__main__":
    sys.exit(main())
