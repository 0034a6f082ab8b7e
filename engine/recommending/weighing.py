"""Put other weights to serve over the models that are trained: a small version of the pipeline, with who, why and cost.

Nothing is trained. The candidates that were gathered when the models were measured are ranked anew, which gives the
offline cost, and a run of what then serves. That cost is read off test by whoever tries weights out, so a run of such
weights says so: it is what the setting would have done, not a figure to report.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, new_version
from engine.decisions import MAX_REASON, MAX_WHO, clean
from engine.errors import ArtifactError, SettingsError, StorageError, UnknownNameError
from engine.metrics.significance import PairedDifference
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.measuring import rule_words
from engine.recommending.serving import open_trial, read_config, train_command
from engine.recommending.shop import Shop
from engine.recommending.training import KIND, PIPELINE, described, write_config, write_models
from engine.recommending.trials import FILE as TRIAL_FILE
from engine.recommending.trials import Trial
from engine.recording import record_model, record_run
from engine.runs import new_run
from engine.workspace import Workspace

FILE = "change.json"
SCALARS = ("alpha", "beta", "popularity_penalty", "diversity")
WHY = "why these weights"
CHOSEN = "by hand, with test in sight"  # what the configuration of such a run says


@dataclass(frozen=True)
class Change:
    """One change of the weights that serve.

    version: of the pipeline, made by the change; over: the version that served before; reason, who, when (UTC, ISO);
    before, after: the weights; cost: by metric, how far `after` was above `before` on test when it was put to serve.
    """

    version: str
    over: str
    reason: str
    who: str
    when: str
    before: PipelineConfig
    after: PipelineConfig
    cost: Mapping[str, PairedDifference]

    @property
    def moved(self) -> dict[str, tuple[float, float]]:
        """The settings that differ, sources by their names, with their values before and after."""
        return moved(self.before, self.after)


def moved(before: PipelineConfig, after: PipelineConfig) -> dict[str, tuple[float, float]]:
    """The settings in which two configurations differ, sources by their names, with both values."""
    old, new = (_flat(config) for config in (before, after))
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name, 0.0), new.get(name, 0.0)) for name in names if old.get(name) != new.get(name)}


def set_weights(
    workspace: Workspace, shop: Shop, config: PipelineConfig, *, reason: str, who: str, over: str | None = None
) -> Change:
    """Let `config` serve, over the models that serve now; what served before stays as a version.

    over: the version that the decision was made on (default: the one that serves). Raises StorageError when another
    one serves by now, SettingsError for weights that serve already, UnknownNameError for a source without candidates,
    DataError for a reason or a name that can't be used.
    """
    store, command = ArtifactStore(workspace), train_command(workspace)
    current = store.current(KIND, PIPELINE, command=command)
    over = over or current
    reason, who = clean(reason, "reason", MAX_REASON), clean(who, "name", MAX_WHO)
    folder = store.open(KIND, PIPELINE, over)
    before, card = read_config(workspace, folder), store.card(KIND, PIPELINE, over)
    trial = open_trial(workspace, shop, before)
    _check(before, config, trial)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    change = Change(new_version(), over, reason, who, when, before, config, trial.compare(config))
    made = {**described(shop.config, config), "chosen": CHOSEN, "reason": reason, "who": who}

    def write(place: Path) -> None:
        if store.current(KIND, PIPELINE, command=command) != over:
            raise StorageError(f"Other weights were put to serve meanwhile ({over} served before); look at them first.")
        write_config(place, config)
        shutil.copy2(folder / TRIAL_FILE, place / TRIAL_FILE)
        write_models(
            place, {name: store.current(KIND, name, command=command) for name in store.names(KIND) if name != PIPELINE}
        )
        (place / FILE).write_text(json.dumps(asdict(change), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    saved = record_model(workspace, replace(card, version=change.version, config=made, files={}), write)
    _save_run(workspace, shop, trial, saved)
    return change


def last_change(workspace: Workspace) -> Change | None:
    """The change that made what serves; None when training did. Raises ArtifactError when its file can't be read."""
    store = ArtifactStore(workspace)
    folder = store.open(KIND, PIPELINE, store.current(KIND, PIPELINE, command=train_command(workspace)))
    file = folder / FILE
    if not file.exists():
        return None
    try:
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        configs = {name: PipelineConfig(**said[name]) for name in ("before", "after")}
        cost = {metric: PairedDifference(**found) for metric, found in said["cost"].items()}
        return Change(**{**said, **configs, "cost": cost})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactError(f"{file} can't be read ({error}); train again: {train_command(workspace)}") from None


def weights_command(workspace: Workspace, before: PipelineConfig, after: PipelineConfig, *, reason: str = "") -> str:
    """What a person runs to let `after` serve in place of `before`."""
    options = {name: getattr(after, name) for name in SCALARS if getattr(after, name) != getattr(before, name)}
    said = "".join(f" --{name.replace('_', '-')} {value:g}" for name, value in options.items())
    if dict(after.sources) != dict(before.sources):
        said += f" --sources {','.join(f'{name}={weight:g}' for name, weight in after.sources.items())}"
    return f"{train_command(workspace)} --keep-models{said} --reason {shlex.quote(reason or WHY)}"


def _check(before: PipelineConfig, config: PipelineConfig, trial: Trial) -> None:
    if config.candidates != before.candidates:
        said = f"candidates is {config.candidates} and the models were measured with {before.candidates}"
        raise SettingsError(f"{said}; train again to change it.")
    if not moved(before, config):
        raise SettingsError("These are the weights that serve already; change one of them first.")
    known = trial.gathered.sources
    strange = next((name for name, weight in config.sources.items() if weight > 0 and name not in known), None)
    if strange is not None:
        raise UnknownNameError("source of the pipeline that serves", strange, known)


def _save_run(workspace: Workspace, shop: Shop, trial: Trial, card: Card) -> None:
    """A run on test of what serves by now, so that its figures open to their rows."""
    run = new_run(
        "recommend",
        PIPELINE,
        config=card.config,
        data_hash=card.data_hash,
        split=card.split,
        seed=card.seed,
        eligibility=rule_words(shop.config.targets, trial.task.rules),
    )
    names = PipelineConfig.__dataclass_fields__
    record_run(workspace, run, trial.rows(PipelineConfig(**{name: card.config[name] for name in names})))


def _flat(config: PipelineConfig) -> dict[str, float]:
    sources = {f"source {name}": weight for name, weight in config.sources.items() if weight > 0}
    return {**{name: getattr(config, name) for name in SCALARS}, **sources}
