"""Recorded answers: only to the same question, told from a workspace's own, and never taken from a file unchecked."""

import json
from dataclasses import replace

import pytest

from engine.data.demo.store import ANSWERS
from engine.errors import DataError, LlmError
from engine.llm.answers import Answers
from engine.llm.backends import Endpoint
from engine.llm.prompts import load_prompt
from engine.llm.recorded import MODEL, STAND_IN, Recording, load_answers, recorded_answer, recordings, save_answers
from engine.schema import ItemText
from engine.state import State
from engine.tags.rerank_llm import LlmCheck, RecordedCheck, llm_checker
from engine.workspace import new_workspace
from tests.fakes import completion, serving

ITEM = ItemText("SKU-1", "Bags", ("The zip jams.", "Roomy, and light."))
SAID = {"candidates": [{"number": 1, "score": 1.0, "sentence": 1}]}


@pytest.fixture
def recording(workspace, tmp_path):
    """A file with what "said-1" answered about ITEM."""
    with serving(lambda _: completion(SAID)) as server:
        LlmCheck(workspace, Endpoint(server.url, "said-1", None, 1)).check(ITEM, ["zip jams", "roomy"])
    with State.open(workspace) as state:
        assert save_answers(state, tmp_path / "answers.json", MODEL) == 1
    return tmp_path / "answers.json"


@pytest.fixture
def other(home, monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_TOKEN", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return new_workspace(home, "other")


def taken_over(workspace, file):
    with State.open(workspace) as state:
        return load_answers(state, file)


def test_a_recorded_answer_is_given_to_the_same_question_and_names_who_gave_it(recording, other):
    assert taken_over(other, recording) == 1 and taken_over(other, recording) == 1
    checker = llm_checker(other)
    found = checker.check(ITEM, ["zip jams", "roomy"])
    assert checker.name == "LLM said-1" and found.recorded.startswith("recorded answer of said-1, 20")
    assert found.verdicts[0].supporting.text.strip() == "The zip jams." and "zip jams" in found.prompt
    for item, tags in ((ITEM, ["roomy", "zip jams"]), (replace(ITEM, reviews=("The zip jams!",)), ["zip jams"])):
        with pytest.raises(LlmError, match="nothing was recorded for this SKU"):
            checker.check(item, tags)


def test_a_stand_in_is_never_called_a_model(recording, other):
    recording.write_text(recording.read_text().replace('"by": "model"', '"by": "stand-in"'))
    taken_over(other, recording)
    checker = llm_checker(other)
    assert isinstance(checker, RecordedCheck) and "stand-in" in checker.name
    assert "no model was asked" in checker.check(ITEM, ["zip jams", "roomy"]).recorded


def test_live_asking_takes_no_recorded_answer_for_its_own(recording, other):
    taken_over(other, recording)
    with serving(lambda _: completion(SAID)) as server:
        live = LlmCheck(other, Endpoint(server.url, "said-1", None, 1)).check(ITEM, ["zip jams", "roomy"])
    assert not live.cached and not live.recorded and len(server.requests) == 1
    with State.open(other) as state:
        assert recordings(state, "check_tags@1") == []  # its own answer stands there now


def test_without_recordings_nobody_answers(other):
    with pytest.raises(LlmError, match="No LLM is set up"):
        llm_checker(other).check(ITEM, ["roomy"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: "{", "isn't JSON"),
        (lambda file: "[]", "no recording"),
        (lambda file: json.dumps({**file, "by": "a friend"}), "no recording"),
        (lambda file: json.dumps({**file, "answers": [{"key": "x"}]}), "Answer 1 isn't one"),
        (lambda file: json.dumps(with_answer(file, key="../x")), "Answer 1 isn't one"),
        (lambda file: json.dumps(with_answer(file, prompt="../secret@1")), "Answer 1 isn't one"),
        (lambda file: json.dumps(with_answer(file, answer={"tags": ["new"]})), "doesn't fit check_tags@1"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(recording, other, change, said):
    recording.write_text(change(json.loads(recording.read_text())))
    with pytest.raises(DataError, match=said):
        taken_over(other, recording)
    with State.open(other) as state:
        assert state.read("SELECT count(*) FROM answers") == [(0,)]


def test_answers_to_another_version_of_a_prompt_are_passed_over(recording, other):
    recording.write_text(json.dumps(with_answer(json.loads(recording.read_text()), prompt="check_tags@0")))
    assert taken_over(other, recording) == 0


def with_answer(file, **changes):
    return {**file, "answers": [{**file["answers"][0], **changes}]}


def test_what_comes_with_the_demo_fits_its_prompt_and_is_called_a_stand_in(other):
    assert taken_over(other, ANSWERS) > 500
    with State.open(other) as state:
        [found] = recordings(state, load_prompt("check_tags").id)
        assert found == Recording("scripted-stand-in", STAND_IN, found.day)
        key = json.loads(ANSWERS.read_bytes())["answers"][0]["key"]
        assert recorded_answer(state, key) is not None and Answers(state).get(key) is None
