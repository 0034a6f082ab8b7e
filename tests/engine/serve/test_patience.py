from __future__ import annotations

import threading

import pytest

from engine.errors import StorageError
from engine.serve.patience import REST, Patience


def test_a_read_that_hangs_is_given_up_and_shortly_after_it_none_is_begun():
    now, goes_on, begun = [0.0], threading.Event(), []
    patience = Patience(0.05, clock=lambda: now[0])
    try:
        assert patience.read(lambda: 7) == 7
        with pytest.raises(StorageError, match=r"in 0\.05 s"):
            patience.read(goes_on.wait)
        with pytest.raises(StorageError, match="a moment ago"):
            patience.read(lambda: begun.append(1))
        now[0] = REST + 0.1
        assert patience.read(lambda: 8) == 8 and not begun
    finally:
        goes_on.set()
        patience.close()


def test_reads_that_hang_take_no_more_threads_than_there_are_and_none_waits_behind_them():
    now, goes_on, begun = [0.0], threading.Event(), []
    patience = Patience(0.02, threads=2, clock=lambda: now[0])

    def hang() -> None:
        begun.append(1)
        goes_on.wait()

    try:
        for _ in range(5):
            now[0] += REST + 0.1
            with pytest.raises(StorageError):
                patience.read(hang)
        assert len(begun) == 2
        goes_on.set()
        now[0] += REST + 0.1
        assert patience.read(lambda: 9) == 9 and len(begun) == 2
    finally:
        goes_on.set()
        patience.close()


def test_what_a_read_raises_is_raised():
    patience = Patience(5)
    with pytest.raises(StorageError, match="gone"):
        patience.read(lambda: (_ for _ in ()).throw(StorageError("gone")))
    patience.close()
