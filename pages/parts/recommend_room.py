"""What the parts of the recommendations share: what serves, whose list is asked for, and by which weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from engine.errors import NotBuiltError, UnknownNameError
from engine.recommend.pipeline import Pipeline, PipelineConfig, Recommendations
from engine.recommending.people import Portrait
from engine.recommending.serving import train_command
from engine.recommending.training import PIPELINE
from engine.workspace import Workspace
from pages.parts import cards, links, masks, recommend_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, show
from pages.parts.recommend_cache import Person, Served, Steps

VISITOR = "new visitor"
WHAT_IF = "what-if"
VIEWS = {"": "Recommendations", "stages": "Stage by stage", "beside": "Two models", WHAT_IF: "What if"}
EDITS = {"drop": None, "add": None}
WEIGHTS = {"affinity": None, "penalty": None, "diversity": None}
OPENED = {"sku": None}  # what another list makes meaningless in the address
BETWEEN = ":"  # an item and an event in the address
NAMES = {
    PIPELINE: "Pipeline",
    "als": "ALS",
    "bpr": "BPR",
    "ease": "EASE",
    "item_knn": "Item neighbours",
    "popular": "Popular",
    "popular_in_category": "Popular in their categories",
    "recent": "Seen last",
    "content": "Content",
    "ensemble": "Ranked by the ensemble",
    "lightgbm": "Ranked by LightGBM",
    "catboost": "Ranked by CatBoost",
    "xgboost": "Ranked by XGBoost",
    "transformer": "Ranked by the transformer",
    "gat": "Ranked by graph attention",
}
EVENTS = {"view": "viewed", "addtocart": "put into the basket", "transaction": "bought", "cancellation": "cancelled"}


@dataclass(frozen=True)
class Room:
    """The recommendations as the address asks for them.

    asked: the person as the log has them; person: the same with the edits of the address; known: whether the log knows
    them; config: the weights of the address. Edits and weights count in "what if" alone.
    """

    workspace: Workspace
    served: Served
    asked: Person
    person: Person
    known: bool
    config: PipelineConfig

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that serves, with the weights of the address."""
        return replace(self.served.pipeline, config=self.config)

    def as_served(self) -> Recommendations:
        """The list of the person as they are, by the weights that serve."""
        found = recommend_cache.gathered(self.served, self.asked)
        return self.served.pipeline.rank(found, recommend_cache.SHOWN)

    def shown(self) -> Recommendations:
        """The list that this view is about."""
        return self.pipeline.rank(recommend_cache.gathered(self.served, self.person), recommend_cache.SHOWN)

    def ids(self, found: Recommendations) -> list[str]:
        """The items of a list, best first."""
        return found.ranked.ids(self.served.shop.catalogue.item_ids)[0]

    def filled(self, found: Recommendations) -> set[str]:
        """Those of them that only popularity put there."""
        return {item for item, filled in zip(self.ids(found), found.filled[0], strict=False) if filled}

    @property
    def reweighted(self) -> bool:
        """Whether the weights are others than those that serve."""
        return self.config != self.served.pipeline.config


def open_room(workspace: Workspace) -> Room:
    """What the address names. Raises NotBuiltError with the command, UnknownNameError for edits that don't exist."""
    try:
        served = recommend_cache.served(workspace)
    except NotBuiltError as error:
        raise NotBuiltError("The recommender", error.command) from None
    user = links.get("user").strip()
    asked = Person(user)
    person, config = asked, served.pipeline.config
    if links.get("see") == WHAT_IF:
        person, config = replace(asked, dropped=_steps("drop"), added=_known_steps(served)), weights(config)
    return Room(workspace, served, asked, person, _knows(served, user), config)


def _knows(served: Served, user: str) -> bool:
    return len(recommend_cache.timeline(served, user)) > 0


def _steps(name: str) -> Steps:
    pairs = (value.rpartition(BETWEEN) for value in links.several(name))
    return tuple((item, event) for item, _, event in pairs)


def _known_steps(served: Served) -> Steps:
    """The steps that the address adds. Raises UnknownNameError for an item or an event that doesn't exist."""
    steps, ids, kinds = _steps("add"), set(served.shop.catalogue.item_ids), offered_events(served)
    for item, event in steps:
        if item not in ids or event not in kinds:
            known = [as_value(one, event if event in kinds else kinds[0]) for one in served.shop.catalogue.item_ids]
            raise UnknownNameError("added event", as_value(item, event), known)
    return steps


def offered_events(served: Served) -> list[str]:
    """The kinds of events that can be added: those that speak for an item."""
    return [kind for kind, weight in served.shop.config.events.weights.items() if weight > 0]


def as_value(item_id: str, event: str) -> str:
    """An event with an item as it stands in the address."""
    return f"{item_id}{BETWEEN}{event}"


def weights(config: PipelineConfig) -> PipelineConfig:
    """The weights of the address; those of `config` where it has none."""
    total, share = config.alpha + config.beta, affinity_share(config)
    asked = links.number("affinity", share, low=0.0, high=1.0)
    if abs(asked - share) > 1e-9:
        config = replace(config, alpha=round(total * (1 - asked), 4), beta=round(total * asked, 4))
    return replace(
        config,
        popularity_penalty=links.number("penalty", config.popularity_penalty, low=0.0, high=1.0),
        diversity=links.number("diversity", config.diversity, low=0.0, high=0.9),
    )


def affinity_share(config: PipelineConfig) -> float:
    """How much of the score comes from the user's categories, in [0, 1], to two places as sliders give it."""
    return round(config.beta / max(config.alpha + config.beta, 1e-9), 2)


def label(name: str) -> str:
    """A recommender as people read it."""
    return NAMES.get(name, name.replace("_", " ").capitalize())


def category_words(path: str) -> str:
    """A category's path as people read it."""
    return " › ".join(cards.category(part) for part in path.split(" / "))


def popularity_words(share: float) -> str:
    """How popular an SKU is, from the share of SKUs that are less popular, in [0, 1]."""
    return "the most popular SKU" if share >= 1 else f"more popular than {percent(share)} of SKUs"


def words(found: Portrait) -> str:
    """Who somebody is, with the category as people read it."""
    return replace(found, user_id=masks.text(found.user_id), category=category_words(found.category)).words


def event_words(kind: str) -> str:
    """A kind of event as people read it."""
    return EVENTS.get(kind, kind)


def title(room: Room, item_id: str) -> str:
    """An item's title; its id where the catalogue has none."""
    shown = recommend_cache.items(room.served, (item_id,)).get(item_id)
    return str(shown["title"]) if shown else item_id


def show_notices(room: Room) -> None:
    """What was left out of the events, and whether the tables have changed since the models learned from them."""
    report = room.served.shop.report
    if not room.served.current:
        said = "Items or events have changed since the models learned from them; histories here are the present ones."
        command = html(" <code>{}</code>", train_command(room.workspace))
        show(html('<p class="sw-note" role="status">{} {}{}</p>', icon("history"), said, command), key="outdated")
    if report.left_out:
        show(html('<p class="sw-note" role="status">{} {}.</p>', icon("info"), report.summary), key="left-out")


def pick(label: str, options: Sequence[str], naming: Callable[[str], str], bound: Mapping[str, Any]) -> None:
    """A selector in which one can also type what isn't offered."""
    st.selectbox(
        label,
        list(options),
        format_func=naming,
        index=None,
        accept_new_options=True,
        placeholder="Pick or type",
        **bound,
    )
