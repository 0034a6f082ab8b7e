import json

import pytest

from engine.llm.backends import Endpoint
from engine.llm.budget import Budget
from engine.llm.client import LlmClient
from engine.llm.sending import ClientConfig
from engine.progress import Progress
from engine.search.asking import Asked, AskOptions, Form, ask_all
from engine.search.building import build_documents
from engine.search.documents import read_documents
from engine.search.extraction import ask_keywords, extract_keywords
from engine.search.keyword_store import read_keywords
from engine.search.review_splits import split_reviews
from engine.search.summaries import ask_summaries
from engine.state import State
from tests.fakes import completion, failure, serving
from tests.reviewed import make_reviewed

PATIENCE = ClientConfig(timeout=5, attempts=2, first_wait=0.01, longest_wait=0.02)
FORM = Form("extract_keywords", "reviews", "reviews", lambda entry: [str(word) for word in entry["why"]])


def shown(body):
    """The numbered things of a question."""
    said = body["messages"][1]["content"]
    return json.loads(said[said.index("[") :])


def answering(entry, name="reviews"):
    return lambda body: completion({name: [{"number": n, **entry(text)} for n, text in shown(body)]})


def keywords_of(text):
    return {"who": ["for mom"], "when": [], "why": [text.split()[0].lower() + " strap", "great product"]}


def client(server, state, **budget):
    return LlmClient(Endpoint(server.url, "fake", None, 2), state, PATIENCE, Budget(**budget))


def things(n):
    return [Asked(f"R{i}", f"f{i}", [f"word{i}"]) for i in range(n)]


def ask(server, state, n=7, **options):
    progress = Progress(state, "test")
    report = ask_all(client(server, state), FORM, things(n), progress, options=AskOptions(**options))
    return report, progress.results({thing.id: thing.fingerprint for thing in things(n)})


@pytest.fixture
def state(workspace):
    with State.open(workspace) as opened:
        yield opened


def test_several_are_asked_about_in_one_question_and_never_again(state):
    with serving(answering(lambda text: {"who": [], "when": [], "why": [text]})) as server:
        report, results = ask(server, state, batch=3)
        assert (report.done, report.left, len(server.requests)) == (7, 0, 3)
        assert results == {f"R{i}": [f"word{i}"] for i in range(7)}
        report, _ = ask(server, state, n=8, batch=3)
        assert (report.done, report.before, len(server.requests)) == (1, 7, 4)


def test_only_the_first_are_asked_about(state):
    with serving(answering(lambda text: {"who": [], "when": [], "why": []})) as server:
        report, results = ask(server, state, most=4)
    assert (report.done, set(results)) == (4, {"R0", "R1", "R2", "R3"})


def test_what_an_answer_leaves_out_is_asked_about_alone(state):
    def script(body):
        entries = [{"number": n, "who": [], "when": [], "why": [text]} for n, text in shown(body)]
        return completion({"reviews": entries[-1:]})

    with serving(script) as server:
        report, results = ask(server, state, n=3)
    assert (report.done, len(results), len(server.requests)) == (3, 3, 3)


def test_one_that_fails_is_named_and_not_asked_again_until_reset(state):
    def script(body):
        if len(shown(body)) > 1 or shown(body)[0][1] == "word1":
            return completion("no")
        return completion({"reviews": [{"number": 1, "who": [], "when": [], "why": []}]})

    with serving(script) as server:
        report, _ = ask(server, state, n=3)
        assert (report.done, list(report.failed), report.left) == (2, ["R1"], 0)
        asked = len(server.requests)
        report, _ = ask(server, state, n=3)
        assert (report.done, list(report.failed), len(server.requests)) == (0, ["R1"], asked)
        server.script = answering(lambda text: {"who": [], "when": [], "why": []})
        report, _ = ask(server, state, n=3, reset_failed=True)
    assert (report.done, report.failed) == (1, {})


def test_a_used_up_budget_and_a_dead_endpoint_stop_with_what_is_done(state):
    progress = Progress(state, "test")
    with serving(answering(lambda text: {"who": [], "when": [], "why": []})) as server:
        poor = LlmClient(Endpoint(server.url, "fake", None, 1), state, PATIENCE, Budget(limit=2500))
        report = ask_all(poor, FORM, things(40), progress, options=AskOptions(batch=2))
        assert 0 < report.done < 40 and report.left == 40 - report.done and "budget" in (report.stopped or "")
    others = [Asked(f"N{i}", "f", [f"other{i}"]) for i in range(60)]
    with serving(lambda body: failure(500)) as server:
        report = ask_all(client(server, state), FORM, others, Progress(state, "other"), options=AskOptions(batch=2))
    assert report.done == 0 and report.left == 60 and "didn't answer" in (report.stopped or "")


def test_the_models_keywords_are_used_and_the_others_are_embedded(workspace, state):
    make_reviewed(workspace)
    split_reviews(workspace)
    with serving(answering(keywords_of)) as server:
        report = ask_keywords(workspace, state, client(server, state), "train", options=AskOptions(most=3))
    assert report.done == 3
    extract_keywords(workspace, "train", model="fake")
    said = {row.review_id: row.keywords for row in read_keywords(workspace, "train")}
    assert said["R0"].who == ("for mom",) and said["R0"].why == ("bought strap",)  # without "great product"
    assert said["R5"].who == ("for a baby",)
    extract_keywords(workspace, "train")
    assert next(read_keywords(workspace, "train")).keywords.why != ("bought strap",)


def test_the_models_summaries_are_used_until_the_description_changes(workspace, state):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    script = answering(lambda text: {"phrases": ["laptop bag.", "everyday <b>canvas</b>"]}, "summaries")
    with serving(script) as server:
        report = ask_summaries(workspace, state, client(server, state))
        assert (report.done, len(server.requests)) == (1, 1)
        assert ask_summaries(workspace, state, client(server, state)).before == 1
    build_documents(workspace)
    assert read_documents(workspace).document(0).summary == "laptop bag, everyday canvas"
    items = workspace.read("items")
    items.loc[0, "description"] = "Another description altogether. " * 5
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
    build_documents(workspace)
    assert read_documents(workspace).document(0).summary.startswith("Another description")


def test_hostile_answers_are_no_keywords(state):
    with serving(lambda body: completion('{"reviews": [{"number": 1, "who": [{}], "when": [], "why": []}]}')) as server:
        report, results = ask(server, state, n=1)
    assert results == {} and list(report.failed) == ["R0"]
