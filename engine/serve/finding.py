"""What is asked about items: similar ones, their tags, and a search among all of them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from engine.decisions import says_yes
from engine.errors import ShelfwiseError
from engine.ranked import NONE
from engine.recommend.popular import Popular
from engine.search.filters import Filters, Mask
from engine.search.hits import find_hits
from engine.serve.assortment import Assortment, finite
from engine.serve.items import item_of
from engine.serve.logs import log_failure
from engine.serve.opening import Recommending, Searching
from engine.serve.problems import Problem, not_built, not_found
from engine.serve.schemas import Item, Reason, SearchAnswer, SimilarAnswer, Tag, TagsAnswer
from engine.serve.service import Service, unavailable

DEEPER = 4  # similar items that are asked for, times k: some mustn't be shown
CATEGORY = "category"  # the source where no model knows the item


async def similar(service: Service, item_id: str, k: int) -> SimilarAnswer:
    """Items that go with one item. Raises Problem for one that isn't in the catalogue."""
    loaded, assortment = service.parts.recommending.current, service.parts.assortment
    assortment = loaded.value.assortment if loaded else assortment
    if assortment is None:
        raise not_built("This store")
    row = assortment.rows.get(item_id)
    if row is None:
        raise not_found("item")
    if loaded is not None:
        try:
            found = await service.work.answer(
                partial(_neighbours, service, loaded.value, row, k), service.config.deadline
            )
            if found is not None:
                return SimilarAnswer(item_id=item_id, items=found[1], source=found[0], model=loaded.value.version)
        except Exception as error:  # popular items of its category are an answer too
            log_failure("similar items could not be found", error, model=loaded.value.version)
            service.metrics.fallbacks.labels("similar", _reason(error)).inc()
    return SimilarAnswer(item_id=item_id, items=_of_category(assortment, row, k), source=CATEGORY, model=None)


def _neighbours(service: Service, served: Recommending, row: int, k: int) -> tuple[str, list[Item]] | None:
    """By the weightiest source of the pipeline that knows the item; None when none does."""
    pipeline = served.pipeline
    with service.metrics.stage("similar"):
        for name, weight in sorted(pipeline.config.sources.items(), key=lambda pair: -pair[1]):
            if weight <= 0 or isinstance(model := pipeline.models[name], Popular):  # popular items are like none
                continue
            found = model.similar(np.array([row]), DEEPER * k)
            kept = (found.rows[0] != NONE) & served.assortment.allowed[found.rows[0]]
            rows, scores = found.rows[0][kept][:k].tolist(), found.scores[0][kept][:k].tolist()
            if rows:
                both = enumerate(zip(rows, scores, strict=True), start=1)
                return name, [Item(**item_of(served.assortment, own, place, score)) for place, (own, score) in both]
    return None


def _of_category(assortment: Assortment, row: int, k: int) -> list[Item]:
    popular = assortment.popular
    same = popular[(assortment.leaves[popular] == assortment.leaves[row]) & (popular != row)][:k]
    return [Item(**item_of(assortment, int(own), place, None)) for place, own in enumerate(same, start=1)]


def tags(service: Service, item_id: str) -> TagsAnswer:
    """What the tagger and people say of an item. Raises Problem where no tagger is trained, or the item isn't known."""
    loaded = service.parts.tagging.current
    if loaded is None:
        raise not_built("Tagging")
    rows = loaded.value.of(item_id)
    if rows.empty:
        raise not_found("item with tags")
    return TagsAnswer(
        item_id=item_id,
        tags=[_tag(*told) for told in rows[["tag", "probability", "threshold", "verdict"]].itertuples(index=False)],
        tagger=loaded.value.model,
        model=loaded.value.version,
    )


def _tag(tag: str, chance: float, least: float, verdict: Any) -> Tag:
    decided: Any = verdict if isinstance(verdict, str) else None
    return Tag(
        tag=tag,
        probability=None if math.isnan(chance) else chance,
        decision=decided,
        shown=says_yes(decided) if decided else chance >= least,
    )


async def search(service: Service, query: str, k: int, filters: Filters) -> SearchAnswer:
    """The best hits of a query among the items that pass. Raises Problem for a filter that names what there isn't."""
    loaded = service.parts.searching.current
    if loaded is None:
        raise not_built("Search")
    served, reason = loaded.value, None
    eligible = await _eligible(service, served, filters)
    try:
        items = await service.work.answer(
            partial(_hits, service, served, query, k, eligible), service.config.search_deadline
        )
        source = served.name
    except Exception as error:  # a search that fails shows what most people talk about, and says so
        if not isinstance(error, TimeoutError):
            log_failure("a search failed", error, model=served.version)
        reason, source = _reason(error), "popular"
        service.metrics.fallbacks.labels("search", reason).inc()
        rows = served.popular if eligible is None else served.popular[eligible[served.popular]]
        items = [_document(served, int(row), place, None) for place, row in enumerate(rows[:k], start=1)]
    return SearchAnswer(items=items, source=source, reason=reason, model=served.version)


async def _eligible(service: Service, served: Searching, filters: Filters) -> Mask | None:
    if not filters.active:
        return None
    try:
        return await service.work.answer(partial(filters.mask, served.documents.frame), service.config.search_deadline)
    except ShelfwiseError as error:
        raise Problem(422, "unknown-filter", str(error)) from None
    except TimeoutError:
        raise unavailable("The filters took too long; try again.") from None


def _hits(service: Service, served: Searching, query: str, k: int, eligible: Mask | None) -> list[Item]:
    with service.metrics.stage("search"):
        hits = find_hits(served.retriever, served.name, query, k, eligible=eligible)
    return [_document(served, served.rows[hit.item_id], hit.place, hit.score) for hit in hits]


def _document(served: Searching, row: int, place: int, score: float | None) -> Item:
    document = served.documents.frame.iloc[row]
    return Item(
        place=place,
        item_id=str(document["item_id"]),
        title=str(document["title"]),
        category=str(document["category"]),
        price=finite(document["price"]),
        score=finite(score),
    )


def _reason(error: BaseException) -> Reason:
    return "deadline" if isinstance(error, TimeoutError) else "error"
