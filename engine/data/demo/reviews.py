"""Who reviews what and when, and the tables of reviews and of what their sentences are about."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.demo.catalogue import Sku
from engine.data.demo.config import DAYS, REVIEW_YEARS, START, DemoConfig
from engine.data.demo.grammar import Dice
from engine.data.demo.people import People
from engine.data.demo.vocabulary import Vocabulary
from engine.data.demo.writing import Writer

BUYERS_WHO_REVIEW = 0.6
GUESTS = 0.05
"""Share of the older reviews whose account is gone."""


def make_reviews(
    vocabulary: Vocabulary,
    skus: list[Sku],
    people: People,
    events: pd.DataFrame,
    plan: tuple[DemoConfig, np.random.Generator],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `reviews` and `mentions`, in order of time."""
    config, rng = plan
    pairs = _pairs(skus, people, events, config, rng)
    writer = Writer(vocabulary, Dice(rng))
    reviews, mentions = [], []
    for number, (user, item, second) in enumerate(pairs.itertuples(index=False), start=1):
        review = writer.write(skus[item], int(people.persona[user]), float(people.generosity[user]))
        review_id = f"R-{number:06d}"
        head = {"review_id": review_id, "item_id": skus[item].item_id}
        reviews.append(
            head | {"user": user, "second": second, "text": review.text, "title": review.title, "rating": review.rating}
        )
        mentions += [
            head | {"start": m.start, "end": m.end, "tag": m.tag, "polarity": m.polarity} for m in review.mentions
        ]
    frame = pd.DataFrame(reviews)
    guest = (rng.random(len(frame)) < GUESTS) & (frame["second"] < 0).to_numpy()
    frame["user_id"] = pd.Series(people.ids[frame["user"]], dtype="str").mask(guest)
    frame["timestamp"] = START + pd.to_timedelta(frame["second"], unit="s")
    return frame.drop(columns=["user", "second"]), pd.DataFrame(mentions)


def _pairs(
    skus: list[Sku], people: People, events: pd.DataFrame, config: DemoConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Columns user, item, second: buyers of the year some days after their purchase, and earlier customers."""
    bought = events[events["event"] == "transaction"]
    bought = bought[rng.random(len(bought)) < BUYERS_WHO_REVIEW]
    delay = (86_400 * np.minimum(2 + rng.exponential(9.0, len(bought)), 60)).astype(np.int64)
    recent = bought.assign(second=bought["second"] + delay)[["user", "item", "second"]]
    recent = recent[recent["second"] < DAYS * 86_400].drop_duplicates(["user", "item"])[: config.n_reviews]
    older = _older(skus, people, round(1.4 * max(config.n_reviews - len(recent), 0)), rng)
    pairs = pd.concat([recent, older]).drop_duplicates(["user", "item"])[: config.n_reviews]
    return pairs.sort_values(["second", "user", "item"], kind="stable")


def _older(skus: list[Sku], people: People, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """`n` reviews from before the event log, of SKUs that were in the shop then, by people who like them."""
    launched = np.array([sku.launched for sku in skus])
    age = np.clip(-launched, 0, REVIEW_YEARS * 365)
    weight = np.array([sku.popularity for sku in skus]) * age
    item = rng.choice(len(skus), n, p=weight / weight.sum())
    shares: NDArray[np.float64] = np.exp(people.affinity.T - people.affinity.max(axis=0)[:, None])
    shares = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    user = np.array([np.searchsorted(shares[i], u) for i, u in zip(item, rng.random(n), strict=True)], dtype=np.int64)
    days = -age[item] * rng.random(n) ** 1.4
    second = (days * 86_400).astype(np.int64) - 1
    return pd.DataFrame({"user": np.minimum(user, len(people.ids) - 1), "item": item, "second": second})
