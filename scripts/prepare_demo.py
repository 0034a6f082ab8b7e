"""Make the demo store: python scripts/prepare_demo.py [--if-missing]

A shop of 600 SKUs with reviews, visitors, searches and the truth behind them, made from a seed, the taggers trained on
it, the adapters of lora_model/ installed as they are, the recommender trained and above it a small ensemble of boosted
trees, and search built over it; beside them the answers that were recorded for the step that asks an LLM. Two minutes
on two cores, most of them reading the reviews with the adapters and embedding the documents; with --if-missing it ends
at once when everything is there. Stop it at any moment and run it again: the tables are replaced together, a tagger is
there whole or not at all, and so are the recommender and the ensemble; search goes on with the step under way.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import WorkspaceError
from engine.settings import load_settings
from scripts.cli import Report, chosen_seed, chosen_workspace, parser, progress, run

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
RANKER = "artifacts/rankers/ensemble/CURRENT"
"""What is there when the ensemble is trained."""
RANKING = (
    "preprocessing.vectors=none",
    "preprocessing.windows=2",
    "preprocessing.candidates=50",
    *(f"models.{name}.{what}" for name in ("lightgbm", "catboost", "xgboost") for what in ("rounds=40", "rate=0.1")),
    "ensemble.members=lightgbm,catboost,xgboost",
)
"""How the ensemble is trained in seconds: without vectors of the titles and networks, on fewer and shorter lists."""
TABLES_SHARE, TAGGERS_SHARE, RECOMMENDER_SHARE, RANKER_SHARE = 0.2, 0.35, 0.1, 0.1
"""How far the progress bar gets with the tables, the taggers, the recommender and its ranker; search takes the rest."""
STEPS = ("split", "keywords", "documents", "index", "fusion and second stage")


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
    ranker = tables or not (place / RANKER).exists()
    if tables or taggers or search or recommender or ranker:
        chosen = {"search": search, "recommender": recommender, "ranker": ranker}
        _prepare(place, seed, tables=tables, taggers=taggers, parts=[name for name, wanted in chosen.items() if wanted])
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


def _prepare(place: Path, seed: int, *, tables: bool, taggers: Sequence[str], parts: Sequence[str]) -> None:
    from engine.data.demo import make_demo
    from engine.workflows import train_tagger
    from engine.workspace import new_workspace

    workspace = new_workspace(place.parent, place.name)
    origin = _origin(place)
    if origin and not origin.startswith("demo"):
        raise WorkspaceError(f"{place} holds data that isn't the demo's; choose another name with --workspace.")
    with progress() as report:
        if tables:
            make_demo(workspace, seed=seed, progress=lambda share, step: report(TABLES_SHARE * share, step))
        _take_over_answers(workspace)
        for number, model in enumerate(taggers):
            report(TABLES_SHARE + TAGGERS_SHARE * number / len(taggers), f"training the {model} tagger")
            train_tagger(workspace, model, config=_adapters() if model == "lora" else None, seed=seed)
        if "recommender" in parts:
            _train_recommender(workspace, seed, report)
        if "ranker" in parts:
            _train_ranker(workspace, seed, report)
        if "search" in parts:
            _build_search(workspace, seed, report)
        report(1.0, "done")


def _take_over_answers(workspace: Workspace) -> None:
    """What was recorded, so that the step that asks an LLM can be shown without one."""
    from engine.data.demo.store import ANSWERS
    from engine.llm.recorded import load_answers
    from engine.state import State

    with State.open(workspace) as state:
        load_answers(state, ANSWERS)


def _train_recommender(workspace: Workspace, seed: int, report: Report) -> None:
    from engine.recommending.training import SOURCES, train_pipeline

    def show(share: float, step: str) -> None:
        report(TABLES_SHARE + TAGGERS_SHARE + RECOMMENDER_SHARE * share, f"recommender: {step}")

    train_pipeline(workspace, SOURCES, seed=seed, progress=show)


def _train_ranker(workspace: Workspace, seed: int, report: Report) -> None:
    from engine.ranking.config import load_config
    from engine.ranking.source import open_source
    from engine.ranking.training import train_ensemble

    before = TABLES_SHARE + TAGGERS_SHARE + RECOMMENDER_SHARE

    def show(share: float, step: str) -> None:
        report(before + RANKER_SHARE * share, f"ranking: {step}")

    config = load_config(None, [*RANKING, f"training.seed={seed}"])
    source = open_source(workspace, config, report=lambda share, step: show(share / 2, step))
    train_ensemble(workspace, config, source, report=lambda share, step: show(0.5 + share / 2, step))


def _build_search(workspace: Workspace, seed: int, report: Report) -> None:
    from engine.search_build import BuildConfig, build_search

    def start(step: str, passed_over: bool) -> Callable[[int], None]:
        before = TABLES_SHARE + TAGGERS_SHARE + RECOMMENDER_SHARE + RANKER_SHARE
        report(before + (1 - before) * STEPS.index(step) / len(STEPS), f"search: {step}")
        return lambda done: None

    build_search(workspace, config=BuildConfig(evaluate=False, seed=seed), start=start)


def _adapters() -> object:
    """The settings of lora over the committed adapters."""
    from engine.tags.neural.lora import LoraConfig

    return LoraConfig(**ADAPTERS)


if __name__ == "__main__":
    sys.exit(main())
