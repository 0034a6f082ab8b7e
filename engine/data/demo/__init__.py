"""The demo store: a shop made from a seed, whose hidden truth is known.

SKUs have traits, people have tastes; reviews, events and judgments follow from them, so that every model has
something real to learn and a truth to be measured against. `make_world` gives that truth beside the tables.
"""

from engine.data.demo.config import DemoConfig
from engine.data.demo.store import make_demo
from engine.data.demo.world import World, make_world

__all__ = ["DemoConfig", "World", "make_demo", "make_world"]
