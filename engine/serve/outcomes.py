"""What came of an experiment: of the users of each variant, those who saw it, and what they did from then on.

A user counts from their first list of the variant (engine/serve/exposures.py); what they did before belongs to none.
Whoever only got everyone's lists, because the version of their variant could not be opened, was not exposed to it.
Impressions, clicks and transactions are those that were told to the service, of any item and from anywhere.
Revenue is price times quantity (1 unless the event says) of transactions. One that was told without a price was given
the item's price in the catalogue when it was stored; where that has none either, it is counted as unpriced and brings
nothing. Cancellations take nothing off, as they don't say what they undo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, select
from sqlalchemy.engine import RowMapping

from engine.metrics.samples import (
    Estimate,
    Moments,
    SampleRatio,
    ratio,
    ratio_difference,
    sample_ratio,
    share,
    share_difference,
)
from engine.recommend.events import micros
from engine.serve.exposures import EXPOSURES
from engine.serve.storage import EVENTS, Database
from engine.serve.variants import Experiment

Figure = Literal["ctr", "conversion", "revenue_per_user"]
FIGURES: tuple[Figure, ...] = ("ctr", "conversion", "revenue_per_user")
COUNTED = ("impression", "click", "transaction")


@dataclass(frozen=True)
class VariantOutcome:
    """What the exposed users of one variant did.

    users: how many; lists: that they were given; converted: users with a transaction; unpriced: transactions without a
    price, which are missing in the revenue; instead: users who only got everyone's lists, and count nowhere here;
    models: users by the version of the pipeline that made their first list, several where it changed meanwhile.
    """

    variant: str
    users: int
    lists: int
    impressions: int
    clicks: int
    transactions: int
    converted: int
    revenue: float
    unpriced: int
    instead: int
    models: Mapping[str, int]
    ctr: Estimate
    conversion: Estimate
    revenue_per_user: Estimate

    @property
    def steady(self) -> bool:
        """Whether all of its users first saw one version: otherwise it is no one thing that is compared."""
        return len(self.models) <= 1

    def figure(self, name: Figure) -> Estimate:
        """One of FIGURES."""
        found: Estimate = getattr(self, name)
        return found


@dataclass(frozen=True)
class Difference:
    """How far a figure of a variant is above that of the first one."""

    variant: str
    figure: Figure
    estimate: Estimate

    @property
    def words(self) -> str:
        """In words: "+0.012 (0.004 to 0.020)", and what that comes to."""
        found = self.estimate
        if not found.known:
            return "too few users did anything to tell"
        said = f"{found.value:+.4f} ({found.low:.4f} to {found.high:.4f})"
        return f"{said}: {'better' if found.value > 0 else 'worse'}" if found.clear else f"{said}: may be chance"


@dataclass(frozen=True)
class Outcomes:
    """An experiment's figures. differences: of each variant to the first one, for each of FIGURES.

    Each interval holds by itself: of twenty differences that aren't there, one seems to be.
    """

    experiment: Experiment
    variants: tuple[VariantOutcome, ...]
    differences: tuple[Difference, ...]
    sample_ratio: SampleRatio


def outcomes(database: Database, experiment: Experiment) -> Outcomes:
    """The figures of an experiment, from its start until now or its end. Raises StorageError.

    The database adds up by user and then by variant, so that a million events take about a second.
    """
    with database.begin() as connection:
        rows = {row["variant"]: row for row in connection.execute(_sums(experiment)).mappings()}
        models = [
            (str(name), str(model), bool(own), int(n))
            for name, model, own, n in connection.execute(_models(experiment))
        ]
    names = [variant.name for variant in experiment.variants]
    found = {name: _outcome(name, rows.get(name), [one[1:] for one in models if one[0] == name]) for name in names}
    moments = {name: _moments(rows.get(name)) for name in names}
    split = sample_ratio({name: one.users for name, one in found.items()}, [one.share for one in experiment.variants])
    differences = [
        Difference(name, figure, _difference(figure, moments[name], moments[names[0]]))
        for name in names[1:]
        for figure in FIGURES
    ]
    return Outcomes(experiment, tuple(found.values()), tuple(differences), split)


def per_user(experiment: Experiment, variant: str | None = None) -> Select[Any]:
    """A row for each exposed user: variant, user_id, model, happened (of the first list, UTC microseconds), lists,
    impressions, clicks, transactions, revenue, unpriced."""
    kinds = {f"{kind}s": func.sum(_one(EVENTS.c.event == kind)) for kind in COUNTED}
    unpriced = func.sum(_one(and_(EVENTS.c.event == "transaction", EVENTS.c.price.is_(None))))
    of_user = [EXPOSURES.c[name] for name in ("variant", "user_id", "model", "happened", "lists")]
    asked = select(
        *of_user,
        *(count.label(name) for name, count in kinds.items()),
        func.sum(case((EVENTS.c.event == "transaction", paid_sql()), else_=0.0)).label("revenue"),
        unpriced.label("unpriced"),
    )
    after = and_(EVENTS.c.user_id == EXPOSURES.c.user_id, *since_exposed(experiment))
    asked = asked.select_from(EXPOSURES.outerjoin(EVENTS, after)).where(*exposed(experiment, variant))
    return asked.group_by(EXPOSURES.c.experiment, EXPOSURES.c.user_id)


def exposed(experiment: Experiment, variant: str | None = None) -> list[ColumnElement[bool]]:
    """Which rows of exposures are users who saw their variant."""
    conditions = [EXPOSURES.c.experiment == experiment.name, EXPOSURES.c.lists > 0]
    return conditions if variant is None else [*conditions, EXPOSURES.c.variant == variant]


def since_exposed(experiment: Experiment) -> list[ColumnElement[bool]]:
    """Which events of a user count: after their first list, and before the experiment ended."""
    conditions = [EVENTS.c.happened >= EXPOSURES.c.happened]
    return conditions if experiment.until is None else [*conditions, EVENTS.c.happened < micros(experiment.until)]


def paid_sql() -> ColumnElement[float]:
    """What a transaction brought in, as `storage.paid` has it."""
    return func.coalesce(EVENTS.c.quantity, 1.0) * func.coalesce(EVENTS.c.price, 0.0)


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _sums(experiment: Experiment) -> Select[Any]:
    """A row for each variant: its users, what they did, and the squares and products that variances are made of."""
    users: Subquery = per_user(experiment).subquery()
    one = users.c
    totals = {
        name: func.sum(one[name]) for name in ("lists", "impressions", "clicks", "transactions", "revenue", "unpriced")
    }
    return select(
        one.variant,
        func.count().label("users"),
        *(total.label(name) for name, total in totals.items()),
        func.sum(_one(one.transactions > 0)).label("converted"),
        func.sum(_one(one.clicks > 0)).label("clicked"),
        func.sum(_one(one.revenue > 0)).label("paid"),
        func.sum(one.clicks * one.clicks).label("clicks_squared"),
        func.sum(one.impressions * one.impressions).label("impressions_squared"),
        func.sum(one.clicks * one.impressions).label("clicks_impressions"),
        func.sum(one.revenue * one.revenue).label("revenue_squared"),
    ).group_by(one.variant)


def _models(experiment: Experiment) -> Select[Any]:
    """Users by variant, by version of their first list, and by whether that was the variant's own."""
    each = EXPOSURES.c.variant, EXPOSURES.c.model, EXPOSURES.c.lists > 0
    asked = select(*each, func.count()).where(EXPOSURES.c.experiment == experiment.name)
    return asked.group_by(*each).order_by(func.count().desc(), EXPOSURES.c.model)


