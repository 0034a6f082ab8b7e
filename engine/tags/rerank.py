"""A second look at a tagger's best tags: each is checked against the reviews, and moves a little up or down.

Whoever checks (rerank_local.py, rerank_llm.py) answers with candidate numbers and scores. What that may do is decided
here alone: a number that is no candidate's is left out, so no tag can come in; a score shifts the candidate's log-odds
by `largest_move` at most; and a check that fails leaves the tagger's own list, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from scipy.special import expit, logit

from engine.errors import SettingsError, ShelfwiseError
from engine.schema import ItemText, Sentence, TagScore

MOST_CANDIDATES = 50
EDGE = 1e-6
Where = Literal["up", "down", "same", "only A", "only B", ""]


@dataclass(frozen=True)
class RerankConfig:
    """How far a check may go.

    top_n:        how many of the tagger's most probable tags are checked (1 to 50)
    max_output:   how many tags are left after it
    largest_move: the most that a tag's log-odds may change; 1.5 is odds times 4.5, from 30 % to 66 % or to 9 %
    """

    top_n: int = 20
    max_output: int = 5
    largest_move: float = 1.5

    def __post_init__(self) -> None:
        if not 1 <= self.top_n <= MOST_CANDIDATES:
            raise SettingsError(f"Rerank the top {self.top_n}? It must be a number from 1 to {MOST_CANDIDATES}.")
        if not 1 <= self.max_output <= self.top_n:
            raise SettingsError(f"Keep {self.max_output} after a rerank? It must be from 1 to the top {self.top_n}.")


@dataclass(frozen=True)
class Verdict:
    """What the reviews say of candidate `number` (from 1): 1 they support it, 0 they contradict it, 0.5 neither.

    supporting, contradicting: the strongest sentence of each kind, where there is one.
    """

    number: int
    score: float
    supporting: Sentence | None = None
    contradicting: Sentence | None = None


@dataclass(frozen=True)
class Check:
    """The verdicts of one check, on candidates that the reviews speak about.

    cached: nothing was asked anew; seconds: how long it took; prompt: what was asked, empty where nobody is asked;
    note: what of the reviews was left unread, in words; recorded: whose recorded answer it is, in words, empty for an
    answer to this very asking.
    """

    verdicts: tuple[Verdict, ...]
    seconds: float
    cached: bool = False
    prompt: str = ""
    note: str = ""
    recorded: str = ""


class Checker(Protocol):
    """Checks candidates against the reviews of one SKU."""

    @property
    def name(self) -> str:
        """Who checks, in words for the screen."""
        ...

    def check(self, item: ItemText, tags: Sequence[str]) -> Check:
        """What the reviews of `item` say of each of `tags`, by number from 1. Raises a ShelfwiseError."""
        ...


@dataclass(frozen=True)
class Move:
    """One candidate: the tagger's probability and place, and both after the check.

    score is the shifted probability, no longer a calibrated one; places count from 1 among all candidates; `where`
    compares the tagger's first `max_output` tags (A) with the reranked ones (B), empty for a tag in neither.
    """

    tag: str
    probability: float
    threshold: float
    score: float
    before: int
    after: int
    where: Where
    verdict: Verdict | None = None

    @property
    def asserted(self) -> bool:
        """Whether the shifted score reaches the tag's threshold."""
        return self.score >= self.threshold


@dataclass(frozen=True)
class Reranked:
    """The candidates in their new order, and how the check went.

    ignored: verdicts that fit no candidate and were left out; failed: why there was no check, None when there was
    one; then every candidate stands where the tagger put it.
    """

    moves: tuple[Move, ...]
    checker: str
    config: RerankConfig
    check: Check = field(default_factory=lambda: Check((), 0.0))
    ignored: int = 0
    failed: str | None = None

    @property
    def kept(self) -> tuple[Move, ...]:
        """The first `max_output` candidates in the new order."""
        return self.moves[: self.config.max_output]

    def tags(self, top_k: int | None = None) -> list[tuple[str, float]]:
        """(tag, score) of the kept candidates: those asserted, or the first `top_k`."""
        chosen = [move for move in self.kept if move.asserted] if top_k is None else self.kept[:top_k]
        return [(move.tag, move.score) for move in chosen]

    @property
    def compared(self) -> tuple[Move, ...]:
        """The kept ones, then those that only the tagger's own list holds."""
        return (*self.kept, *(move for move in self.moves if move.where == "only A"))


@dataclass(frozen=True)
class Reranker:
    """A checker and how far it may go."""

    checker: Checker
    config: RerankConfig = field(default_factory=RerankConfig)

    def rerank(self, item: ItemText, scores: Sequence[TagScore]) -> Reranked:
        """The first `top_n` of `scores`, which are ordered, after a check against the item's reviews.

        A check that fails is told in `failed`; it raises nothing that a person can't do something about.
        """
        candidates = scores[: self.config.top_n]
        if not candidates or not any(review.strip() for review in item.reviews):
            note = "There are no reviews to check against." if candidates else "There is no tag to check."
            return Reranked(self._moves(candidates, {}), self.checker.name, self.config, Check((), 0.0, note=note))
        try:
            check = self.checker.check(item, [score.tag for score in candidates])
        except ShelfwiseError as error:
            return Reranked(self._moves(candidates, {}), self.checker.name, self.config, failed=str(error))
        verdicts = _valid(check.verdicts, len(candidates))
        ignored = len(check.verdicts) - len(verdicts)
        return Reranked(self._moves(candidates, verdicts), self.checker.name, self.config, check, ignored)

    def _moves(self, candidates: Sequence[TagScore], verdicts: Mapping[int, Verdict]) -> tuple[Move, ...]:
        """The candidates by their shifted scores; equal ones stay in the tagger's order."""
        shifted = [
            _shift(candidate.probability, verdicts.get(number), self.config.largest_move)
            for number, candidate in enumerate(candidates, start=1)
        ]
        order = sorted(range(len(candidates)), key=lambda at: -shifted[at])
        return tuple(
            Move(
                candidates[at].tag,
                candidates[at].probability,
                candidates[at].threshold,
                shifted[at],
                before=at + 1,
                after=after,
                where=_where(at + 1, after, self.config.max_output),
                verdict=verdicts.get(at + 1),
            )
            for after, at in enumerate(order, start=1)
        )


def _valid(verdicts: Iterable[Verdict], n_candidates: int) -> dict[int, Verdict]:
    """The first verdict on each candidate; numbers that are no candidate's and scores outside 0 to 1 are left out."""
    found: dict[int, Verdict] = {}
    for verdict in verdicts:
        if 1 <= verdict.number <= n_candidates and math.isfinite(verdict.score) and 0 <= verdict.score <= 1:
            found.setdefault(verdict.number, verdict)
    return found


def _shift(probability: float, verdict: Verdict | None, largest: float) -> float:
    """The probability with its log-odds moved by those of the verdict's score, within the cap."""
    if verdict is None:
        return probability
    move = min(max(float(logit(min(max(verdict.score, EDGE), 1 - EDGE))), -largest), largest)
    return float(expit(logit(min(max(probability, EDGE), 1 - EDGE)) + move))


def _where(before: int, after: int, kept: int) -> Where:
    if before > kept or after > kept:
        return "only A" if before <= kept else "only B" if after <= kept else ""
    return "same" if after == before else "up" if after < before else "down"
