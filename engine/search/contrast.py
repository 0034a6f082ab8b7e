"""Fine-tuning an encoder by contrast: a query nearer to its own document than to the others of its batch.

The loss: M. Henderson et al., Efficient natural language response suggestion for Smart Reply, 2017, section 4.4; for
batches that don't fit into memory, L. Gao et al., Scaling deep contrastive learning batch size under memory limited
setup, 2021. The loop is our own, because the library's keeps its checkpoints as pickles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.base.losses.merged_forward import column_merging_disabled
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import Tensor, nn

from engine.errors import DataError
from engine.models.base_models import freeze
from engine.models.checkpoints import Checkpoints, epoch_seed, optimizer_tensors, restore_optimizer
from engine.models.schedule import rate_share
from engine.search.finetune_config import FinetuneConfig, Report
from engine.search.pair_batches import Pairs, plan_batches
from engine.search.valid_pairs import CHOICE, ValidPairs

MOST_NORM = 1.0  # longer gradients are cut to it
ENCODED = 32  # texts of valid in a batch
Weights = dict[str, Tensor]


@dataclass
class Learned:
    """How far it is: steps done, the best of them, and valid's figures before the first step, at the best, and then.

    history: what valid gave after which number of steps.
    """

    step: int = 0
    best_step: int = 0
    history: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def first(self) -> dict[str, float]:
        """Valid's figures of the base model."""
        return self.history[0]

    @property
    def best(self) -> dict[str, float]:
        """Valid's figures of the weights that were kept."""
        return self.history[self.best_step]


class Contrast:
    """One training of `model`, a SentenceTransformer, with `prefixes` before queries and documents."""

    def __init__(self, model: Any, prefixes: tuple[str, str], config: FinetuneConfig) -> None:
        self._model, self._prefixes, self._config = model, prefixes, config
        self._lengths = [longest(model, most) for most in (config.query_tokens, config.document_tokens)]
        freeze(model, _frozen(model, config.train_layers))
        self._learning: Weights = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._dtype = precision(config.precision, model.device.type)
        self._optimizer = torch.optim.AdamW(self._learning.values(), lr=config.rate, weight_decay=config.decay)
        self._scaler = torch.amp.GradScaler(model.device.type, enabled=self._dtype == torch.float16)
        self._loss = self._made_loss()

    def learn(self, pairs: Pairs, valid: ValidPairs, checkpoints: Checkpoints, report: Report) -> Learned:
        """Learn from `pairs` and leave the model with its best weights by valid, the first ones included.

        Goes on from the last checkpoint when there is one, as if it hadn't stopped. Raises DataError when the pairs
        are of too few items to contrast them.
        """
        config = self._config
        plan = [
            batch
            for epoch in range(config.epochs)
            for batch in plan_batches(pairs, config.batch_size, seed=epoch_seed(config.seed, epoch))
        ]
        if not plan:
            n_items = len(set(pairs.items))
            raise DataError(f"{len(pairs):,} pairs of {n_items:,} items are too few to contrast one with another.")
        done, best = self._restore(checkpoints) or (Learned(), self._copies())
        if not done.history:
            done.history[0] = self._figures(valid)
        report(done.step, len(plan), done.history[max(done.history)])
        while done.step < len(plan):
            self._step(pairs.take(plan[done.step]), done.step, len(plan))
            done.step += 1
            if done.step % config.evaluate_every == 0 or done.step == len(plan):
                done.history[done.step] = self._figures(valid)
                if done.history[done.step][CHOICE] > done.best[CHOICE]:
                    done.best_step, best = done.step, self._copies()
                self._save(checkpoints, done, best)
            report(done.step, len(plan), done.history.get(done.step, {}))
        self._take(best)
        return done

    def _made_loss(self) -> nn.Module:
        if self._config.batch_size <= self._config.memory_size:
            return MultipleNegativesRankingLoss(self._model, scale=self._config.scale)
        return CachedMultipleNegativesRankingLoss(
            self._model, scale=self._config.scale, mini_batch_size=self._config.memory_size
        )

    def _step(self, batch: Pairs, step: int, n_steps: int) -> None:
        torch.manual_seed(epoch_seed(self._config.seed, step))  # what is dropped doesn't depend on a stop before
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.rate * rate_share(step, n_steps, self._config.warmup)
        self._model.train()
        columns = [batch.queries, batch.positives, [text for text in batch.negatives if text]]
        with self._autocast(), column_merging_disabled():  # merged, queries would be padded to documents
            loss = self._loss([self._features(n > 0, texts) for n, texts in enumerate(columns) if texts], None)
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._learning.values(), MOST_NORM)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad()

    def _features(self, is_document: bool, texts: Sequence[str]) -> dict[str, Tensor]:
        self._model.max_seq_length = self._lengths[is_document]
        features = self._model.preprocess([self._prefixes[is_document] + text for text in texts])
        return {name: value.to(self._model.device) for name, value in features.items() if isinstance(value, Tensor)}

    def _figures(self, valid: ValidPairs) -> dict[str, float]:
        self._model.eval()
        return valid.figures(lambda texts: self._encode(False, texts), lambda texts: self._encode(True, texts))

    def _encode(self, is_document: bool, texts: Sequence[str]) -> NDArray[np.float32]:
        self._model.max_seq_length = self._lengths[is_document]
        said = [self._prefixes[is_document] + text for text in texts]
        with self._autocast():
            found = self._model.encode(said, batch_size=ENCODED, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._model.device.type, dtype=self._dtype, enabled=self._dtype != torch.float32)

    def _copies(self) -> Weights:
        return {name: weight.detach().cpu().clone() for name, weight in self._learning.items()}

    def _take(self, weights: Weights) -> None:
        with torch.no_grad():
            for name, weight in weights.items():
                self._learning[name].copy_(weight)

    def _save(self, checkpoints: Checkpoints, done: Learned, best: Weights) -> None:
        tensors = {f"weight.{name}": weight.detach() for name, weight in self._learning.items()}
        tensors |= {f"best.{name}": weight for name, weight in best.items()}
        tensors |= optimizer_tensors(self._optimizer, self._learning)
        checkpoints.save(done.step, tensors, {**asdict(done), "scaler": self._scaler.state_dict()})

    def _restore(self, checkpoints: Checkpoints) -> tuple[Learned, Weights] | None:
        last = checkpoints.last()
        if last is None:
            return None
        tensors, counts = last
        self._take({name: tensors[f"weight.{name}"] for name in self._learning})
        restore_optimizer(self._optimizer, self._learning, tensors)
        self._scaler.load_state_dict(counts["scaler"])
        history = {int(step): figures for step, figures in counts["history"].items()}
        return Learned(counts["step"], counts["best_step"], history), {n: tensors[f"best.{n}"] for n in self._learning}


def longest(model: Any, most: int) -> int:
    """`most` tokens, or what the model can read at once when that is less."""
    positions = getattr(model[0].auto_model.config, "max_position_embeddings", most)
    return min(most, int(positions), int(model.tokenizer.model_max_length))


def precision(name: str, kind: str) -> torch.dtype:
    """The type that `name` means on a device of `kind`; auto: the fastest that the device has in hardware."""
    chosen: dict[str, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    if name != "auto":
        return chosen[name]
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    has = torch.cpu.get_capabilities()
    return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32


def _frozen(model: Any, train_layers: int | None) -> int:
    """How many of the lower layers keep their weights when the upper `train_layers` learn."""
    layers = next((part for part in model.modules() if isinstance(part, nn.ModuleList)), ())
    return 0 if train_layers is None else max(0, len(list(layers)) - train_layers)
