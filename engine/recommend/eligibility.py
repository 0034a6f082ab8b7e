"""What may be recommended to whom, and the reason for each item that may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions

BOUGHT = "transaction"


@dataclass(frozen=True)
class Rules:
    """Which items are left out.

    seen: those that the user had any event with; bought: those that they bought; unavailable: those that can't be
    bought now. Hidden ones always are.
    """

    seen: bool = False
    bought: bool = True
    unavailable: bool = True

    @property
    def words(self) -> str:
        """The rule in words that are equal only when the rule is, for a run's eligibility."""
        left_out = [name for name in ("seen", "bought", "unavailable") if getattr(self, name)]
        return f"all items except {', '.join([*left_out, 'hidden'])}"


@dataclass(frozen=True)
class Eligibility:
    """Who may get what.

    eligible: (n_items,) bool, what may be recommended to anyone; excluded: (n_users, n_items) bool, what must not be
    recommended to one; reasons: for all items, reason -> (n_items,) bool; personal: reason -> (n_users, n_items) bool.
    """

    eligible: NDArray[np.bool_]
    excluded: sparse.csr_array
    reasons: Mapping[str, NDArray[np.bool_]]
    personal: Mapping[str, sparse.csr_array]

    def reason(self, user: int, item: int) -> str:
        """Why the item at `item` is not for the user in row `user`: the first reason, empty when there is none."""
        for name, mask in self.reasons.items():
            if mask[item]:
                return name
        return next((name for name, cells in self.personal.items() if cells[user, item]), "")


def eligibility(
    histories: Interactions,
    catalogue: Catalogue,
    rules: Rules,
    *,
    hidden: NDArray[np.bool_] | None = None,
    category: NDArray[np.bool_] | None = None,
) -> Eligibility:
    """Apply `rules` to users and catalogue. hidden, category: (n_items,) items to leave out, and those asked for."""
    reasons = {}
    if hidden is not None:
        reasons["hidden"] = hidden
    if rules.unavailable:
        reasons["unavailable"] = ~catalogue.available
    if category is not None:
        reasons["of another category"] = ~category
    personal = {}
    if rules.bought:
        personal["bought"] = histories.of_kind(BOUGHT)
    if rules.seen:
        personal["seen"] = histories.weights.astype(bool)
    nothing = sparse.csr_array(histories.weights.shape, dtype=bool)
    eligible = np.ones(len(catalogue), dtype=bool)
    for mask in reasons.values():
        eligible &= ~mask
    # what is seen includes what was bought, so one of the two is enough
    excluded = personal.get("seen", personal.get("bought", nothing))
    return Eligibility(eligible, excluded, reasons, personal)
