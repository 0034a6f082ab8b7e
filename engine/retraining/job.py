"""One retraining, step by step: what is done is not done again, and what changed since is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from engine.atomic import remove
from engine.errors import DataError, ShelfwiseError, UnknownNameError
from engine.retraining.config import STEPS, RetrainConfig
from engine.retraining.context import Context, Found, Progress
from engine.retraining.folder import RunFolder, RunState, Step, locked, open_folder, plan_name, prune_folders
from engine.retraining.keys import key_of
from engine.retraining.steps import WORK
from engine.settings import load_settings
from engine.workspace import Workspace

NOTHING_NEW = "nothing is new since the last retraining, so nothing was trained"
Work = Mapping[str, Callable[[Context], Found]]


@dataclass(frozen=True)
class Asked:
    """What somebody asked for, beside the configuration.

    run: the run to begin or to go on with (default: the unfinished newest one, else a new one); only: this step alone;
    force: do this step, and so all that follow from it, although it is done or nothing is new; accept: why refused data
    may pass this once, and who says so; now: the moment to judge the data at (default: the clock's).
    """

    run: str | None = None
    only: str | None = None
    force: str | None = None
    accept: str = ""
    who: str = ""
    now: datetime | None = None

    def __post_init__(self) -> None:
        for step in (self.only, self.force):
            if step is not None and step not in STEPS:
                raise UnknownNameError("step", step, STEPS)


def retrain(
    workspace: Workspace,
    settings: Mapping[str, Any],
    asked: Asked,
    *,
    progress: Progress | None = None,
    work: Work = WORK,
) -> RunState:
    """Do what is left of a retraining; how it ended.

    settings: those of RetrainConfig that are not as the run began with, or not as usual. Raises StorageError when
    another one is at work, DataError when steps before `asked.only` aren't done, and what the steps raise, after the
    failure was told.
    """
    with locked(workspace):
        begun = RetrainConfig(**{"seed": load_settings().seed, **settings})
        folder = open_folder(workspace, asked.run, asdict(begun), datetime.now(UTC))
        state = _begin(folder, asked)
        known = {name: value for name, value in state.config.items() if name in RetrainConfig.__dataclass_fields__}
        config = RetrainConfig(**{**known, **settings})
        state = folder.save(replace(state, config=asdict(config)))
        job = _Job(workspace, config, folder, progress or (lambda share, words: None), work)
        state = job.one(state, asked) if asked.only else job.all(state, asked)
        prune_folders(workspace, config.keep)
    return state


@dataclass(frozen=True)
class _Job:
    """The steps of one retraining over its folder."""

    workspace: Workspace
    config: RetrainConfig
    folder: RunFolder
    progress: Progress
    work: Work

    def all(self, state: RunState, asked: Asked) -> RunState:
        """Every step that isn't done, then the message, however it went."""
        for step in STEPS[:-1]:
            try:
                state = self.step(state, step, force=step == asked.force)
            except Exception:
                self.step(self.folder.load(), "notify", force=True)
                raise
            if state.steps[step].status == "refused":
                break
        return self.step(state, "notify", force=asked.force == "notify")

    def one(self, state: RunState, asked: Asked) -> RunState:
        """The step that was asked for; those before it must be done."""
        step = asked.only or ""
        if step != "notify":
            for before in STEPS[: STEPS.index(step)]:
                known = state.steps.get(before)
                if known and known.status == "refused":
                    return state
                if not state.done(before) or (known and known.key != self._key(state, before)):
                    why = "isn't done" if not state.done(before) else "was made from other data or settings"
                    said = f"{before} of the retraining {state.id} {why}"
                    raise DataError(f"{said}; do it first: {self._command(state)} --only {before}")
        return self.step(state, step, force=step in (asked.force, "notify"))

    def step(self, state: RunState, name: str, *, force: bool) -> RunState:
        """Do one step, unless it is done and was made from what is there now."""
        key, idle = self._key(state, name), self._idle(state, name)
        known = state.steps.get(name)
        usual = known is not None and known.status != "failed" and (known.status == "skipped") == idle
        if known and usual and known.key == key and not force:
            return state
        state = self._forget(state, name, known, key, force=force)
        key = self._key(state, name)
        if idle:
            return self._keep(state, name, Found(NOTHING_NEW, {}, "skipped"), key, 0.0)
        self.progress(STEPS.index(name) / len(STEPS), name)
        start = time.monotonic()
        try:
            found = self.work[name](self._context(state))
        except Exception as error:
            words = str(error) if isinstance(error, ShelfwiseError) else f"{type(error).__name__}: {error}"
            self._keep(state, name, Found(" ".join(words.split()), {}, "failed"), key, time.monotonic() - start)
            raise
        return self._keep(state, name, found, key, time.monotonic() - start)

    def _forget(self, state: RunState, name: str, known: Step | None, key: str, *, force: bool) -> RunState:
        """Drop what came after a step that is to be done again, and say why it is."""
        if force:
            remove(self.folder.path / plan_name(name))
        later = [other for other in STEPS[STEPS.index(name) + 1 :] if other in state.steps]
        if known is None or name == "notify":
            return state
        for other in later if name != "validate" else STEPS:  # what it found of tables isn't theirs any more
            remove(self.folder.path / f"{other}.json")
        steps = {other: step for other, step in state.steps.items() if other not in later}
        why = "somebody asked for it" if force else f"its data or settings changed since {known.when}"
        note = f"{name} and what follows from it was done again: {why}"
        again = known.status in ("done", "refused") and (force or known.key != key)
        return self.folder.save(replace(state, steps=steps, notes=(*state.notes, note) if again else state.notes))

    def _idle(self, state: RunState, name: str) -> bool:
        """Whether there is nothing to do, because the same data was trained on and compared the last time."""
        nothing_new = bool(self.folder.read("validate").get("nothing_new"))
        return nothing_new and name in STEPS[1:-1] and not set(state.forced) & set(STEPS[1:-1])

    def _keep(self, state: RunState, name: str, found: Found, key: str, seconds: float) -> RunState:
        """Write what was found, then that it is done: a kill in between repeats the step."""
        if found.status != "failed":
            self.folder.write(name, found.details)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        state = state.with_step(name, Step(found.status, key, found.words, when, round(seconds, 3)))
        if name == "notify":
            ended = found.details
            left = "" if ended["outcome"] == "failed" else when
            state = replace(state, outcome=ended["outcome"], words=ended["words"], finished=left)
        return self.folder.save(state)

    def _command(self, state: RunState) -> str:
        return f".venv/bin/python scripts/retrain.py --workspace {self.workspace.name} --run {state.id}"

    def _key(self, state: RunState, name: str) -> str:
        return key_of(self._context(state), name)

    def _context(self, state: RunState) -> Context:
        workspace = Workspace.open(self.workspace.path)  # a step before this one may have replaced tables
        return Context(workspace, self.config, self.folder, state, self.progress)


def _begin(folder: RunFolder, asked: Asked) -> RunState:
    """The state of the run, with what was asked for this time."""
    state = folder.load()
    changes: dict[str, object] = {}
    if asked.accept:
        changes |= {"accepted": asked.accept, "who": asked.who}
    if asked.now and not state.steps:
        changes |= {"now": asked.now.astimezone(UTC).isoformat(timespec="microseconds")}
    if asked.force and asked.force not in state.forced:
        changes |= {"forced": (*state.forced, asked.force)}
    return replace(state, **changes)  # type: ignore[arg-type]
