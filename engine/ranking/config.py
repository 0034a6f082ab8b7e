"""The configuration of ranking: one YAML file with a section for each step, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from engine.rank.config import EnsembleConfig, Smote, Tuning, check_ranker, check_spaces
from engine.rank.registry import RANKERS
from engine.ranking.preparing import PrepareConfig
from engine.recommending.shop import RecommendConfig
from engine.typed import Where, build, setting
from engine.yamlfile import override, read_yaml


@dataclass(frozen=True)
class Sources:
    """Where the data is.

    workspace: the one whose events lists are made of and where results go; none: the one named on the command line
    shop: which events count, what may be recommended, and which events are wanted
    lists: a Parquet file of lists whose features are given; none: lists are made of the workspace's events
    list_column, user_column, item_column, time_column, wanted_column: its columns; every other one is a feature;
        user_column none: each list is a user of its own
    code_columns: those of its features that are a category's code, not an amount
    ignored_columns: those that are no features, such as counts that hold what came after the list
    popularity: the feature whose order is the baseline; none: how often the lists of train wanted an item
    vectors, vector_map: an .npz of vectors, and a Parquet file that says which row is which item's; without a map the
        rows are those of the words that titles name by number; none: the vectors that preprocessing.vectors says
    """

    workspace: str | None = None
    shop: RecommendConfig = field(default_factory=RecommendConfig)
    lists: Path | None = None
    list_column: str = "list_id"
    user_column: str | None = None
    item_column: str = "item_id"
    time_column: str = "timestamp"
    wanted_column: str = "y"
    code_columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    popularity: str | None = "item_popularity"
    vectors: Path | None = None
    vector_map: Path | None = None


@dataclass(frozen=True)
class Parts:
    """Which share of the lists, by time, is valid and test: the last ones. A workspace's own are those of recommend."""

    valid: float = setting(0.1, above=0, most=0.4)
    test: float = setting(0.1, above=0, most=0.4)


@dataclass(frozen=True)
class TrainingRun:
    """What holds for every member's training.

    seed: of everything random; none: SHELFWISE_SEED
    resume: whether a long training goes on where it was stopped
    """

    seed: int | None = setting(None, least=0)
    resume: bool = True


@dataclass(frozen=True)
class Logging:
    """What is logged: level, and the name of the file in the output folder."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str = "ranking.log"


@dataclass(frozen=True)
class Output:
    """What is written, and where.

    folder: for predictions, pictures and the log; none: `ranking/` in the workspace
    predictions: the files of predictions; plots: the files of pictures; none of either: an empty list
    """

    folder: Path | None = None
    predictions: tuple[Literal["csv", "parquet"], ...] = ("csv", "parquet")
    plots: tuple[Literal["html", "png"], ...] = ("html", "png")


@dataclass(frozen=True)
class Cache:
    """Whether a member with the same configuration and data is taken as it is, and how many versions are kept."""

    use: bool = True
    keep: int = setting(3, least=1)


@dataclass(frozen=True)
class RankingConfig:
    """All sections. models: for each member its settings, an instance of its ranker's Config."""

    data: Sources = field(default_factory=Sources)
    preprocessing: PrepareConfig = field(default_factory=PrepareConfig)
    split: Parts = field(default_factory=Parts)
    smote: Smote = field(default_factory=Smote)
    training: TrainingRun = field(default_factory=TrainingRun)
    models: Mapping[str, Any] = field(default_factory=dict)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    tuning: Tuning = field(default_factory=Tuning)
    logging: Logging = field(default_factory=Logging)
    output: Output = field(default_factory=Output)
    cache: Cache = field(default_factory=Cache)

    def of(self, member: str) -> Any:
        """The settings of a member: those of its section, or else its ranker's defaults."""
        return self.models[member] if member in self.models else RANKERS.load(member).Config()


def load_config(path: Path | None = None, overrides: Sequence[str] = ()) -> RankingConfig:
    """The configuration in the YAML file `path` (None: the defaults), with overrides such as "smote.how=none".

    Raises DataError, SettingsError or UnknownNameError that names the file, the line, the key, its value and what is
    allowed, before anything runs.
    """
    values, where = read_yaml(path) if path else ({}, Where())
    return read_config(*override(values, where, overrides))


def read_config(values: Mapping[str, Any], where: Where | None = None) -> RankingConfig:
    """The configuration in plain `values`, such as `plain` gives. Errors as in `load_config`."""
    where = where or Where()
    models = values.get("models") or {}
    config = build(RankingConfig, {**values, "models": {}}, where)
    here = where.at("models")
    if not isinstance(models, Mapping):
        here.fail(models, "rankers with their settings")
    settings = {str(name): _settings(str(name), own, here.at(str(name))) for name, own in models.items()}
    _check_members(config, where)
    return replace(config, models=settings)


def plain(config: RankingConfig) -> dict[str, Any]:
    """`config` as values that JSON and YAML can hold; `read_config` reads them back."""
    found: dict[str, Any] = _plain(asdict(config))
    return found


def _settings(name: str, values: Any, where: Where) -> Any:
    check_ranker(name, where)
    return build(RANKERS.load(name).Config, {} if values is None else values, where)


def _check_members(config: RankingConfig, where: Where) -> None:
    for section, names in (("ensemble", config.ensemble.members), ("tuning", config.tuning.members)):
        for name in names:
            check_ranker(name, where.at(section).at("members"))
    check_spaces(config.tuning.spaces, where.at("tuning").at("spaces"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
