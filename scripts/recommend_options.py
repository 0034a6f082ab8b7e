"""What the recommender scripts share: which events count, and what may be recommended."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from engine.errors import SettingsError, shown
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import TARGETS
from engine.recommend.events import WEIGHTS, EventConfig
from engine.recommending.shop import RecommendConfig


def add_options(parser: ArgumentParser) -> None:
    """Add --weight, --half-life, --target, --leave-out-seen and --allow-bought."""
    said = ", ".join(f"{kind}={weight:g}" for kind, weight in WEIGHTS.items())
    parser.add_argument(
        "--weight", action="append", default=[], metavar="EVENT=W", help=f"what an event counts (default: {said})"
    )
    parser.add_argument("--half-life", type=float, metavar="DAYS", help="an event counts half after that (default: no)")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="EVENT",
        help=f"what a good recommendation leads to (default: {' and '.join(TARGETS)})",
    )
    parser.add_argument("--leave-out-seen", action="store_true", help="never recommend what the user has seen")
    parser.add_argument("--allow-bought", action="store_true", help="recommend again what the user has bought")


def shop_config(arguments: Namespace) -> RecommendConfig:
    """The configuration that the options give. Raises SettingsError for a weight that isn't a number."""
    weights = {**WEIGHTS, **dict(map(_weight, arguments.weight))}
    return RecommendConfig(
        events=EventConfig(weights=weights, half_life=arguments.half_life),
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
