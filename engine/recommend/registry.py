"""The recommenders, by the name that scripts, configs and pages use. A class is loaded when it is chosen."""

from __future__ import annotations

from engine.registry import Part, Registry

RECOMMENDERS = Registry(
    "recommender",
    {
        name: Part(f"engine.recommend.{target}", about)
        for name, target, about in (
            ("popular", "popular:Popular", "what everyone buys lately: the same list for all"),
            ("popular_in_category", "popular:PopularInCategory", "what sells best in the user's categories"),
            ("recent", "recent:Recent", "what the user saw last"),
            ("item_knn", "item_knn:ItemKnn", "what people with the same items also dealt with"),
            ("content", "content:Content", "items whose titles are near to those in the history"),
            ("ease", "ease:Ease", "a linear item-to-item model in closed form"),
            ("als", "factors:Als", "users and items as vectors, by alternating least squares"),
            ("bpr", "factors:Bpr", "users and items as vectors, learned from pairs"),
        )
    },
)
