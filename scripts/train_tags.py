"""Train a tagger: train-tags [--workspace NAME] [--model linear] [--source SOURCE] [--with-decisions] [--seed N]
       train-tags --model ensemble [--members linear,stacked]
       train-tags --model transformer --set base=all-MiniLM-L6-v2 --set epochs=3

Learns which tags a SKU has from its reviews and category, chooses thresholds on valid, measures once on test beside the
category prior, and lays predictions for the whole catalogue beside the model. Seconds for 2,000 SKUs on two cores, a
minute with stacked. Stop it at any moment and run it again: the version that served before stays until the new one
is whole.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from engine.artifacts import Card
from engine.errors import SettingsError, shown
from engine.settings import load_settings
from engine.tags.ensemble import EnsembleConfig
from engine.tags.registry import TAGGERS
from engine.workflows import TaggerReport, tagger_report, train_tagger, trained_on
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.component_settings import config_of

FIGURES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "p@3": "P@3",
    "r@3": "R@3",
    "micro_f1_oov": "micro-F1, unknown tags as misses",
}


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then print what was learned, how good it is and where it is."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    options = {
        "seed": chosen_seed(arguments.seed),
        "source": arguments.source,
        "with_decisions": arguments.with_decisions,
    }
    config = _config(arguments.model, arguments.members, arguments.set)
    card = train_tagger(workspace, arguments.model, config=config, **options)
    _show(workspace, card, tagger_report(workspace, card))
    return 0


def _config(model: str, members: str | None, settings: Sequence[str]) -> Any:
    """The settings that options name; None for the defaults."""
    if members is None:
        return config_of(TAGGERS, model, settings) if settings else None
    if model != "ensemble":
        raise SettingsError(f"--members is for --model ensemble, and the model is {shown(model)}; leave it out.")
    return EnsembleConfig(members=tuple(name.strip() for name in members.split(",") if name.strip()))


def _parser() -> ArgumentParser:
    models = "\n".join(f"  {name:<10}{part.about}" for name, part in TAGGERS.parts.items())
    made = parser(f"{__doc__}\nmodels:\n{models}")
    made.add_argument("--model", default="linear", metavar="MODEL", help="see above (default: linear)")
    made.add_argument("--members", metavar="A,B", help="taggers that the ensemble joins (default: linear,stacked)")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the model's config"
    )
    made.add_argument("--source", help="whose tags are the truth: llm, pool, human, import (default: most rows)")
    made.add_argument("--with-decisions", action="store_true", help="put people's decisions on top of those tags")
    made.add_argument("--seed", type=int, help="seed of the split (default: SHELFWISE_SEED)")
    return made


def _show(workspace: Workspace, card: Card, report: TaggerReport) -> None:
    sizes = {part: len(ids) for part, ids in trained_on(workspace, card.name).items()}
    print(f"Learned {card.name} from {sizes['train']:,} SKUs; valid {sizes['valid']:,}, test {sizes['test']:,}")
    if sizes["train"] > card.config.get("max_items", sizes["train"]):
        print(f"Limit    {card.config['max_items']:,} SKUs of train were drawn at random to learn from (max_items)")
    print(f"Rule     {report.run.eligibility}")
    print(f"Valid    micro-F1 {card.metrics['valid_micro_f1']:.3f} (thresholds were chosen there)")
    print("Test" + " " * 33 + card.name.rjust(10) + ("prior".rjust(10) if report.baseline else ""))
    for name, words in FIGURES.items():
        beside = f"{report.baseline[name]:10.3f}" if report.baseline else ""
        print(f"  {words:<35}{report.figures[name]:10.3f}{beside}")
    if report.difference:
        verdict = "" if report.difference.clear and report.difference.difference > 0 else ": no better than the prior"
        print(f"Against the prior: micro-F1 {report.difference.words()}{verdict}")
    print(f"Run {report.run.id}")
    print(f"Saved in {workspace.path / 'artifacts' / card.kind / card.name / card.version}")


if __name__ == "__main__":
    sys.exit(main())
