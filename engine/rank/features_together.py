"""How alike two items' users are: the cosine of who dealt with them, from what happened before a moment."""

from __future__ import annotations

import numpy as np
from scipy import sparse

MOST_ITEMS = 200  # of a user, the newest: who dealt with everything says little of which items belong together
LEAST_USERS = 2  # that two items must share: one user in common is chance, and most pairs have just that


def together(last: sparse.csr_array) -> sparse.csr_array:
    """(n_items, n_items) float32 cosines, 0 for an item with itself.

    last: (n_users, n_items) when each user dealt with each item last, any number above 0 that grows with time.
    """
    counts = np.diff(last.indptr)
    owner = np.repeat(np.arange(last.shape[0]), counts)
    order = np.lexsort((last.indices, -last.data, owner))
    place = np.arange(len(order)) - np.repeat(last.indptr[:-1], counts)
    kept = order[place < MOST_ITEMS]
    cells = (np.ones(len(kept), dtype=np.int32), (owner[kept], last.indices[kept]))
    done = sparse.csr_array(cells, shape=last.shape)
    shared = sparse.coo_array(done.T @ done)
    users = np.bincount(last.indices[kept], minlength=last.shape[1])
    row, column = shared.row, shared.col
    enough = (shared.data >= LEAST_USERS) & (row != column)
    row, column = row[enough], column[enough]
    cosine = shared.data[enough] / np.sqrt(users[row].astype(np.float64) * users[column])
    return sparse.csr_array((cosine.astype(np.float32), (row, column)), shape=shared.shape)
