"""The steps of a retraining, by name, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.retraining.comparing import compare
from engine.retraining.context import Context, Found
from engine.retraining.evaluating import evaluate
from engine.retraining.features import features
from engine.retraining.fitting import train
from engine.retraining.notifying import notify
from engine.retraining.promoting import promote
from engine.retraining.validating import validate

WORK: Mapping[str, Callable[[Context], Found]] = {
    "validate": validate,
    "features": features,
    "train": train,
    "evaluate": evaluate,
    "compare": compare,
    "promote": promote,
    "notify": notify,
}
