"""The experiment that runs: its versions, opened beside the one that serves, and which user gets the list of which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.serve.opening import Recommending
from engine.serve.slots import Loaded, Outcome, Slot
from engine.serve.variants import Experiment, Variant

Looked = list[tuple[Slot[Any], Outcome]]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What makes the lists of one user. loaded: None where nothing is open; variant: None for whoever is in none;
    stands_in: what serves everyone is in the place of the variant's version, which can't be opened."""

    loaded: Loaded[Recommending] | None
    experiment: Experiment | None = None
    variant: Variant | None = None
    stands_in: bool = False


@dataclass(frozen=True, eq=False)
class Running:
    """An experiment, and the slots of its variants that have a version of their own, by their names."""

    experiment: Experiment | None
    slots: Mapping[str, Slot[Recommending]]


class Experimenting:
    """Looks after the experiment. current: what serves everyone; file: the experiment that is written down; make: a
    slot for a version of the pipeline, with the slot's name."""

    def __init__(
        self,
        current: Slot[Recommending],
        file: Slot[Experiment | None],
        make: Callable[[str, str], Slot[Recommending]],
    ) -> None:
        self._current, self.file, self._make = current, file, make
        self.running = Running(None, {})

    def look(self) -> Looked:
        """Open what is to be opened, and only then let an experiment that is new begin.

        A file that can't be read leaves the experiment that runs as it is.
        """
        looked: Looked = [(self.file, self.file.refresh())]
        experiment = self.file.current.value if self.file.current else None
        same = experiment is self.running.experiment
        running = self.running if same else Running(experiment, self._slots(experiment))
        looked += [(slot, slot.refresh()) for slot in running.slots.values()]
        self.running = running
        return looked

    def _slots(self, experiment: Experiment | None) -> dict[str, Slot[Recommending]]:
        variants = experiment.variants if experiment else ()
        return {one.name: self._make(f"variant:{one.name}", one.version) for one in variants if one.version is not None}

    def serves(self, variant: Variant) -> bool:
        """Whether the users of a variant of the experiment that runs get its version."""
        slot = self._current if variant.version is None else self.running.slots.get(variant.name)
        return slot is not None and slot.current is not None

    def choose(self, user_id: str) -> Chosen:
        """What makes the lists of this user."""
        experiment, slots = self.running.experiment, self.running.slots
        variant = experiment.variant_of(user_id) if experiment else None
        if variant is None or variant.name not in slots:
            return Chosen(self._current.current, experiment, variant)
        loaded = slots[variant.name].current
        return Chosen(loaded or self._current.current, experiment, variant, stands_in=loaded is None)
