"""Who names a cluster of tags: its most frequent member does, or an LLM, which may refuse to merge some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.errors import AnswerError
from engine.llm.client import LlmClient
from engine.llm.prompts import load_prompt

MOST_SHOWN = 40  # members of one cluster that a model is asked about
Cluster = tuple[str, tuple[str, ...]]  # a name, which is a member, and all members


class Namer(Protocol):
    """Names clusters."""

    @property
    def id(self) -> str:
        """Who named, to the version."""
        ...

    async def name(self, category: str, members: Mapping[str, int]) -> list[Cluster]:
        """One cluster with its name, or several where not all `members` (with their counts) are the same.

        Every member is in exactly one cluster.
        """
        ...


def most_usual(members: Mapping[str, int]) -> str:
    """The member with the highest count; of equals the shortest, then the alphabetically first."""
    return min(members, key=lambda tag: (-members[tag], len(tag), tag))


class UsualNamer:
    """The embedded way: the most frequent member is the name, and nothing is refused."""

    id = "most frequent member"

    async def name(self, category: str, members: Mapping[str, int]) -> list[Cluster]:
        """One cluster."""
        return [(most_usual(members), tuple(members))]


class LlmNamer:
    """Asks an LLM for the numbers of the members that are the same, and of the one that names them."""

    def __init__(self, client: LlmClient) -> None:
        self._client, self._prompt = client, load_prompt("name_cluster")

    @property
    def id(self) -> str:
        """The prompt's version and the model."""
        return f"{self._prompt.id} {self._client.endpoint.model}"

    async def name(self, category: str, members: Mapping[str, int]) -> list[Cluster]:
        """Its members in one cluster, those that it leaves out each in their own.

        An answer that can't be used even after a repair refuses the merge: tags stay apart rather than wrongly joined.
        """
        listed = sorted(members, key=lambda tag: (-members[tag], tag))[:MOST_SHOWN]
        shown = [{"number": number, "tag": tag, "products": members[tag]} for number, tag in enumerate(listed, 1)]
        try:
            answer = await self._client.ask(self._prompt, {"category": category, "tags": shown})
        except AnswerError:
            return [(tag, (tag,)) for tag in members]
        name, same = _chosen(answer.value, listed)
        apart = [tag for tag in members if tag not in same]
        return [(name, tuple(same)), *((tag, (tag,)) for tag in apart)]


def _chosen(answer: Mapping[str, Any], listed: Sequence[str]) -> tuple[str, list[str]]:
    """The name and the members that an answer's numbers stand for; numbers of nothing are passed over."""
    numbers = [number for number in dict.fromkeys(answer["same"]) if 1 <= number <= len(listed)]
    if not 1 <= answer["name"] <= len(listed):
        return listed[0], [listed[0]]
    same = [listed[number - 1] for number in dict.fromkeys([answer["name"], *numbers])]
    return same[0], same
