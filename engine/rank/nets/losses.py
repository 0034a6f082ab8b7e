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

    Each wanted candidate has an equal share, times its weight; weights of the others have no part in it. A list of
    which nothing was wanted adds nothing. Source: the top-one ListNet loss (Z. Cao et al., ICML 2007) with targets that
    are wanted or not.
    """
    n_wanted = torch.zeros(batch.n, device=scores.device).index_add(0, batch.owners, batch.wanted)
    targets = batch.wanted * batch.weights / n_wanted.clamp_min(1.0)[batch.owners]
    apart = logsumexp(scores, batch.owners, batch.n)[batch.owners] - scores
    return (targets * apart).sum()


def bce_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Summed over lists: the mean of its candidates' log losses, each times its weight."""
    lost = binary_cross_entropy_with_logits(scores, batch.wanted, reduction="none") * batch.weights
    sizes = torch.bincount(batch.owners, minlength=batch.n).clamp_min(1)
    return (lost / sizes[batch.owners]).sum()


def logsumexp(scores: Tensor, owners: Tensor, n: int) -> Tensor:
    """(n,) the logarithm of the summed exponentials of each list's scores; -inf for a list without any."""
    low = torch.full((n,), -torch.inf, device=scores.device, dtype=scores.dtype)
    highest = low.scatter_reduce(0, owners, scores.detach(), "amax")
    safe = torch.where(torch.isfinite(highest), highest, 0.0)
    summed = torch.zeros_like(safe).index_add(0, owners, torch.exp(scores - safe[owners]))
    return torch.log(summed.clamp_min(TINY)) + safe


LOSSES: Mapping[str, Callable[[Tensor, Batch], Tensor]] = {"softmax": softmax_loss, "bce": bce_loss}
