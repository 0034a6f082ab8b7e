from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from engine.errors import LlmError, SettingsError
from engine.llm.backends import Endpoint
from engine.llm.budget import Budget
from engine.llm.sending import ClientConfig
from engine.schema import ItemText, Sentence, TagScore
from engine.tags import rerank_llm
from engine.tags.evidence import item_sentences
from engine.tags.rerank import Check, RerankConfig, Reranker, Verdict
from engine.tags.rerank_llm import LlmCheck, chunk, merge
from engine.tags.rerank_local import LocalCheck
from tests.fakes import Reply, completion, failure, serving

ITEM = ItemText("SKU-1", "Shoes", ("Очень лёгкие. Не тёплые!", "Warm, but they run small."))
SCORES = [TagScore(tag, p, 0.3) for tag, p in (("a", 0.6), ("b", 0.5), ("c", 0.4), ("d", 0.35), ("e", 0.1))]
QUICK = ClientConfig(timeout=2.0, attempts=1)


class Says:
    """A checker that says what it is told to."""

    name = "script"

    def __init__(self, *verdicts: tuple[int, float], error: Exception | None = None) -> None:
        self.verdicts, self.error = verdicts, error

    def check(self, item, tags):
        if self.error:
            raise self.error
        return Check(tuple(Verdict(number, score) for number, score in self.verdicts), 0.5)


def reranked(*verdicts, item=ITEM, **config):
    return Reranker(Says(*verdicts), RerankConfig(**{"top_n": 4, "max_output": 2, **config})).rerank(item, SCORES)


def test_scores_move_log_odds_within_the_cap():
    moves = {move.tag: move for move in reranked((1, 0.5), (2, 0.6), (3, 1.0), (4, 0.0)).moves}
    assert moves["a"].score == pytest.approx(0.6)
    assert moves["b"].score == pytest.approx(expit(logit(0.5) + logit(0.6)))
    assert moves["c"].score == pytest.approx(expit(logit(0.4) + 1.5))
    assert moves["d"].score == pytest.approx(expit(logit(0.35) - 1.5))


def test_the_comparison_says_what_came_went_rose_and_fell():
    found = reranked((1, 0.4), (2, 0.7), (4, 1.0))
    assert [(move.tag, move.where) for move in found.compared] == [("d", "only B"), ("b", "same"), ("a", "only A")]
    swapped = reranked((1, 0.3), (2, 0.7))
    assert [(move.tag, move.where, move.before) for move in swapped.kept] == [("b", "up", 2), ("c", "only B", 3)]
    assert [(m.tag, m.where) for m in reranked((2, 0.7)).kept] == [("b", "up"), ("a", "down")]


def test_only_candidates_come_back_and_strange_verdicts_are_counted():
    found = reranked((0, 1.0), (5, 1.0), (-1, 1.0), (2, float("nan")), (2, 1.1), (3, 0.9), (3, 0.1))
    assert {move.tag for move in found.moves} == set("abcd")
    assert found.ignored == 6
    assert next(move.verdict for move in found.moves if move.tag == "c") == Verdict(3, 0.9)


def test_a_failed_check_leaves_the_taggers_list_and_its_reason():
    found = Reranker(Says(error=LlmError("The endpoint is gone.")), RerankConfig(4, 2)).rerank(ITEM, SCORES)
    assert found.failed == "The endpoint is gone."
    assert [(move.tag, move.score, move.where) for move in found.kept] == [("a", 0.6, "same"), ("b", 0.5, "same")]
    with pytest.raises(ZeroDivisionError):  # a bug is no failed check
        Reranker(Says(error=ZeroDivisionError())).rerank(ITEM, SCORES)


def test_without_reviews_nobody_is_asked():
    found = Reranker(Says(error=LlmError("asked"))).rerank(replace(ITEM, reviews=(" ",)), SCORES)
    assert found.failed is None and "no reviews" in found.check.note


def test_only_asserted_tags_come_out_unless_a_number_is_asked_for():
    found = reranked((1, 0.0), (2, 0.0), max_output=4)
    assert [tag for tag, _ in found.tags()] == ["c", "d"]
    assert [tag for tag, _ in found.tags(3)] == ["c", "d", "a"]


@pytest.mark.parametrize("config", [{"top_n": 0}, {"top_n": 51}, {"max_output": 0}, {"top_n": 3, "max_output": 4}])
def test_impossible_numbers_are_refused(config):
    with pytest.raises(SettingsError):
        RerankConfig(**config)


@pytest.mark.parametrize(
    ("tag", "sentence", "score"),
    [
        ("лёгкие", "Очень легкие кроссовки.", 2 / 3),
        ("лёгкие", "Совсем не лёгкие.", 1 / 3),
        ("мягкая подошва", "Подошва не мягкая, а жёсткая", 1 / 3),
        ("не тёплые", "Они не тёплые", 2 / 3),
        ("не тёплые", "Они тёплые", 1 / 3),
        ("small size", "Large size!", 1 / 3),
        ("doesn't fade", "It hasn't faded in a year", 2 / 3),
        ("fades", "It hasn't faded in a year", 1 / 3),
        ("warm", "Warm, but not breathable", 2 / 3),
        ("breathable", "Warm, but not breathable", 1 / 3),
        ("fits a laptop", "They don't fit a laptop", 1 / 3),
        ("zip jams", "Lovely colour", None),
        ("zip jams", "The zip is fine", None),
    ],
)
def test_the_local_check_reads_words_with_their_side(tag, sentence, score):
    found = LocalCheck().check(ItemText("", "Shoes", (f"Bought in May. {sentence}",)), ["other thing", tag]).verdicts
    if score is None:
        assert found == ()
        return
    (verdict,) = found
    assert (verdict.number, verdict.score) == (2, pytest.approx(score))
    shown = verdict.supporting if score > 0.5 else verdict.contradicting
    assert shown.text == sentence and (verdict.supporting is None) == (score < 0.5)


