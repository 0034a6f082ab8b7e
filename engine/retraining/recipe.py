"""What a pipeline is made from, beside data: its sources, their settings, its weights, and what holds for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from engine.artifacts import ArtifactStore
from engine.errors import NotBuiltError, ShelfwiseError
from engine.recommend.pipeline import PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommending.serving import read_config, shop_config
from engine.recommending.shop import FILL, RecommendConfig
from engine.recommending.training import KIND, PIPELINE, SOURCES
from engine.recommending.tuning import tuned_configs
from engine.workspace import Workspace


@dataclass(frozen=True)
class Recipe:
    """How a pipeline is made.

    settings: the configuration of each model by name, FILL among them; weights: None where they are to be fitted.
    """

    shop: RecommendConfig
    settings: Mapping[str, Any]
    weights: PipelineConfig | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The models that give candidates; those of weight 0 too, because another day may weigh them."""
        return tuple(self.weights.sources) if self.weights else tuple(SOURCES)


@dataclass(frozen=True)
class Serving:
    """What serves.

    versions: of each recommender by name; recipe: None where nothing does, or `damage` says why it can't be told;
    created: when the pipeline was made (UTC, ISO).
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    recipe: Recipe | None = None
    damage: str = ""
    created: str = ""


def read_serving(workspace: Workspace) -> Serving:
    """The recipe of what serves, from its cards and weights. Whatever is wrong with it is told, not raised."""
    store = ArtifactStore(workspace)
    versions = {name: version for (kind, name), version in store.serving().items() if kind == KIND}
    try:
        current = store.current(KIND, PIPELINE, command="")
        weights = read_config(workspace, store.open(KIND, PIPELINE, current))
        card = store.card(KIND, PIPELINE, current)
        names = dict.fromkeys([*weights.sources, FILL])
        settings = {name: _settings(name, store.card(KIND, name, versions[name]).config) for name in names}
        return Serving(versions, Recipe(shop_config(card.config), settings, weights), created=card.created)
    except NotBuiltError:
        return Serving(versions)
    except (ShelfwiseError, KeyError, TypeError) as error:
        return Serving(versions, damage=f"{type(error).__name__}: {error}")


def new_recipe(workspace: Workspace, serving: Recipe | None) -> Recipe:
    """The recipe of the challenger: that of what serves, with the settings that tuning found since."""
    if serving is None:
        names = dict.fromkeys([*SOURCES, FILL])
        settings = {name: RECOMMENDERS.load(name).Config() for name in names}
        serving = Recipe(RecommendConfig(), settings)
    return replace(serving, settings={**serving.settings, **tuned_configs(workspace, list(serving.settings))})


def same(a: Recipe, b: Recipe) -> bool:
    """Whether two recipes give the same lists from the same data."""
    return described_recipe(a) == described_recipe(b)


def described_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON has it."""
    return {
        "shop": _plain(recipe.shop),
        "settings": {name: _plain(own) for name, own in sorted(recipe.settings.items())},
        "weights": _plain(recipe.weights) if recipe.weights else None,
    }


def read_recipe(said: Mapping[str, Any]) -> Recipe:
    """The reverse of `described_recipe`."""
    settings = {name: _settings(name, own) for name, own in said["settings"].items()}
    weights = PipelineConfig(**said["weights"]) if said["weights"] else None
    return Recipe(shop_config({"shop": said["shop"]}), settings, weights)


def _plain(value: Any) -> Any:
    return _lists(asdict(value))


def _lists(value: Any) -> Any:
    """Tuples as lists, and names in order: what was read from JSON equals what was never written."""
    if isinstance(value, Mapping):
        return {name: _lists(one) for name, one in sorted(value.items())}
    return [_lists(one) for one in value] if isinstance(value, (list, tuple)) else value


def _settings(name: str, config: Mapping[str, Any]) -> Any:
    made = RECOMMENDERS.load(name).Config
    return made(**{one.name: _tuples(config[one.name]) for one in fields(made)})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
