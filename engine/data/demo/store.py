"""The demo store on disk: tables and pictures of one seed, put into a workspace as one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from engine.atomic import atomic_path, remove
from engine.data.demo.config import DemoConfig
from engine.data.demo.pictures import draw
from engine.data.demo.world import Progress, World, make_world
from engine.workspace import Workspace

ORIGIN = "demo"
ANSWERS = Path(__file__).with_name("answers.json")
"""What was recorded for the steps that ask an LLM; benchmarks/record_stand_in.py makes it."""
TABLES = ("items", "reviews", "events", "tags", "judgments", "mentions")


def make_demo(
    workspace: Workspace, *, seed: int, config: DemoConfig | None = None, progress: Progress | None = None
) -> None:
    """Fill `workspace` with the demo store of `seed`; equal seeds and configs give equal tables, byte for byte.

    The pictures come first, in a folder of their own per store; the tables that name them are replaced together at
    the end. A kill at any moment leaves the workspace with the tables it had.
    """
    world = make_world(config or DemoConfig(), seed, progress)
    if progress:
        progress(0.85, "drawing pictures")
    folder = _write_pictures(workspace.path, world)
    if progress:
        progress(0.95, "saving tables")
    items = world.tables["items"]
    items["image"] = [f"images/{folder.name}/{item_id}.svg" for item_id in items["item_id"]]
    with workspace.replace_tables(f"{ORIGIN} seed {seed}") as writer:
        for table in TABLES:
            writer.write(table, _in_utc(world.tables[table]))
    for other in folder.parent.iterdir():
        if other != folder:
            remove(other)
    if progress:
        progress(1.0, "done")


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Timestamps without their zone, as Arrow takes them for a UTC column (pandas 3.1 deprecates how it does it)."""
    return frame.assign(timestamp=frame["timestamp"].dt.tz_convert(None)) if "timestamp" in frame else frame


def _write_pictures(root: Path, world: World) -> Path:
    """Draw every SKU into images/<hash of the pictures>/ and return that folder; it is never written twice."""
    pictures = {f"{sku.item_id}.svg": draw(sku, world.vocabulary) for sku in world.skus}
    folder = root / "images" / hashlib.sha256("".join(pictures.values()).encode()).hexdigest()[:12]
    if not folder.exists():
        with atomic_path(folder) as temporary:
            temporary.mkdir(parents=True)
            for name, picture in pictures.items():
                (temporary / name).write_text(picture, encoding="utf-8")
    return folder
