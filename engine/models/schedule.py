"""How fast a training learns at each step: a rise, then a cosine down (I. Loshchilov and F. Hutter, ICLR 2017)."""

from __future__ import annotations

import math


def rate_share(step: int, n_steps: int, warmup: float) -> float:
    """The share of the highest rate at `step` of `n_steps`: a line up over the `warmup` share, then half a cosine."""
    rising = max(1, round(warmup * n_steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, n_steps - rising)))
