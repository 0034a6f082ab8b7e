"""Judges that a scripted server of the OpenAI kind answers with: no model, but the best and the worst of them.

"faithful" knows which sentences of the demo store express which tag and scores every candidate by them alone, "random"
scores each candidate as a die falls. What reranking gains with the one and loses with the other bounds what it can do
with any model.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.schema import ItemText
from engine.tags.evidence import item_sentences
from engine.tags.pool.makers import tidy_space
from engine.workspace import Workspace
from tests.fakes import Reply, completion

Verdicts = list[dict[str, Any]]
Numbered = Sequence[tuple[int, str]]
Judge = Callable[[Numbered, Numbered], Verdicts]
Known = Mapping[str, Mapping[str, int]]
ASKED = re.compile(r"Candidates: (?P<candidates>\[.*\])\nSentences: (?P<sentences>\[.*\])", re.DOTALL)


def known_sentences(workspace: Workspace, items: Sequence[ItemText]) -> Known:
    """Each sentence of `items` that expresses tags: 1 for those it speaks for, -1 for those it speaks against."""
    reviews = workspace.read("reviews", ["review_id", "item_id"])
    place = dict(zip(reviews["review_id"], reviews.groupby("item_id").cumcount(), strict=True))
    spans: dict[tuple[str, int], list[tuple[int, int, str, int]]] = {}
    for row in workspace.read("mentions").itertuples():
        spans.setdefault((row.item_id, place[row.review_id]), []).append((row.start, row.end, row.tag, row.polarity))
    found: dict[str, dict[str, int]] = {}
    for item in items:
        for sentence in item_sentences(item):
            for start, end, tag, polarity in spans.get((item.item_id, sentence.review), ()):
                if start < sentence.end and end > sentence.start:
                    found.setdefault(tidy_space(sentence.text), {})[tag] = polarity
    return found


def faithful(known: Known) -> Judge:
    """Scores a candidate by the share of speaking sentences that speak for it; leaves out what none speaks about."""

    def judge(candidates: Numbered, sentences: Numbered) -> Verdicts:
        answer = []
        for number, tag in candidates:
            sides = {at: known[text][tag] for at, text in sentences if tag in known.get(text, ())}
            if sides:
                score = sum(side > 0 for side in sides.values()) / len(sides)
                decides = next((at for at, side in sides.items() if (side > 0) == (score >= 1 / 2)), None)
                answer.append({"number": number, "score": score, "sentence": decides})
        return answer

    return judge


def by_chance(seed: int) -> Judge:
    """Scores every candidate anywhere from 0 to 1."""
    rng = random.Random(seed)

    def judge(candidates: Numbered, sentences: Numbered) -> Verdicts:
        return [{"number": n, "score": rng.random(), "sentence": rng.choice(sentences)[0]} for n, _ in candidates]

    return judge


@dataclass
class Script:
    """Answers requests as `judge` does; `seconds` is what that took."""

    judge: Judge
    seconds: float = 0.0
    asked: int = field(default=0)

    def __call__(self, body: dict[str, Any]) -> Reply:
        """The completion that a request gets."""
        started = time.perf_counter()
        asked = ASKED.search(body["messages"][1]["content"])
        assert asked is not None, "the prompt has another layout than this script reads"
        candidates, sentences = (json.loads(asked[part]) for part in ("candidates", "sentences"))
        reply = completion({"candidates": self.judge(candidates, sentences)})
        self.seconds += time.perf_counter() - started
        self.asked += 1
        return reply
