"""What the parts of the ranking lab share: what serves, the weights of the address, names and values in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.rank.lists import CODE, Feature, Lists, Stock
from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE
from engine.ranking.lab import Lab
from engine.workspace import Workspace
from pages.parts import cards, links, masks, ranking_cache
from pages.parts.markup import html, icon, show
from pages.parts.ranking_cache import Opened

DECISION, WEIGHTS = "decision", "weights"
VIEWS = {"": "Members", WEIGHTS: "Weights", "features": "Features", DECISION: "One decision", "tuning": "Tuning"}
BETWEEN = ":"  # a member and its weight in the address
NAMES = {
    ENSEMBLE: "Ensemble",
    "recommend": "Recommend’s order",
    "popularity": "Popularity",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "xgboost": "XGBoost",
    "transformer": "Transformer",
    "gat": "Graph attention",
}
SECTION = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
SMALL = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'


@dataclass(frozen=True)
class Room:
    """The ranking lab as the address asks for it. weights: those of the address, or the fitted ones."""

    workspace: Workspace
    opened: Opened
    weights: Mapping[str, float]

    @property
    def lab(self) -> Lab:
        """The lists and what every ranker says of them."""
        return self.opened.lab

    @property
    def fitted(self) -> dict[str, float]:
        """The weights that serve, in hundredths as sliders give them."""
        return {name: round(weight, 2) for name, weight in self.lab.panel.weights.items()}

    def label(self, name: str) -> str:
        """A ranker as people read it; the baseline by what it is."""
        return label(self.lab.baseline if name == BASE else name)

    @property
    def counting(self) -> list[str]:
        """The members with a weight, the weightiest first."""
        weights = self.lab.panel.weights
        return sorted((name for name in weights if weights[name] > 0), key=lambda name: -weights[name])

    @property
    def reweighted(self) -> bool:
        """Whether the weights are others than those that serve."""
        return dict(self.weights) != self.fitted


def open_room(workspace: Workspace) -> Room:
    """What the address names. Raises NotBuiltError with the command, UnknownNameError for a member that isn't there."""
    opened = ranking_cache.opened(workspace)
    fitted = {name: round(weight, 2) for name, weight in opened.lab.panel.weights.items()}
    return Room(workspace, opened, {**fitted, **_asked(fitted)})


def as_values(weights: Mapping[str, float]) -> list[str]:
    """Weights as they stand in the address."""
    return [f"{name}{BETWEEN}{weight:g}" for name, weight in weights.items()]


def _asked(fitted: Mapping[str, float]) -> dict[str, float]:
    """The weights in the address; what is no number is passed over, as it is for other sliders."""
    found = {}
    for value in links.several("weights"):
        name, _, number = value.partition(BETWEEN)
        if name not in fitted:
            raise UnknownNameError("weight of a member", value, [f"{one}{BETWEEN}{number}" for one in fitted])
        try:
            weight = float(number)
        except ValueError:
            continue
        found[name] = round(min(max(weight, 0.0), 1.0), 2) if weight == weight else fitted[name]
    return found if any({**fitted, **found}.values()) else {}


def label(name: str) -> str:
    """A ranker as people read it."""
    return NAMES.get(name, name.replace("_", " ").capitalize())


def feature_label(name: str) -> str:
    """A feature's name as people read it: item_events is item events."""
    return name.replace("_", " ")


def value_words(feature: Feature, value: float, stock: Stock) -> str:
    """A feature's value as people read it: a category's name, a whole number, or three digits; "unknown" for none."""
    if np.isnan(value):
        return "unknown"
    if feature.kind == CODE:
        whole = int(value)
        named = feature.name == "item_category" and 0 <= whole < len(stock.category_names)
        return category_words(str(stock.category_names[whole])) if named else f"no. {whole}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.3g}"


def category_words(path: str) -> str:
    """A category's path as people read it."""
    return " › ".join(cards.category(part) for part in path.split(" / "))


def user_words(one: Lists) -> str:
    """The user of a single list as they were then: "U-1042 · 14 events · mostly Shoes"."""
    user, past = masks.text(one.users[0]), one.histories
    if past is None:
        return user
    n = len(past.items)
    if not n:
        return f"{user} · no events before it"
    names, counts = np.unique(one.stock.categories[past.items], return_counts=True)
    most, share = int(np.argmax(counts)), counts.max() / n
    where = category_words(str(one.stock.category_names[names[most]]))
    said = f"mostly {where}" if share >= 0.5 else "in many categories"
    return f"{user} · {n:,} {'event' if n == 1 else 'events'} · {said}"


def show_notices(room: Room) -> None:
    """Whether the tables have changed since the ensemble learned from them."""
    if not room.opened.opening.current:
        said = "Items or events have changed since the ensemble learned from them; the lists here are those of then."
        command = html(" <code>{}</code>", ranking_cache.command(room.workspace))
        show(html('<p class="sw-note" role="status">{} {}{}</p>', icon("history"), said, command), key="outdated")


def section(title: str, said: str, *, small: bool = False) -> Markup:
    """A section's title and what it says."""
    return html(SMALL if small else SECTION, title, said)


def table(head: Markup, body: Markup, style: str = "sw-breakdown") -> Markup:
    """A table that scrolls where it is wider than its place."""
    return html(
        '<div class="sw-scroll"><table class="sw-table {}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        style,
        head,
        body,
    )
