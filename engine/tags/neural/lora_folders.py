"""Adapter folders: one per good type, each with adapter_config.json, adapter_model.safetensors and labels.json.

That is the layout of PEFT, with the labels in the order of the outputs beside it. A folder from elsewhere is data: only
JSON and safetensors are read, and what is missing or doesn't fit is named before a model is built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from engine.errors import ArtifactError, shown

ADAPTERS = {
    "Bags": "lora_bert_output_bags",
    "Shoes": "lora_bert_output_shoes",
    "Clothes": "lora_bert_output_clothes",
    "Beauty_Accs": "lora_bert_output_beauty",
}
OTHERS = "lora_bert_output_accs"  # Accs, Home_Accs and whatever else
CONFIG_FILE, WEIGHTS_FILE, LABELS_FILE = "adapter_config.json", "adapter_model.safetensors", "labels.json"
HEADS = ("head.weight", "classifier.out_proj.weight", "classifier.weight", "score.weight")
WHOLE_MODEL = "SEQ_CLS"  # PEFT's name of an adapter that brings the head of a classifier of whole texts
MOST_RANK = 1024


def adapter_of(category: str) -> str:
    """The name of the adapter that reads items of `category`."""
    return ADAPTERS.get(category, OTHERS)


@dataclass(frozen=True)
class AdapterFolder:
    """A checked adapter: its folder, its labels in the order of its outputs, and PEFT's name of its task, or None."""

    folder: Path
    labels: tuple[str, ...]
    task: str | None

    @classmethod
    def read(cls, folder: Path, base: str | None = None) -> AdapterFolder:
        """Check `folder`, and that it fits the base model of that name. Raises ArtifactError naming what is wrong."""
        said = _json(folder / CONFIG_FILE, "a folder of an adapter holds it")
        if not isinstance(said, dict) or said.get("peft_type") != "LORA":
            raise ArtifactError(f"{folder / CONFIG_FILE} describes no LoRA adapter (peft_type must be LORA).")
        if not isinstance(said.get("r"), int) or not 0 < said["r"] <= MOST_RANK:
            raise ArtifactError(f"{folder / CONFIG_FILE} gives r = {said.get('r')!r}; 1 to {MOST_RANK} can be loaded.")
        made_for = said.get("base_model_name_or_path")
        if base and made_for and _last_part(made_for) != _last_part(base):
            raise ArtifactError(
                f"{folder} was trained over {shown(made_for)}, not over {shown(base)}; choose that base."
            )
        outputs = _outputs(folder / WEIGHTS_FILE)
        return cls(folder, _labels(folder / LABELS_FILE, outputs), said.get("task_type"))


def labels_needed(folder: Path) -> str:
    """What to do for an adapter that brings no labels; empty when it has them. ArtifactError for damaged weights."""
    if (folder / LABELS_FILE).is_file():
        return ""
    return f"The adapter in {folder} brings no labels; {_way_out(_outputs(folder / WEIGHTS_FILE))}."


def _way_out(outputs: int) -> str:
    example = '["soft", "true to size", …]'
    return f"write {LABELS_FILE} beside it: a JSON list of its {outputs} tags in the order of its outputs, {example}"


def _labels(file: Path, outputs: int) -> tuple[str, ...]:
    if needed := labels_needed(file.parent):
        raise ArtifactError(needed)
    way_out = _way_out(outputs)
    labels = _json(file, way_out)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ArtifactError(f"{file} isn't a list of tags; {way_out}.")
    if len(set(labels)) != len(labels):
        raise ArtifactError(f"{file} names a tag twice; {way_out}.")
    if len(labels) != outputs:
        raise ArtifactError(f"{file} names {len(labels)} tags, and the adapter has {outputs} outputs; {way_out}.")
    return tuple(labels)


def _outputs(file: Path) -> int:
    """How many labels the adapter's head scores, from the header of its weights."""
    if not file.is_file():
        pickled = file.with_suffix(".bin").is_file()
        why = (
            "adapter_model.bin is a pickle, which is never read; save it as safetensors" if pickled else "get it again"
        )
        raise ArtifactError(f"{file} is missing; {why}.")
    try:
        with safe_open(file, framework="numpy") as weights:
            for end in HEADS:
                found = [key for key in weights.keys() if f".{key}".endswith(f".{end}")]  # noqa: SIM118, no mapping
                if found:
                    return int(weights.get_slice(found[0]).get_shape()[0])
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{file} is damaged ({error}); get it again.") from None
    raise ArtifactError(f"{file} holds no head ({' or '.join(HEADS)}), so it can't score tags.")


def _json(file: Path, why: str) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{file} is missing; {why}.") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file} can't be read as JSON ({error}); {why}.") from None


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()