def test_the_local_check_counts_reviews_not_sentences():
    item = ItemText("", "Shoes", ("Warm. Warm. Warm.", "Not warm.", "So warm"))
    (verdict,) = LocalCheck().check(item, ["warm"]).verdicts
    assert verdict.score == pytest.approx(3 / 5)


def test_an_encoder_adds_sentences_near_in_meaning_and_never_overrules_a_denial():
    def encode(texts):
        return np.array([[1.0, 0.0] if "warm" in text or "toasty" in text else [0.0, 1.0] for text in texts])

    item = ItemText("", "Shoes", ("toasty feet", "not warm at all", "blue"))
    (verdict,) = LocalCheck(encode).check(item, ["warm"]).verdicts
    assert verdict.score == 1 / 2
    assert (verdict.supporting.text, verdict.contradicting.text) == ("toasty feet", "not warm at all")


@pytest.fixture
def asking(workspace):
    """Make a checker for a server that follows a script."""
    servers = []

    def make(script, **more):
        server = serving(script)
        servers.append(server)
        return LlmCheck(workspace, Endpoint(server.__enter__().url, "fake", None, 4), patience=QUICK, **more)

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def says(*rows):
    keys = ("number", "score", "sentence")
    return lambda _: completion({"candidates": [dict(zip(keys, row, strict=True)) for row in rows]})


def test_the_llm_moves_candidates_and_its_reason_is_a_sentence_of_the_reviews(asking):
    found = Reranker(asking(says((3, 0.9, 1), (1, 0.1, 2), (2, 0.5, None)))).rerank(ITEM, SCORES)
    moves = {move.tag: move for move in found.moves}
    assert found.failed is None and found.checker == "LLM fake" and not found.check.cached
    assert moves["c"].verdict.supporting.text == "Очень лёгкие."
    assert moves["a"].verdict.contradicting == Sentence(0, 14, 24, "Не тёплые!")
    assert moves["b"].verdict.supporting is None
    assert "Очень лёгкие." in found.check.prompt and '[1, "a"]' in found.check.prompt


def test_an_answer_is_kept_and_said_to_be(asking):
    checker = asking(says((1, 1, 1)))
    first, second = (Reranker(checker).rerank(ITEM, SCORES) for _ in range(2))
    assert (first.check.cached, second.check.cached) == (False, True)
    assert first.moves == second.moves


def test_it_can_be_asked_inside_a_running_event_loop(asking):
    reranker = Reranker(asking(says((3, 0.9, 1))))

    async def inside():
        return reranker.rerank(ITEM, SCORES)

    found = asyncio.run(inside())
    assert found.failed is None and not found.check.cached
    assert found.moves == reranker.rerank(ITEM, SCORES).moves


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (lambda _: failure(401, "bad key"), "check OPENAI_BASE_URL"),
        (lambda _: failure(500), "didn't answer in 1 tries"),
        (lambda _: completion("soft, warm"), "no answer that fits"),
        (lambda _: completion({"candidates": [], "extra": 1}), "no answer that fits"),
        (lambda _: completion({"candidates": []}, cut=True), "didn't answer"),
        (lambda _: Reply(b"<html>"), "didn't answer"),
    ],
)
def test_whatever_goes_wrong_the_base_list_stays_with_a_reason(asking, script, said):
    found = Reranker(asking(script)).rerank(ITEM, SCORES)
    assert said in found.failed
    assert [move.tag for move in found.moves] == [score.tag for score in SCORES]


def test_no_server_no_time_and_no_budget_are_failures_too(workspace, asking):
    gone = LlmCheck(workspace, Endpoint("http://127.0.0.1:9/v1", "fake", None, 1), patience=QUICK)
    slow = asking(lambda _: completion({"candidates": []}, delay=0.6), deadline=0.2)
    poor = asking(says(), budget=Budget(10))
    for checker, said in ((gone, "didn't answer"), (slow, "more than 0.2 seconds"), (poor, "budget of 10 tokens")):
        assert said in Reranker(checker).rerank(ITEM, SCORES).failed


def test_long_reviews_go_in_parts_whose_scores_are_averaged(asking, monkeypatch):
    monkeypatch.setattr(rerank_llm, "CHUNK_TOKENS", 60)
    item = ItemText("", "Shoes", tuple(f"Review number {n} about many different things." for n in range(40)))
    parts = chunk(item_sentences(item))
    assert len(parts) == rerank_llm.MOST_CHUNKS
    numbers = [number for part in parts for number, _ in part]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) < 40
    found = Reranker(asking(says((1, 0.8, numbers[-1])))).rerank(item, SCORES)
    assert found.check.note == f"The first {len(numbers)} of 40 sentences were read."
    assert found.moves[0].verdict.supporting.text == item.reviews[len(numbers) - 1]
    assert merge([[Verdict(1, 1.0), Verdict(1, 0.0)], [Verdict(1, 0.5)], []]) == (Verdict(1, 0.75),)
