"""Make the demo store: python scripts/prepare_demo.py [--if-missing]

A shop of 600 SKUs with reviews, visitors, searches and the truth behind them, made from a seed, the taggers trained on
it, the adapters of lora_model/ installed as they are, the recommender trained, and search built over it. Two minutes on
two cores, most of them reading the reviews with the adapters and embedding the documents; with --if-missing it ends at
once when everything is there. Stop it at any moment and run it again: the tables are replaced together, a tagger is
there whole or not at all, and so is the recommender; search goes on with the step under way.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import WorkspaceError
from engine.settings import load_settings
from scripts.cli import chosen_seed, chosen_workspace, parser, run

if TYPE_CHECKING:
    from engine.workspace import Workspace

# `make run` asks with --if-missing each time: pandas and the like are imported only once there is something to make.

TAGGERS = ("prior", "linear", "lora")
ADAPTERS = {"base": "all-MiniLM-L6-v2", "adapters": "lora_model", "most_chunks": 48}
"""How lora is installed: 48 sentences of a SKU take 0.6 of the time of all, and cost 0.006 of micro-F1 (32: 0.025)."""
SEARCH = "artifacts/search/all-MiniLM-L6-v2/CURRENT"
"""What is there when search is built."""
RECOMMENDER = "artifacts/recommenders/pipeline/CURRENT"
"""What is there when the recommender is trained."""
TABLES_SHARE, TAGGERS_SHARE, RECOMMENDER_SHARE = 0.2, 0.4, 0.1
"""How far the progress bar gets with the tables, the taggers and the recommender; search takes the rest."""
STEPS = ("split", "keywords", "documents", "index", "fusion and second stage")
Report = Callable[[float, str], None]


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Make everything, or only what is missing, and say where it is."""
    arguments = _parser().parse_args(argv)
    seed = chosen_seed(arguments.seed)
    place = load_settings().home / chosen_workspace(arguments.workspace)
    origin = _origin(place)
    if arguments.if_missing and origin and not origin.startswith("demo"):
        return 0  # someone's own data under this name: leave it alone
    tables = not (arguments.if_missing and origin)
    taggers = [model for model in TAGGERS if tables or not _has_tagger(place, model)]
    search = tables or not (place / SEARCH).exists()
    recommender = tables or not (place / RECOMMENDER).exists()
    if tables or taggers or search or recommender:
        _prepare(place, seed, tables=tables, taggers=taggers, search=search, recommender=recommender)
        print(f"The demo store is ready in {place}")
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--if-missing", action="store_true", help="only make what isn't there yet")
    made.add_argument("--seed", type=int, help="seed of the store (default: SHELFWISE_SEED)")
    return made


def _origin(place: Path) -> str:
    """Where the workspace's items came from; empty when there are none. The demo's tables come all or none."""
    try:
        tables = json.loads((place / "workspace.json").read_text(encoding="utf-8"))["tables"]
        return str(tables["items"]["origin"]) if "items" in tables else ""
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as error:
        way_out = f"remove {place} and run this again"
        raise WorkspaceError(f"{place / 'workspace.json'} is corrupt ({error}); {way_out}.") from None


def _has_tagger(place: Path, model: str) -> bool:
    return (place / "artifacts" / "taggers" / model / "CURRENT").exists()


def _prepare(place: Path, seed: int, *, tables: bool, taggers: Sequence[str], search: bool, recommender: bool) -> None:
    from engine.data.demo import make_demo
    from engine.workflows import train_tagger
    from engine.workspace import new_workspace

    workspace = new_workspace(place.parent, place.name)
    origin = _origin(place)
    if origin and not origin.startswith("demo"):
        raise WorkspaceError(f"{place} holds data that isn't the demo's; choose another name with --workspace.")
    with _progress() as report:
        if tables:
            make_demo(workspace, seed=seed, progress=lambda share, step: report(TABLES_SHARE * share, step))
        for number, model in enumerate(taggers):
            report(TABLES_SHARE + TAGGERS_SHARE * number / len(taggers), f"training the {model} tagger")
            train_tagger(workspace, model, config=_adapters() if model == "lora" else None, seed=seed)
        if recommender:
            _train_recommender(workspace, seed, report)
        if search:
            _build_search(workspace, seed, report)
        report(1.0, "done")


def _train_recommender(workspace: Workspace, seed: int, report: Report) -> None:
    from engine.recommending.training import SOURCES, train_pipeline

    def show(share: float, step: str) -> None:
        report(TABLES_SHARE + TAGGERS_SHARE + RECOMMENDER_SHARE * share, f"recommender: {step}")

    train_pipeline(workspace, SOURCES, seed=seed, progress=show)


def _build_search(workspace: Workspace, seed: int, report: Report) -> None:
    from engine.search_build import BuildConfig, build_search

    def start(step: str, passed_over: bool) -> Callable[[int], None]:
        before = TABLES_SHARE + TAGGERS_SHARE + RECOMMENDER_SHARE
        report(before + (1 - before) * STEPS.index(step) / len(STEPS), f"search: {step}")
        return lambda done: None

    build_search(workspace, config=BuildConfig(evaluate=False, seed=seed), start=start)


def _adapters() -> object:
    """The settings of lora over the committed adapters."""
    from engine.tags.neural.lora import LoraConfig

    return LoraConfig(**ADAPTERS)


@contextmanager
def _progress() -> Iterator[Report]:
    """A function that shows on stderr how far the work is and what comes next."""
    from tqdm import tqdm

    layout = "{desc:<32}{percentage:3.0f}% |{bar}| {elapsed}"
    with tqdm(total=100, file=sys.stderr, bar_format=layout, disable=None) as bar:

        def show(share: float, step: str) -> None:
            bar.set_description_str(step, refresh=False)
            bar.update(100 * share - bar.n)

        yield show


if __name__ == "__main__":
    sys.exit(main())
