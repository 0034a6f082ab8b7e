from __future__ import annotations

import asyncio

import pytest

from engine.serve.batches import MOST, Batches


class Kitchen:
    """Makes what is asked for when it is told to go on; "bad" can't be made."""

    def __init__(self) -> None:
        self.made, self.go = list[list[str]](), asyncio.Event()

    async def make(self, kind: str, asked: list[str]) -> list[str | Exception]:
        self.made.append(list(asked))
        await self.go.wait()
        return [ValueError(one) if one == "bad" else f"{kind} {one}" for one in asked]


def test_what_comes_meanwhile_is_made_together_and_each_gets_their_own():
    async def story():
        kitchen = Kitchen()
        batches = Batches(kitchen.make)
        first = asyncio.create_task(batches.ask("list", "a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = [asyncio.create_task(batches.ask("list", name)) for name in "bcd"]
        other = asyncio.create_task(batches.ask("soup", "e"))
        await asyncio.sleep(0.01)
        kitchen.go.set()
        assert await asyncio.gather(first, *later, other) == ["list a", "list b", "list c", "list d", "soup e"]
        assert kitchen.made == [["a"], ["e"], ["b", "c", "d"]] and batches._waiting == {}

    asyncio.run(story())


def test_one_that_fails_fails_alone_and_one_that_gave_up_is_not_made():
    async def story():
        kitchen = Kitchen()
        batches = Batches(kitchen.make)
        first = asyncio.create_task(batches.ask("list", "a"))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(batches.ask("list", name)) for name in ("b", "bad", "gone")]
        await asyncio.sleep(0.01)
        rest[2].cancel()
        await asyncio.sleep(0)
        kitchen.go.set()
        assert await first == "list a" and await rest[0] == "list b"
        with pytest.raises(ValueError, match="bad"):
            await rest[1]
        assert kitchen.made[1] == ["b", "bad"]

    asyncio.run(story())


def test_a_batch_has_an_end():
    async def story():
        kitchen = Kitchen()
        kitchen.go.set()
        batches = Batches(kitchen.make)
        await asyncio.gather(*(batches.ask("list", str(n)) for n in range(MOST + 5)))
        assert sorted(map(len, kitchen.made)) == [5, MOST]

    asyncio.run(story())


def test_a_kitchen_that_burns_is_told_to_everybody():
    async def story():
        async def burn(kind, asked):
            raise RuntimeError("fire")

        with pytest.raises(RuntimeError, match="fire"):
            await Batches(burn).ask("list", "a")

    asyncio.run(story())
