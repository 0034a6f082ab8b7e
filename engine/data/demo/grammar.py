"""Small template grammar: `[a|b|]` picks one alternative (they nest), `{name}` is filled from slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Node = tuple["str | tuple[Node, ...]", ...]
"""A parsed template: texts, and tuples of alternatives, each of them a parsed template again."""
BLOCK = 1 << 14


class Dice:
    """Scalar draws from a numpy Generator, taken in blocks: a hundred thousand single calls would be slow."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._block, self._next = rng, rng.random(BLOCK).tolist(), 0

    def unit(self) -> float:
        """A number in [0, 1)."""
        if self._next == BLOCK:
            self._block, self._next = self._rng.random(BLOCK).tolist(), 0
        self._next += 1
        return float(self._block[self._next - 1])

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.unit() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return options[int(self.unit() * len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of `options`, as likely as its weight; the weights need not sum to one."""
        left = self.unit() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def normal(self) -> float:
        """Nearly standard normal: the sum of twelve uniforms less six."""
        return sum(self.unit() for _ in range(12)) - 6


@cache
def parse(template: str) -> Node:
    """The parsed form of a template. Raises ValueError for brackets that don't match."""
    node, rest = _parse(template, 0, depth=0)
    if rest != len(template):
        raise ValueError(f"unbalanced brackets in template {template!r}")
    return node


def expand(template: str, slots: Mapping[str, str], dice: Dice) -> str:
    """One text that the template stands for."""
    text = _choose(parse(template), dice)
    return text.format_map(slots) if "{" in text else text


def _choose(node: Node, dice: Dice) -> str:
    return "".join(part if isinstance(part, str) else _choose(dice.pick(part), dice) for part in node)


def _parse(template: str, position: int, *, depth: int) -> tuple[Node, int]:
    """Parse up to the end, or to the `|` or `]` that ends this alternative; returns the place after what was read."""
    parts: list[str | tuple[Node, ...]] = []
    start = position
    while position < len(template):
        character = template[position]
        if depth and character in "|]":
            break
        if character == "[":
            parts.append(template[start:position])
            options, position = _alternatives(template, position + 1, depth + 1)
            parts.append(options)
            start = position
        else:
            position += 1
    parts.append(template[start:position])
    return tuple(part for part in parts if part), position


def _alternatives(template: str, position: int, depth: int) -> tuple[tuple[Node, ...], int]:
    options: list[Node] = []
    while True:
        option, position = _parse(template, position, depth=depth)
        options.append(option)
        if position >= len(template):
            raise ValueError(f"unbalanced brackets in template {template!r}")
        position += 1
        if template[position - 1] == "]":
            return tuple(options), position
