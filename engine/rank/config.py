"""The configuration of ranking: one YAML file with a section for each step, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.rank.registry import RANKERS
from engine.typed import Where, build, setting, unknown
from engine.yamlfile import override, read_yaml

MEMBERS = ("lightgbm", "catboost", "xgboost", "transformer")


@dataclass(frozen=True)
class Sources:
    """Where the data is.

    workspace: the one whose events lists are made of and where results go; none: the one named on the command line
    lists: a Parquet file of lists whose features are given; none: lists are made of the workspace's events
    list_column, user_column, item_column, time_column, wanted_column: its columns; every other one is a feature;
        user_column none: each list is a user of its own
    code_columns: those of its features that are a category's code, not an amount
    catalogue, vectors, vector_map: files of items' token titles and word vectors (catalogue and map as .pq, vectors as
        .npz); none: no vectors
    """

    workspace: str | None = None
    lists: Path | None = None
    list_column: str = "list_id"
    user_column: str | None = None
    item_column: str = "item_id"
    time_column: str = "timestamp"
    wanted_column: str = "y"
    code_columns: tuple[str, ...] = ()
    catalogue: Path | None = None
    vectors: Path | None = None
    vector_map: Path | None = None


@dataclass(frozen=True)
class Preprocessing:
    """How lists are made of events.

    sources: the models of recommend that candidates come from; each is fitted on what came before a window
    candidates: how many each list has at most
    windows, window_days: the windows of train, before the one of valid, and how long each is; none: as long as valid
    targets: the events that are wanted
    history: the newest events of a user that rankers see
    negatives: candidates of a list of train that weren't wanted, drawn by chance; none: all of them
    """

    sources: tuple[str, ...] = ("als", "item_knn", "popular", "popular_in_category", "recent")
    candidates: int = setting(100, least=2, most=1000)
    windows: int = setting(3, least=1, most=100)
    window_days: float | None = setting(None, above=0)
    targets: tuple[str, ...] = ("addtocart", "transaction")
    history: int = setting(50, least=1, most=1000)
    negatives: int | None = setting(None, least=1)


@dataclass(frozen=True)
class Parts:
    """Which share of the lists, by time, is valid and test: the last ones. A workspace's own are those of recommend."""

    valid: float = setting(0.1, above=0, most=0.4)
    test: float = setting(0.1, above=0, most=0.4)


@dataclass(frozen=True)
class Smote:
    """How wanted and other candidates of train are balanced.

    how: smote makes wanted ones between near ones, weights counts wanted ones more, none leaves them as they are
    neighbours: how many of the nearest wanted candidates a new one may lie towards
    """

    how: Literal["none", "weights", "smote"] = "none"
    neighbours: int = setting(5, least=1, most=100)


@dataclass(frozen=True)
class TrainingRun:
    """What holds for every member's training.

    seed: of everything random; none: SHELFWISE_SEED
    resume: whether a long training goes on where it was stopped
    """

    seed: int | None = setting(None, least=0)
    resume: bool = True


@dataclass(frozen=True)
class EnsembleConfig:
    """How members become one score.

    members: which take part; one that needs histories is left out where lists have none
    how: weights (non-negative, fitted on valid), rank_average (the mean of places), stacking (logistic regression)
    goal: what weights are fitted for: list (the order within lists) or log_loss (the chance of each candidate)
    calibration: from scores to chances: platt or isotonic
    costly: a member that takes this many times as long as the quickest must help beyond chance to take part
    """

    members: tuple[str, ...] = MEMBERS
    how: Literal["weights", "rank_average", "stacking"] = "weights"
    goal: Literal["list", "log_loss"] = "list"
    calibration: Literal["platt", "isotonic"] = "platt"
    costly: float = setting(10.0, least=1)


@dataclass(frozen=True)
class Range:
    """The values that one setting is searched in: from `low` to `high` (on a log scale or not), or one of `choices`."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Tuning:
    """How settings are searched.

    members: which are tuned; trials, minutes: when the search of each ends, whichever comes first
    metric: what is best on valid
    prune: whether a trial that falls behind is given up
    spaces: for each member, the settings that are searched and their values
    """

    members: tuple[str, ...] = ("lightgbm",)
    trials: int = setting(20, least=1, most=10_000)
    minutes: float = setting(10.0, above=0)
    metric: Literal["ndcg@5", "ndcg@10", "mrr", "auc", "log_loss"] = "ndcg@10"
    prune: bool = True
    spaces: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)


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
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
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
    return RankingConfig(**{**vars(config), "models": settings})


def plain(config: RankingConfig) -> dict[str, Any]:
    """`config` as values that JSON and YAML can hold; `read_config` reads them back."""
    found: dict[str, Any] = _plain(asdict(config))
    return found


def _settings(name: str, values: Any, where: Where) -> Any:
    _check_ranker(name, where)
    return build(RANKERS.load(name).Config, {} if values is None else values, where)


def _check_members(config: RankingConfig, where: Where) -> None:
    for section, names in (("ensemble", config.ensemble.members), ("tuning", config.tuning.members)):
        for name in names:
            _check_ranker(name, where.at(section).at("members"))
    for name, space in config.tuning.spaces.items():
        here = where.at("tuning").at("spaces").at(name)
        _check_ranker(name, here)
        known = RANKERS.load(name).Config.__dataclass_fields__
        for key, range_ in space.items():
            if key not in known:
                unknown(f"setting of {name}", key, known, here.at(key))
            _check_range(range_, here.at(key))


def _check_range(range_: Range, where: Where) -> None:
    if range_.choices:
        return
    low, high = range_.low, range_.high
    if low is None or high is None or low >= high or (range_.log and low <= 0):
        where.fail(f"{low} to {high}", "choices, or a low and a higher high (above 0 on a log scale)")


def _check_ranker(name: str, where: Where) -> None:
    if name not in RANKERS.parts:
        unknown("ranker", name, RANKERS.parts, where)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