@dataclass(frozen=True)
class _Moments:
    ctr: Moments
    revenue: Moments
    converted: tuple[int, int]


def _moments(row: RowMapping | None) -> _Moments:
    if row is None:
        nothing = Moments(0, 0, 0, 0, 0, 0, 0)
        return _Moments(nothing, nothing, (0, 0))
    of = {name: float(value) for name, value in row.items() if name != "variant"}
    n = int(of["users"])
    squares = of["clicks_squared"], of["impressions_squared"], of["clicks_impressions"]
    ctr = Moments(n, of["clicks"], of["impressions"], *squares, acted=int(of["clicked"]))
    paid = of["revenue"], n, of["revenue_squared"], n, of["revenue"]
    return _Moments(ctr, Moments(n, *paid, acted=int(of["paid"])), (int(of["converted"]), n))


def _outcome(name: str, row: RowMapping | None, models: Sequence[tuple[str, bool, int]]) -> VariantOutcome:
    moments = _moments(row)
    counts = ("users", "lists", "impressions", "clicks", "transactions", "converted", "unpriced")
    return VariantOutcome(
        variant=name,
        **{count: int(row[count]) if row else 0 for count in counts},
        revenue=float(row["revenue"]) if row else 0.0,
        instead=sum(n for _, own, n in models if not own),
        models={model: n for model, own, n in models if own},
        ctr=ratio(moments.ctr),
        conversion=share(*moments.converted),
        revenue_per_user=ratio(moments.revenue),
    )


def _difference(figure: Figure, own: _Moments, base: _Moments) -> Estimate:
    if figure == "conversion":
        return share_difference(own.converted, base.converted)
    if figure == "ctr":
        return ratio_difference(own.ctr, base.ctr)
    return ratio_difference(own.revenue, base.revenue)
