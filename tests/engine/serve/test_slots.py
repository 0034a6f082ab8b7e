from __future__ import annotations

import pytest

from engine.errors import ArtifactError, NotBuiltError
from engine.serve.slots import Slot


class Shelf:
    """What a slot is asked about: a pointer, and what stands behind it."""

    def __init__(self) -> None:
        self.pointer, self.bad, self.opened, self.now = "1", set[str](), list[str](), 0.0

    def open(self) -> str:
        self.opened.append(self.pointer)
        return f"model {self.pointer}"

    def check(self, value: str) -> None:
        if value.split()[-1] in self.bad:
            raise ArtifactError(f"{value} gives no lists.")

    def version(self) -> str:
        if not self.pointer:
            raise NotBuiltError("A model", "train")
        return self.pointer


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def slot(shelf):
    return Slot(
        "model", version=shelf.version, open=shelf.open, check=shelf.check, made=lambda: 7.0, retry=60,
        clock=lambda: shelf.now,
    )  # fmt: skip


def test_what_the_pointer_names_is_opened_once(shelf, slot):
    assert [slot.refresh(), slot.refresh()] == ["swapped", "same"]
    assert slot.current.value == "model 1" and slot.current.made == 7.0 and shelf.opened == ["1"]


def test_a_newer_version_takes_the_place_and_whoever_holds_the_old_one_keeps_it(shelf, slot):
    slot.refresh()
    held = slot.current
    shelf.pointer = "2"
    assert slot.refresh() == "swapped"
    assert slot.current.value == "model 2" and held.value == "model 1"


def test_the_old_one_serves_when_a_new_one_fails_its_check(shelf, slot):
    slot.refresh()
    shelf.pointer, shelf.bad = "2", {"2"}
    assert slot.refresh() == "failed"
    assert slot.current.value == "model 1" and "model 2 gives no lists" in slot.problem


def test_a_failed_version_is_tried_again_only_after_a_while_and_another_at_once(shelf, slot):
    shelf.bad = {"1"}
    assert [slot.refresh(), slot.refresh()] == ["failed", "same"] and shelf.opened == ["1"]
    shelf.now, shelf.bad = 61.0, set()
    assert slot.refresh() == "swapped"
    shelf.pointer, shelf.bad = "2", {"2"}
    slot.refresh()
    shelf.pointer = "3"
    assert slot.refresh() == "swapped" and slot.problem == ""


def test_a_pointer_that_goes_back_to_what_serves_ends_the_problem(shelf, slot):
    slot.refresh()
    shelf.pointer, shelf.bad = "2", {"2"}
    slot.refresh()
    shelf.pointer = "1"
    assert slot.refresh() == "same" and slot.problem == ""


def test_what_was_promoted_while_opening_is_not_mixed_with_what_was_opened(shelf, slot):
    slot._open = lambda: setattr(shelf, "pointer", "2") or "model 1"
    assert slot.refresh() == "same" and slot.current is None


def test_nothing_built_is_no_failure(shelf, slot):
    shelf.pointer = ""
    assert slot.refresh() == "same" and slot.current is None and "isn't built" in slot.problem


def test_a_pointer_that_cannot_be_read_is_told_once(shelf, slot):
    slot.refresh()

    def unreadable():
        raise ArtifactError("CURRENT can't be read.")

    slot._version = unreadable
    assert [slot.refresh(), slot.refresh()] == ["failed", "same"] and slot.current.value == "model 1"


def test_what_was_never_built_is_no_failure_at_opening_either(shelf, slot):
    def unbuilt():
        raise NotBuiltError("A model", "train")

    opened, slot._open = slot._open, unbuilt
    assert slot.refresh() == "same" and "isn't built" in slot.problem
    slot._open, shelf.now = opened, 61.0
    assert slot.refresh() == "swapped" and slot.problem == ""
    shelf.pointer, slot._open = "2", unbuilt
    assert slot.refresh() == "failed" and slot.current.value == "model 1"
