"""An experiment: which users get which version of the pipeline, by a hash of their id and a salt.

The file experiment.json of a workspace names the one that runs; the service reads it like a pointer. One that has
ended lies in experiments/<name>.json, so that its figures can be read again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from engine.atomic import remove, write_json
from engine.errors import DataError, UnknownNameError, shown

FILE, ENDED = "experiment.json", "experiments"
FEWEST, MOST = 2, 6  # variants of one experiment
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
NAME_WORDS = "begin with a letter and have at most 40 small letters, digits, - and _"


@dataclass(frozen=True)
class Variant:
    """What a share (0 to 1) of the users gets. version: of the pipeline, None for the one that serves everyone."""

    name: str
    share: float
    version: str | None = None


@dataclass(frozen=True)
class Experiment:
    """Variants that are compared with the first of them. started, stopped: UTC, ISO; stopped is None while it runs.

    Raises DataError for names that can't be used or come twice, another number of variants than 2 to 6, shares that
    don't add up to 1, no salt, and moments that are none.
    """

    name: str
    salt: str
    started: str
    variants: tuple[Variant, ...]
    stopped: str | None = None

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        for name in (self.name, *names):
            if not NAME.fullmatch(name):
                raise DataError(f"{shown(name)} can't name an experiment or a variant; names {NAME_WORDS}.")
        if not FEWEST <= len(names) <= MOST or len(set(names)) < len(names):
            raise DataError(f"An experiment has {FEWEST} to {MOST} variants of different names, not {names}.")
        shares = [variant.share for variant in self.variants]
        if not all(0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise DataError(f"The shares of the variants are {shares}; they must be above 0 and add up to 1.")
        if not self.salt:
            raise DataError("An experiment needs a salt of one character or more.")
        _moment(self.started)
        _moment(self.stopped or self.started)

    def variant_of(self, user_id: str) -> Variant | None:
        """The variant of a user, the same in every process and for ever; None for nobody in particular ("").

        The first 8 bytes of SHA-256 of salt, ":" and id are a number from 0 to 1, which falls among the shares.
        """
        if not user_id:
            return None
        digest = hashlib.sha256(f"{self.salt}:{user_id}".encode("utf-8", "surrogatepass")).digest()
        point = int.from_bytes(digest[:8]) / 2**64
        ends = accumulate(variant.share for variant in self.variants)
        return next((one for one, end in zip(self.variants, ends, strict=True) if point < end), self.variants[-1])

    @property
    def since(self) -> datetime:
        """When it started."""
        return _moment(self.started)

    @property
    def until(self) -> datetime | None:
        """When it ended."""
        return None if self.stopped is None else _moment(self.stopped)


def read_experiment(workspace: Path, name: str | None = None) -> Experiment | None:
    """The experiment that runs in the workspace at this path, None where none does; `name`: this one, ended or not.

    Raises DataError for a file that can't be used, UnknownNameError with the nearest name where there is no such one.
    """
    running = _read(workspace / FILE)
    if name is None or (running and running.name == name):
        return running
    if name not in experiments(workspace):
        raise UnknownNameError("experiment", name, experiments(workspace))
    return _read(workspace / ENDED / f"{name}.json")


def experiments(workspace: Path) -> list[str]:
    """The names of all experiments, the one that runs too, sorted."""
    running = _read(workspace / FILE)
    ended = [file.stem for file in (workspace / ENDED).glob("*.json")]
    return sorted({*ended, *([running.name] if running else [])})


def start_experiment(workspace: Path, experiment: Experiment) -> None:
    """Let it run. Raises DataError where one runs already, or one had this name."""
    if running := _read(workspace / FILE):
        raise DataError(f"The experiment {running.name} runs since {running.started}; stop it first.")
    if experiment.name in experiments(workspace):
        raise DataError(f"There was an experiment named {experiment.name}; another name keeps their figures apart.")
    write_json(workspace / FILE, asdict(experiment))


def stop_experiment(workspace: Path) -> Experiment:
    """End the one that runs and keep its file. Raises DataError where none runs."""
    running = _read(workspace / FILE)
    if running is None:
        raise DataError("No experiment runs, so none can be stopped.")
    ended = replace(running, stopped=now())
    write_json(workspace / ENDED / f"{ended.name}.json", asdict(ended))
    remove(workspace / FILE)
    return ended


def now() -> str:
    """This moment, as experiments keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(file: Path) -> Experiment | None:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't be read ({error}).", file=file) from None
    try:
        return _experiment(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"is no experiment ({error}); remove it and start the experiment again.", file=file) from None
    except DataError as error:
        raise DataError(str(error), file=file) from None


def _experiment(told: Any) -> Experiment:
    variants = tuple(Variant(str(one["name"]), float(one["share"]), _text(one["version"])) for one in told["variants"])
    return Experiment(str(told["name"]), str(told["salt"]), str(told["started"]), variants, _text(told.get("stopped")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{shown(text)} is no moment; an experiment starts and stops at one, in ISO.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
