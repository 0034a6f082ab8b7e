"""The checkpoints of a tagger's training, named by its settings and the items that it learns from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from engine.models import checkpoints
from engine.models.checkpoints import epoch_seed
from engine.tags.base import TaggedItems

__all__ = ["Checkpoints", "epoch_seed"]


class Checkpoints(checkpoints.Checkpoints):
    """The checkpoints of one training, in `folder`; only the newest is kept."""

    @classmethod
    def of(cls, config: Any, *data: TaggedItems, part: str = "") -> Checkpoints:
        """Those of the training that `config` (a dataclass), `data` and `part` name, in the home of workspaces."""
        digest = hashlib.sha256(json.dumps([asdict(config), part], sort_keys=True).encode())
        for one in data:
            for item, tags in zip(one.items, one.tags, strict=True):
                digest.update(json.dumps([item.category, item.reviews, sorted(tags)]).encode())
        return cls.named(digest.hexdigest())
