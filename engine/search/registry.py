"""The retrievers, by name."""

from __future__ import annotations

from engine.registry import Part, Registry

RETRIEVERS = Registry(
    "retriever",
    {
        "popular": Part("engine.search.popular:Popular", "what has most reviews; reads no query"),
        "bm25": Part("engine.search.bm25:Bm25", "words, in every form, with typing errors corrected"),
        "dense": Part("engine.search.dense:Dense", "meaning, by the vectors of an encoder"),
        "hybrid": Part("engine.search.hybrid:Hybrid", "words and meaning together, by a weight that valid decides"),
        "second_stage": Part(
            "engine.search.second_stage:SecondStage", "hybrid, put in order by trees that learned from judged queries"
        ),
    },
)
