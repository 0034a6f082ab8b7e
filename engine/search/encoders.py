"""Encoders by name: texts in, vectors of length 1 out, in batches of about the same number of tokens.

A name is the embedded model's, one of hf_models/ or the cache of Hugging Face, a folder of sentence-transformers, or
`artifact:NAME` for one that was fine-tuned in the workspace. The network is never used, and code or pickles that a
folder brings are never run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore
from engine.atomic import sha256
from engine.errors import ArtifactError, SettingsError, shown
from engine.registry import Part, Registry
from engine.settings import load_settings
from engine.workspace import Workspace

EMBEDDED = "all-MiniLM-L6-v2"
ARTIFACT, KIND = "artifact:", "encoders"
COMMAND = ".venv/bin/python scripts/finetune_encoder.py --workspace {name}"
MOST_TOKENS = 512  # of one text; longer contexts cost more than documents of a few hundred tokens give back
ASKED = 128  # texts tokenised at once
KEPT = 32  # vectors of queries asked one by one: several retrievers ask for the same one after another
Features = dict[str, Any]
Runner = Callable[[Features], NDArray[np.float32]]

BACKENDS = Registry(
    "encoder backend",
    {
        "torch": Part("engine.search.torch_runner:TorchRunner", "float32, on a GPU where there is one"),
        "openvino": Part("engine.search.openvino_runner:OpenvinoRunner", "int8 on processors", extra="fast"),
    },
)

# What models were trained to see before a text, where their folder doesn't say it: (query, document), by part of name.
PREFIXES = (
    ("e5-mistral", ("", "")),
    ("e5", ("query: ", "passage: ")),
    ("bge-m3", ("", "")),
    ("bge", ("Represent this sentence for searching relevant passages: ", "")),
)


@dataclass(frozen=True)
class EncoderConfig:
    """How texts become batches.

    backend:    what computes: torch, or openvino (int8, faster on processors, a little less exact)
    max_tokens: longest text in tokens, its end is cut; None: what the model was made for, at most 512
    budget:     tokens of one batch, padding included: short texts go in large batches, long ones in small
    """

    backend: str = "torch"
    max_tokens: int | None = None
    budget: int = 1024

    def __post_init__(self) -> None:
        """Raise SettingsError for a number below 1."""
        for name in ("max_tokens", "budget"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} is {value}; it must be 1 or more.")


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded encoder. Vectors of two encoders may be compared when their `weights` are equal.

    name:        as it was asked for;      dim: the vectors' length
    weights:     hash of the model's files, its prefixes and its longest text
    fingerprint: hash of `weights` and of how it computes: equal texts have equal vectors under one fingerprint
    """

    name: str
    dim: int
    weights: str
    fingerprint: str
    config: EncoderConfig
    max_tokens: int
    prefixes: tuple[str, str]
    tokenizer: Any
    run: Runner
    _tokenizing: Lock = field(default_factory=Lock, repr=False)  # the tokenizer itself breaks when two threads use it

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of length 1. Those of single queries are kept for a while."""
        if len(texts) == 1:
            return self._vector(texts[0])[None].copy()
        return self._encode(self.prefixes[0], texts)

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of length 1."""
        return self._encode(self.prefixes[1], texts)

    @cached_property
    def _vector(self) -> Callable[[str], NDArray[np.float32]]:
        return lru_cache(maxsize=KEPT)(lambda query: self._encode(self.prefixes[0], [query])[0])

    def _encode(self, prefix: str, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        tokens: list[list[int]] = []
        for start in range(0, len(texts), ASKED):
            some = [prefix + text for text in texts[start : start + ASKED]]
            with self._tokenizing:
                tokens += self.tokenizer(some, truncation=True, max_length=self.max_tokens)["input_ids"]
        for rows in batches([len(one) for one in tokens], self.config.budget):
            features = self.tokenizer.pad({"input_ids": [tokens[row] for row in rows]}, return_tensors="np")
            vectors[rows] = self.run(dict(features))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(norms, np.finfo(np.float32).tiny)
        return vectors


def batches(lengths: Sequence[int], budget: int) -> Iterator[NDArray[np.int64]]:
    """Rows of texts of `lengths` tokens, longest first, in batches that hold at most `budget` tokens when padded.

    A text longer than the budget is a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def load_encoder(
    name: str = EMBEDDED, *, workspace: Workspace | None = None, config: EncoderConfig | None = None
) -> Encoder:
    """The encoder called `name`; `artifact:NAME` is looked for in `workspace`.

    Raises ArtifactError when it can't be found or read, UnknownNameError for an unknown backend, MissingExtraError
    when the backend's library isn't installed.
    """
    config = config or EncoderConfig()
    runner, folder = BACKENDS.load(config.backend), encoder_folder(name, workspace)
    model = load_model(folder)
    prefixes = prefixes_of(name, model)
    most = min(config.max_tokens or MOST_TOKENS, model.max_seq_length or MOST_TOKENS)
    weights = _hash({**_files(folder), "prefixes": prefixes, "max_tokens": most})
    return Encoder(
        name=name,
        dim=int(model.get_embedding_dimension()),
        weights=weights,
        fingerprint=_hash({"weights": weights, "backend": config.backend}),
        config=config,
        max_tokens=most,
        prefixes=prefixes,
        tokenizer=model.tokenizer,
        run=runner(model, load_settings().threads),
    )


def encoder_folder(name: str, workspace: Workspace | None = None) -> Path:
    """The folder of the encoder `name`. Raises ArtifactError or NotBuiltError, with the way to get it."""
    from engine.models.base_models import find_base

    if not name.startswith(ARTIFACT):
        return find_base(name)
    if workspace is None:
        raise ArtifactError(f"{shown(name)} lies in a workspace, and none was given; name a model or a folder.")
    store, tuned = ArtifactStore(workspace), name.removeprefix(ARTIFACT)
    version = store.current(KIND, tuned, command=COMMAND.format(name=workspace.name))
    return store.open(KIND, tuned, version)


def load_model(folder: Path) -> Any:
    """The SentenceTransformer in `folder`, ready to be used.

    Raises ArtifactError when it can't be read, when its modules aren't the library's own, or weights are a pickle.
    """
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    from engine.models.base_models import device

    _check_modules(folder)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder), device=str(device()), local_files_only=True, model_kwargs={"use_safetensors": True}
        ).eval()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ArtifactError(f"The encoder in {folder} can't be loaded ({reason}).") from None


def prefixes_of(name: str, model: Any) -> tuple[str, str]:
    """What the encoder called `name` sees before a query and before a document: its `model` says it, or PREFIXES."""
    said = {key: text for key, text in dict(model.prompts).items() if text}
    if said:
        return said.get("query", ""), said.get("document", "")
    last = name.rstrip("/").rsplit("/", 1)[-1].lower()
    return next((pair for part, pair in PREFIXES if part in last), ("", ""))


def slug(name: str) -> str:
    """The name of an encoder as a folder's name: letters, digits, `.`, `_` and `-`, different for different names."""
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name).strip(".-")[-80:]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _check_modules(folder: Path) -> None:
    file = folder / "modules.json"
    if not file.is_file():
        return
    try:
        modules = [(str(module["type"]), folder / module["path"]) for module in json.loads(file.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{file} can't be read ({error!r}); download the model again.") from None
    for kind, place in modules:
        if not kind.startswith("sentence_transformers."):
            raise ArtifactError(f"{file} asks to run {shown(kind)}, which is no module of sentence-transformers.")
        if not place.resolve().is_relative_to(folder.resolve()):
            raise ArtifactError(f"{file} names {shown(place)}, which lies outside its folder.")
        if (place / "pytorch_model.bin").is_file() and not (place / "model.safetensors").is_file():
            raise ArtifactError(f"{place} has its weights only as a pickle, which is never read; convert it first.")


def _files(folder: Path) -> dict[str, str]:
    """SHA-256 of what decides about vectors: weights, tokenizer and modules, by relative path."""
    found = (file for kind in ("*.safetensors", "*.json", "*.txt", "*.model") for file in folder.rglob(kind))
    said = {
        str(file.relative_to(folder)): sha256(file) for file in found if file.is_file() and file.name != "card.json"
    }
    return dict(sorted(said.items()))


def _hash(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
