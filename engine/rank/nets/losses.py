"""What a network learns from: of each list which candidates were wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from engine.rank.nets.batch import Batch

TINY = 1e-12


def softmax_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Summed over lists: the cross-entropy between the softmax of the scores and the shares of what was wanted.

    A candidate of weight 2 counts as two such candidates. A list of which nothing was wanted adds nothing. Source:
    the top-one ListNet loss (Z. Cao et al., ICML 2007) with targets that are wanted or not.
    """
    shares = batch.weights * batch.wanted
    totals = torch.zeros(batch.n, device=scores.device).index_add(0, batch.owners, shares)
    kept = totals > 0
    weighed = scores + torch.log(batch.weights.clamp_min(TINY))
    apart = logsumexp(weighed, batch.owners, batch.n)[batch.owners] - scores
    targets = shares / totals.clamp_min(TINY)[batch.owners]
    return torch.where(kept[batch.owners] & (targets > 0), targets * apart, 0.0).sum()


def bce_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Summed over lists: the mean log loss of a list's candidates, each by its weight."""
    lost = binary_cross_entropy_with_logits(scores, batch.wanted, reduction="none") * batch.weights
    zero = torch.zeros(batch.n, device=scores.device)
    totals, weights = zero.index_add(0, batch.owners, lost), zero.index_add(0, batch.owners, batch.weights)
    return (totals / weights.clamp_min(TINY)).sum()


def logsumexp(scores: Tensor, owners: Tensor, n: int) -> Tensor:
    """(n,) the logarithm of the summed exponentials of each list's scores; -inf for a list without any."""
    low = torch.full((n,), -torch.inf, device=scores.device, dtype=scores.dtype)
    highest = low.scatter_reduce(0, owners, scores.detach(), "amax")
    safe = torch.where(torch.isfinite(highest), highest, 0.0)
    summed = torch.zeros_like(safe).index_add(0, owners, torch.exp(scores - safe[owners]))
    return torch.log(summed.clamp_min(TINY)) + safe


LOSSES: Mapping[str, Callable[[Tensor, Batch], Tensor]] = {"softmax": softmax_loss, "bce": bce_loss}
