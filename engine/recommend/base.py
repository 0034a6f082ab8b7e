"""The contract of recommenders: fit on interactions, then rank items for histories, of known users or of new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions


class Recommender(Protocol):
    """What every recommender does.

    It recommends for histories, not for users: someone who acted a second ago, or was never seen in training, is a row
    of Interactions like everyone else. An empty history gets an empty list from models that know nothing of it.
    """

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue that it was fitted on; rows of `Ranked` are places in it."""
        ...

    @property
    def trained(self) -> NDArray[np.bool_]:
        """(n_items,) the items that it can recommend."""
        ...

    @property
    def config(self) -> Any:
        """Its configuration, a frozen dataclass; `type(model).Config` is the dataclass."""
        ...

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Learn from `data`, all of it from before the moment of the recommendations.

        Raises DataError when there is too little, or when the result isn't finite.
        """
        ...

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k best items for each history.

        eligible: (n_items,) what may be recommended to anyone (default: all that is trained); excluded: (n_histories,
        n_items) what must not be recommended to one (default: nothing, so that seen items come back).
        """
        ...

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """The k items nearest to each of the items at `rows`, without the item itself; empty when it isn't trained."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder: JSON and .npz without pickles."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing or doesn't fit."""
        ...
