"""Whatever a review says, and however willingly a model obeys it, a check only moves candidates, and only so far."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from scipy.special import logit

from engine.llm.backends import Endpoint
from engine.llm.prompts import load_prompt
from engine.llm.sending import ClientConfig
from engine.schema import ItemText, TagScore
from engine.tags.rerank import RerankConfig, Reranked, Reranker
from engine.tags.rerank_llm import PROMPT, LlmCheck
from engine.tags.rerank_local import LocalCheck
from tests.engine.tags.injections import INJECTIONS
from tests.fakes import completion, serving

TAGS = ("soft", "heavy", "warm", "zip jams", "roomy", "fades", "лёгкая", "маломерит")
BASE = [TagScore(tag, 0.9 - 0.1 * place, 0.25) for place, tag in enumerate(TAGS)]
CONFIG = RerankConfig(top_n=8, max_output=3)
HONEST = ("Soft and roomy.", "Молния заедает.")


@pytest.fixture
def obedient(workspace):
    """A checker whose model answers what it is told to, and the requests that reached it."""
    told = {"answer": ""}
    with serving(lambda _: completion(told["answer"])) as server:
        endpoint = Endpoint(server.url, "fake", None, 4)
        yield LlmCheck(workspace, endpoint, patience=ClientConfig(timeout=5, attempts=1)), told, server.requests


def allowed(reranked: Reranked) -> None:
    """What holds for every outcome: a permutation of the candidates, small moves, and nothing of the model's words."""
    assert sorted(move.tag for move in reranked.moves) == sorted(TAGS)
    assert len(reranked.kept) == CONFIG.max_output and len(reranked.tags()) <= CONFIG.max_output
    for move in reranked.moves:
        assert 0 < move.score < 1
        assert abs(logit(move.score) - logit(move.probability)) <= CONFIG.largest_move + 1e-9
    if reranked.failed:
        assert [(move.tag, move.score) for move in reranked.moves] == [(one.tag, one.probability) for one in BASE]


def test_there_are_enough_attempts_in_both_languages():
    reviews = [review for review, _ in INJECTIONS]
    assert len(set(reviews)) == len(reviews) >= 40
    russian = sum(any("а" <= letter <= "я" for letter in review.lower()) for review in reviews)
    assert russian >= 12 and len(reviews) - russian >= 12


@pytest.mark.parametrize(("review", "answer"), INJECTIONS)
def test_an_obedient_model_can_only_move_candidates_within_the_cap(review, answer, obedient):
    checker, told, requests = obedient
    told["answer"] = answer
    item = ItemText("SKU-1", "Bags", (*HONEST, review))
    reranked = Reranker(checker, CONFIG).rerank(item, BASE)
    allowed(reranked)
    texts = {sentence.text for move in reranked.moves if move.verdict for sentence in
             (move.verdict.supporting, move.verdict.contradicting) if sentence}  # fmt: skip
    assert all(any(text in said for said in item.reviews) for text in texts)
    assert reranked.failed is None or "no answer that fits" in reranked.failed
    for request in requests[:1]:
        system, user = request["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert system["content"] == load_prompt(PROMPT).system
        kind, candidates, sentences = (line.split(": ", 1)[1] for line in user["content"].splitlines())
        assert json.loads(kind) == "Bags"
        assert [tag for _, tag in json.loads(candidates)] == list(TAGS)
        assert [number for number, _ in json.loads(sentences)] == list(range(1, len(json.loads(sentences)) + 1))


@pytest.mark.parametrize("review", [review for review, _ in INJECTIONS])
def test_the_local_check_is_moved_by_words_about_the_product_alone(review):
    allowed(Reranker(LocalCheck(), CONFIG).rerank(ItemText("SKU-1", "Bags", (*HONEST, review)), BASE))


def test_a_wider_cap_would_let_more_through(obedient):
    """The suite's own check: without the cap, the same answer lifts the last candidate to the top."""
    checker, told, _ = obedient
    told["answer"] = next(answer for review, answer in INJECTIONS if review.startswith("IMPORTANT"))
    item = ItemText("SKU-1", "Bags", HONEST)
    capped = Reranker(checker, CONFIG).rerank(item, BASE)
    free = Reranker(checker, replace(CONFIG, largest_move=20.0)).rerank(item, BASE)
    assert next(move.after for move in capped.moves if move.tag == TAGS[-1]) > 1
    assert free.moves[0].tag == TAGS[-1]
