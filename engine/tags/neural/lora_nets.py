"""Networks of adapters: each has its own, and all of them share the frozen weights of one base model.

Nothing is switched while serving: an adapter is a network of its own, whose base layers hold the same tensors as those
of every other one, so sessions can't change what another one reads with.
"""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig as PeftConfig
from peft import PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from engine.atomic import remove
from engine.errors import ArtifactError
from engine.models.base_models import device
from engine.tags.neural.lora_folders import LABELS_FILE, WHOLE_MODEL, AdapterFolder
from engine.tags.neural.net import TagNet


@dataclass(frozen=True)
class AdapterNet:
    """A network and the labels that it scores; `whole`: it reads an item's reviews as one text."""

    net: nn.Module
    labels: tuple[str, ...]
    whole: bool = False

    def save(self, folder: Path, base: str) -> None:
        """Write the adapter's files into a new `folder`; `base` is the name of the base model."""
        net: Any = self.net
        net.peft_config["default"].base_model_name_or_path = base
        net.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
        remove(folder / "README.md")  # PEFT's empty form
        (folder / LABELS_FILE).write_text(json.dumps(self.labels, ensure_ascii=False, indent=1), encoding="utf-8")


class WholeTextNet(nn.Module):
    """A classifier of whole texts, as PEFT's adapters for sequence classification make one."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n_chunks, n_labels) logits from token ids and their mask, (n_chunks, n_tokens)."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return logits


def sharing(encoder: Any) -> Any:
    """Another module with the very tensors of `encoder`: layers can be put into it without the first one knowing."""
    tensors = [*encoder.parameters(), *encoder.buffers()]
    return copy.deepcopy(encoder, {id(tensor): tensor for tensor in tensors})


def with_adapter(net: TagNet, adapter: PeftConfig) -> nn.Module:
    """`net` with a new adapter around it; only the adapter and the head learn."""
    for weight in net.encoder.parameters():
        weight.requires_grad_(False)
    return get_peft_model(net, adapter)


def load_adapter(encoder: Any, adapter: AdapterFolder) -> AdapterNet:
    """The network of a checked adapter over `encoder`. Raises ArtifactError when its weights don't fit."""
    whole, n_labels = adapter.task == WHOLE_MODEL, len(adapter.labels)
    inner = _classifier(encoder, n_labels) if whole else TagNet(sharing(encoder), n_labels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for an attribute by its old name
            net = PeftModel.from_pretrained(inner, str(adapter.folder), is_trainable=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        why = " ".join(str(error).split())[:200]
        raise ArtifactError(f"The adapter in {adapter.folder} doesn't fit the base model ({why}).") from None
    return AdapterNet((WholeTextNet(net) if whole else net).to(device()).eval(), adapter.labels, whole)


def _classifier(encoder: Any, n_labels: int) -> Any:
    """A classifier around the shared encoder, its head still empty: the adapter brings it."""
    config = copy.deepcopy(encoder.config)
    config.num_labels = n_labels
    with torch.device("meta"):
        model: Any = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    setattr(model, model.base_model_prefix, sharing(encoder))
    for part in model.children():
        if any(weight.is_meta for weight in part.parameters()):
            part.to_empty(device="cpu")
    return model
