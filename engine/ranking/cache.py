"""What was trained already: found by a key of everything that decides it, so that the same is never done twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError
from engine.rank.base import Floats

KIND, ENSEMBLE = "rankers", "ensemble"
SCORES, MEMBERS = "scores.npz", "members"  # the file of kept scores; the folder of an ensemble's members
MEASURED = ("valid", "test")  # the parts whose scores are kept
COST = "micros_per_candidate"
MEANING = 2  # of what a key names; another number makes everything that was trained before stale


def key_of(**parts: Any) -> str:
    """16 hexadecimal digits that stand for `parts`, plain values that JSON can hold."""
    text = json.dumps([MEANING, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find_trained(store: ArtifactStore, kind: str, name: str, key: str) -> Card | None:
    """The newest version with this key whose files are whole, made the one that serves; None when there is none."""
    for version in reversed(store.versions(kind, name)):
        try:
            card = store.card(kind, name, version)
            if card.config.get("key") != key:
                continue
            store.open(kind, name, version)
        except ArtifactError:
            continue  # damaged: it is trained again
        store.promote(kind, name, version)
        return card
    return None


def drop_old(store: ArtifactStore, kind: str, name: str, keep: int) -> None:
    """Remove all but the newest `keep` versions; the one that serves stays."""
    serving = store.current(kind, name, command="")
    for version in store.versions(kind, name)[:-keep]:
        if version != serving:
            store.discard(kind, name, version)


def save_scores(folder: Path, scores: Mapping[str, Floats]) -> None:
    """Write arrays of scores by name."""
    np.savez(folder / SCORES, allow_pickle=False, **dict(scores))


def load_scores(folder: Path) -> dict[str, Floats]:
    """What `save_scores` wrote. Raises ArtifactError when it can't be read."""
    try:
        with (folder / SCORES).open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name], dtype=np.float64) for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ArtifactError(f"{folder / SCORES} can't be read ({error}); train it again.") from None
