"""A trained tagger's adapters as folders that other workspaces can use, each with a card of how it was made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load_file, save_file

from engine.artifacts import ArtifactStore, Card
from engine.atomic import atomic_path, remove
from engine.tags.neural.lora_folders import ADAPTERS, LABELS_FILE, OTHERS, WEIGHTS_FILE
from engine.workspace import Workspace

CARD_FILE, FOLDER = "card.json", "adapters"


def publish(workspace: Workspace, card: Card, out: Path) -> Iterator[Path]:
    """Copy the adapters of the tagger that `card` describes into `out`, replacing those of the same names; yield each.

    Raises ArtifactError when the tagger's files are damaged.
    """
    root = ArtifactStore(workspace).open(card.kind, card.name, card.version) / FOLDER
    for folder in sorted(root.iterdir()):
        target = out / folder.name
        with atomic_path(target) as place:
            shutil.copytree(folder, place)
            halve(place / WEIGHTS_FILE)
            _write_card(place / CARD_FILE, folder, workspace, card)
            remove(target)
        yield target


def halve(file: Path) -> None:
    """Store the weights in `file` in half precision: half the size, and they are read as float32 all the same."""
    save_file({name: weight.half() for name, weight in load_file(file).items()}, file, metadata={"format": "pt"})


def _write_card(file: Path, folder: Path, workspace: Workspace, card: Card) -> None:
    own = [category for category, name in ADAPTERS.items() if name == folder.name]
    said = {
        "adapter": folder.name,
        "good_types": own if folder.name != OTHERS else ["Accs", "Home_Accs", "any other"],
        "labels": len(json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))),
        "base": card.config["base"],
        "workspace": workspace.name,
        "data_hash": card.data_hash,
        "split": card.split,
        "seed": card.seed,
        "valid_micro_f1_of_all_adapters": round(card.metrics["valid_micro_f1"], 4),
        "config": dict(card.config),
        "libraries": dict(card.libraries),
        "created": card.created,
    }
    file.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
