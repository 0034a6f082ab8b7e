"""Who makes tags of reviews: the contract, and the maker that asks an LLM (the embedded one is in extract.py)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from engine.llm.budget import estimate_tokens
from engine.llm.client import LlmClient
from engine.llm.prompts import load_prompt
from engine.schema import ItemText
from engine.tags.pool.polarity import signature
from engine.tags.pool.quality import Cleaned, clean, content

CHUNK_TOKENS = 3000  # reviews that go into one question
MAX_CHUNKS = 20  # of one SKU; reviews beyond them are not read


class TagMaker(Protocol):
    """Makes the tags of one SKU at a time."""

    @property
    def source(self) -> str:
        """The source that its tags have in the tags table."""
        ...

    @property
    def id(self) -> str:
        """What made the tags, to the version: another id means that they are made again."""
        ...

    @property
    def at_once(self) -> int:
        """How many SKUs it works on at the same time."""
        ...

    async def tags(self, item: ItemText) -> Cleaned:
        """The tags of `item`, best first. Raises LlmError and its kinds."""
        ...

    async def close(self) -> None:
        """Let go of connections, in the event loop that used them."""
        ...


class LlmTags:
    """Asks an LLM, one question per chunk of reviews; tags that more chunks support come first."""

    source = "llm"

    def __init__(self, client: LlmClient) -> None:
        self._client, self._prompt = client, load_prompt("generate_tags")

    @property
    def id(self) -> str:
        """The prompt's version and the model."""
        return f"{self._prompt.id} {self._client.endpoint.model}"

    @property
    def at_once(self) -> int:
        """As many as the endpoint may be asked."""
        return self._client.endpoint.concurrent

    async def tags(self, item: ItemText) -> Cleaned:
        """The cleaned tags of all chunks together."""
        said = []
        for chunk in chunk_reviews(item.reviews, tokens=CHUNK_TOKENS)[:MAX_CHUNKS]:
            answer = await self._client.ask(self._prompt, {"category": item.category, "reviews": chunk})
            said.append([str(tag) for tag in answer.value["tags"]])
        return merge(said)

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.close()


def merge(said: Sequence[Sequence[str]]) -> Cleaned:
    """One list of tags from several: by how many lists say a tag, then by its place in them."""
    cleaned = [clean(tags) for tags in said]
    places = [
        (place, tag, (frozenset(content(tag)), signature(tag)))
        for part in cleaned
        for place, tag in enumerate(part.tags)
    ]
    lists, forms = Counter(meaning for _, _, meaning in places), Counter(tag for _, tag, _ in places)
    ranked = sorted((-lists[meaning], -forms[tag], place, tag) for place, tag, meaning in places)
    merged = clean(tag for *_, tag in ranked)
    merged.dropped.pop("is there already", None)  # said by another chunk, which is no fault
    return Cleaned(merged.tags, merged.dropped + sum((part.dropped for part in cleaned), Counter()))


def chunk_reviews(reviews: Sequence[str], *, tokens: int) -> list[list[str]]:
    """`reviews` in order, in lists of about `tokens` tokens at most; a longer review is cut into pieces."""
    chunks: list[list[str]] = []
    room = 0
    for review in reviews:
        for piece in _pieces(review, tokens):
            size = estimate_tokens(piece) + 2  # quotes and comma
            if size > room or not chunks:
                chunks.append([])
                room = tokens
            chunks[-1].append(piece)
            room -= size
    return chunks


def _pieces(review: str, tokens: int) -> list[str]:
    """`review` in equal pieces of `tokens` tokens at most; only as many as can be asked about."""
    head = review[: 3 * tokens * MAX_CHUNKS]
    count = math.ceil(estimate_tokens(head) / max(1, tokens - 2)) if head.strip() else 0
    length = math.ceil(len(head) / max(1, count))
    return [tidy_space(head[start : start + length]) for start in range(0, len(head), length)] if count else []


def tidy_space(text: str) -> str:
    """`text` without control characters and runs of white space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
