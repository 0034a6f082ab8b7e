"""An encoder fine-tuned on pairs of queries and documents, saved as an artifact that `load_encoder` takes.

It is called `artifact:<base>-finetuned-YYYYMMDD-HHMMSS`; what it saw before texts and how long they may be is saved
with it. A training that was stopped goes on after the last look at valid when it is started again as it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.data.base import ImportReport
from engine.errors import DataError
from engine.search.beauty_files import PAIRS, read_lines
from engine.search.documents import read_documents
from engine.search.encoders import ARTIFACT, KIND, encoder_folder, load_model, prefixes_of
from engine.search.evaluation import review_queries
from engine.search.finetune_config import FinetuneConfig, Report
from engine.search.pair_batches import Pairs
from engine.search.review_splits import read_part
from engine.search.valid_pairs import ValidPairs
from engine.workspace import Workspace

LIBRARIES = ("sentence-transformers", "torch", "transformers")


def read_pairs(path: Path) -> Pairs:
    """The pairs of a file such as training_pairs.jsonl: query, positive, its item and, where there is one, a negative.

    Raises DataError when the file is missing or has no pair that can be used.
    """
    pairs = pairs_of(read_lines(PAIRS, path, ImportReport()))
    if not len(pairs):
        raise DataError("has no pair of a query and a document that can be used; build the pairs again.", file=path)
    return pairs


def pairs_of(records: Iterable[Mapping[str, Any]]) -> Pairs:
    """Records as training_pairs.jsonl has them, all held at once."""
    rows = list(records)
    wrong = [(row.get("negative") or "", row.get("negative_asin") or "") for row in rows]
    texts, items = ([pair[n] for pair in wrong] for n in range(2))
    queries, positives = ([str(row[name]) for row in rows] for name in ("query", "positive"))
    about = [str(row.get("parent_asin") or row["asin"]) for row in rows]
    return Pairs(queries, positives, about, texts if any(texts) else [], items if any(texts) else [])


def later_pairs(workspace: Workspace, part: str = "valid") -> Pairs:
    """The reviews of `part` with the documents of their products, which know nothing of them.

    Raises NotBuiltError with the command when the reviews aren't split or the documents aren't built.
    """
    documents = read_documents(workspace)
    said = {item: text for item, text in zip(documents.item_ids.tolist(), documents.texts, strict=True) if text}
    queries = review_queries(read_part(workspace, part))
    known = queries.choose(queries.answerable(said))
    items = [wanted[0] for wanted in known.relevant]
    return Pairs(known.texts, [said[item] for item in items], items, [], [])


def finetune(
    workspace: Workspace,
    train: Pairs,
    valid: Pairs,
    *,
    config: FinetuneConfig | None = None,
    split: str = "",
    report: Report = lambda done, steps, figures: None,
) -> Card:
    """Learn from `train`, keep the weights that find best on `valid`, and save them in `workspace`.

    split: the split of the reviews that the pairs were made of. The card's metrics are valid's, those of the base
    model beside them. Raises ArtifactError when the base isn't on this machine, DataError when the pairs are too few.
    """
    from engine.models.checkpoints import Checkpoints
    from engine.search.contrast import Contrast

    config = config or FinetuneConfig()
    if not len(valid):
        raise DataError("There is no pair of valid to choose the best weights by; build pairs of valid as well.")
    folder = encoder_folder(config.base, workspace)
    model = load_model(folder)
    prefixes = prefixes_of(config.base, model)
    train = train.sample(config.max_pairs, seed=config.seed)
    asked = ValidPairs.of(
        valid, train, n_queries=config.valid_queries, n_documents=config.valid_documents, seed=config.seed
    )
    data = hashlib.sha256((train.hash + valid.hash).encode()).hexdigest()
    checkpoints = Checkpoints.named(_digest(config, data, str(folder)), unit="step")
    learned = Contrast(model, prefixes, config).learn(train, asked, checkpoints, report)
    measured = {f"valid_{name}": value for name, value in learned.best.items()}
    measured |= {f"valid_{name}_base": value for name, value in learned.first.items()}
    card = Card(
        kind=KIND,
        name=tuned_name(config.base),
        version=new_version(),
        config={**asdict(config), "prefixes": prefixes, "pairs": len(train), "best_step": learned.best_step},
        data_hash=data[:16],
        split=split,
        seed=config.seed,
        metrics=measured,
        libraries=library_versions(*LIBRARIES),
    )
    saved = ArtifactStore(workspace).save(card, lambda place: _write(place, model, prefixes, config))
    checkpoints.drop()
    return saved


def tuned_name(base: str) -> str:
    """What the encoder that begins with `base` is called from now on."""
    last = base.removeprefix(ARTIFACT).rstrip("/").rsplit("/", 1)[-1]
    plain = re.sub(r"[^\w.-]+", "-", re.sub(r"-finetuned-\d{8}-\d{6}$", "", last)).strip(".-") or "encoder"
    return f"{plain[:80]}-finetuned-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _write(folder: Path, model: Any, prefixes: tuple[str, str], config: FinetuneConfig) -> None:
    from engine.search.contrast import longest

    model.max_seq_length = longest(model, config.document_tokens)
    model.prompts = {"query": prefixes[0], "document": prefixes[1]}
    model.save_pretrained(str(folder), create_model_card=False)


def _digest(config: FinetuneConfig, data: str, folder: str) -> str:
    said = json.dumps([asdict(config), data, folder], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
