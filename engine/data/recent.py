"""What was seen lately, in memory that doesn't grow."""

from __future__ import annotations

LIMIT = 100_000


class Recent:
    """Tells keys that come for the first time; forgets all once LIMIT of them came.

    A reader that names the SKU on every row of a file uses it to give the SKU about once. What comes again after
    forgetting is an exact repeat, which the import keeps once.
    """

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def is_new(self, key: str) -> bool:
        """Whether `key` wasn't seen lately; from now on it was."""
        if key in self._keys:
            return False
        if len(self._keys) >= LIMIT:
            self._keys.clear()
        self._keys.add(key)
        return True
