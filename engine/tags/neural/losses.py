"""What training makes small: the losses for many labels of which few are true.

focal: T. Lin et al., Focal loss for dense object detection, ICCV 2017. asymmetric: T. Ridnik et al., Asymmetric loss
for multi-label classification, ICCV 2021, with its gammas 1 and 4 and the shift of 0.05.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

POSITIVE_GAMMA, NEGATIVE_GAMMA, SHIFT = 1.0, 4.0, 0.05
Loss = Callable[[Tensor, Tensor, float], Tensor]


def bce(logits: Tensor, true: Tensor, gamma: float) -> Tensor:
    """Cross-entropy of each label, (n_items, n_labels) like its inputs; `gamma` isn't used."""
    return -torch.where(true, logsigmoid(logits), logsigmoid(-logits))


def focal(logits: Tensor, true: Tensor, gamma: float) -> Tensor:
    """Cross-entropy times (1 - p of the truth) ** gamma: what is right already counts little."""
    right = torch.sigmoid(torch.where(true, logits, -logits))
    return bce(logits, true, gamma) * (1 - right) ** gamma


def asymmetric(logits: Tensor, true: Tensor, gamma: float) -> Tensor:
    """Focal with a gamma for true labels and a higher one for false ones, of which the easiest count nothing."""
    probability = torch.sigmoid(logits)
    shifted = (probability - SHIFT).clamp(min=0)
    positive = -logsigmoid(logits) * (1 - probability) ** POSITIVE_GAMMA
    negative = -torch.log((1 - shifted).clamp(min=1e-8)) * shifted**NEGATIVE_GAMMA
    return torch.where(true, positive, negative)


LOSSES: Mapping[str, Loss] = {"bce": bce, "focal": focal, "asymmetric": asymmetric}


def masked_mean(losses: Tensor, allowed: Tensor) -> Tensor:
    """The mean over items of the sum over the labels that the item's category may have."""
    return (losses * allowed).sum() / len(losses)
