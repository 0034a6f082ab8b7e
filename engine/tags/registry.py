"""The taggers, by name."""

from __future__ import annotations

from engine.registry import Part, Registry

TAGGERS = Registry(
    "tagger",
    {
        "prior": Part("engine.tags.prior:PriorTagger", "the tags that the category has most often; reads no review"),
        "linear": Part("engine.tags.linear:LinearTagger", "linear machines over words and characters of the reviews"),
    },
)
