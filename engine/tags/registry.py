"""The taggers, by name."""

from __future__ import annotations

from engine.registry import Part, Registry

TAGGERS = Registry(
    "tagger",
    {
        "prior": Part("engine.tags.prior:PriorTagger", "the tags that the category has most often; reads no review"),
        "linear": Part("engine.tags.linear:LinearTagger", "linear machines over words and characters of the reviews"),
        "stacked": Part(
            "engine.tags.stacked:StackedTagger", "boosted trees over forty signals, rare tags too; a minute"
        ),
        "transformer": Part(
            "engine.tags.neural.transformer:TransformerTagger", "an encoder from Hugging Face, trained on the reviews"
        ),
        "lora": Part("engine.tags.neural.lora:LoraTagger", "one small adapter per good type over one frozen encoder"),
        "ensemble": Part(
            "engine.tags.ensemble:EnsembleTagger", "linear and stacked together, by weights that valid decides"
        ),
    },
)
