"""The smallest value of a convex function of a few numbers, the same for any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.rank.base import Floats

Loss = Callable[[Floats], tuple[float, Floats]]  # its value and its slope
_PRECISE = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-9}


def smallest(loss: Loss, start: Floats, least: Sequence[float | None]) -> Floats:
    """(n,) where `loss` is smallest with each number at `least` or above (None: anywhere), by L-BFGS-B.

    One thread of BLAS: sums over rows don't depend on how many there are, and for so few numbers more are slower.
    """
    from scipy.optimize import minimize  # a third of a second, which pages that only show weights need not wait

    bounds = [(each, None) for each in least]
    with _libraries().limit(limits=1, user_api="blas"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISE)
    return np.asarray(found.x, dtype=np.float64)


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes longer than most fits."""
    return ThreadpoolController()
