"""The rankers, by the name that scripts, configs and pages use. A class is loaded when it is chosen."""

from __future__ import annotations

from engine.registry import Part, Registry

RANKERS = Registry(
    "ranker",
    {
        name: Part(f"engine.rank.{target}", about, extra)
        for name, target, about, extra in (
            ("lightgbm", "lightgbm:LightGbm", "boosted trees grown leaf by leaf", None),
            ("catboost", "catboost:CatBoost", "boosted symmetric trees, at home with categories", None),
            ("xgboost", "xgboost:XgBoost", "boosted trees grown level by level", None),
            ("transformer", "transformer:Transformer", "attention over the user's events in order", None),
            ("gat", "gat:Gat", "attention over the graph of users and items", "graph"),
        )
    },
)
