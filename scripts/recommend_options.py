"""What the recommender scripts share: which events count, what may be recommended, and the weights of the pipeline."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from engine.errors import SettingsError, UnknownNameError, shown
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import TARGETS
from engine.recommend.events import WEIGHTS, EventConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommending.shop import RecommendConfig
from engine.recommending.training import SOURCES

WEIGHED = {
    "alpha": "weight of the models' score",
    "beta": "weight of the affinity to the user's categories",
    "popularity_penalty": "what the most popular item loses",
    "diversity": "0 ranks by score alone, towards 1 lists spread over the category tree",
}


def add_options(parser: ArgumentParser) -> None:
    """Add --weight, --half-life, --session-gap, --target, --leave-out-seen and --allow-bought."""
    said = ", ".join(f"{kind}={weight:g}" for kind, weight in WEIGHTS.items())
    parser.add_argument(
        "--weight", action="append", default=[], metavar="EVENT=W", help=f"what an event counts (default: {said})"
    )
    parser.add_argument("--half-life", type=float, metavar="DAYS", help="an event counts half after that (default: no)")
    parser.add_argument(
        "--session-gap",
        type=float,
        default=EventConfig.session_gap,
        metavar="MINUTES",
        help="without an event after which another visit begins (default: %(default)g)",
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="EVENT",
        help=f"what a good recommendation leads to (default: {' and '.join(TARGETS)})",
    )
    parser.add_argument("--leave-out-seen", action="store_true", help="never recommend what the user has seen")
    parser.add_argument("--allow-bought", action="store_true", help="recommend again what the user has bought")


def add_weights(parser: ArgumentParser) -> None:
    """Add --sources and the pipeline's weights."""
    said = f"sources of candidates, or their weights: als=0.6,ease=0.4 (default: {','.join(SOURCES)})"
    parser.add_argument("--sources", default="", metavar="A,B", help=said)
    for name, about in WEIGHED.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, dest=name, type=float, metavar="W", help=f"{about}, instead of fitting it")


def given_weights(arguments: Namespace) -> tuple[list[str], dict[str, Any]]:
    """The sources that the options name, and the settings of the pipeline that they give.

    Raises SettingsError for sources of which only some have a weight, UnknownNameError for ones that don't exist.
    """
    pairs = [part.partition("=") for part in names_of(arguments.sources)]
    given = {name: getattr(arguments, name) for name in WEIGHED if getattr(arguments, name) is not None}
    for name, _, _ in pairs:
        if name not in RECOMMENDERS.parts:
            raise UnknownNameError("recommender", name, RECOMMENDERS.parts)
    if not any(equals for _, equals, _ in pairs):
        return [name for name, _, _ in pairs], given
    try:
        return [name for name, _, _ in pairs], {**given, "sources": {name: float(text) for name, _, text in pairs}}
    except ValueError:
        said = f"--sources is {shown(arguments.sources)}; give each a number, such as als=0.6,ease=0.4, or none of them"
        raise SettingsError(f"{said}.") from None


def shop_config(arguments: Namespace) -> RecommendConfig:
    """The configuration that the options give. Raises SettingsError for a weight that isn't a number."""
    weights = {**WEIGHTS, **dict(map(_weight, arguments.weight))}
    return RecommendConfig(
        events=EventConfig(weights=weights, half_life=arguments.half_life, session_gap=arguments.session_gap),
        rules=Rules(seen=arguments.leave_out_seen, bought=not arguments.allow_bought),
        targets=tuple(arguments.target) or TARGETS,
    )


def names_of(text: str) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _weight(pair: str) -> tuple[str, float]:
    kind, _, text = pair.partition("=")
    try:
        return kind, float(text)
    except ValueError:
        raise SettingsError(f"--weight is {shown(pair)}; give an event and a number, such as view=1.") from None


def figures_line(name: str, figures: dict[str, float], metrics: Sequence[str]) -> str:
    """One line of a table of figures."""
    return f"  {name:<22}" + "".join(f"{figures[metric]:>{max(len(metric), 8) + 2}.4f}" for metric in metrics)


def heading(metrics: Sequence[str]) -> str:
    """The heading of a table of figures."""
    return " " * 24 + "".join(f"{metric:>{max(len(metric), 8) + 2}}" for metric in metrics)
