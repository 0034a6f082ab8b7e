from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import pytest

from engine.serve.metrics import Metrics
from engine.serve.work import Work
from engine.settings import PROJECT

LAST = {"id": "20261121", "finished": "2026-11-21T03:10:00+00:00", "outcome": "promoted", "words": "better"}
FINISHED = "shelfwise_retraining_finished_seconds 1.7952306e+09"


def figures(file) -> list[str]:
    lines = Metrics(file).text().decode().splitlines()
    return [line for line in lines if line.startswith("shelfwise_retraining")]


@pytest.mark.parametrize(("outcome", "well"), [("promoted", 1), ("kept", 1), ("refused", 0), ("failed", 0)])
def test_the_last_retraining_is_told(tmp_path, outcome, well):
    (tmp_path / "LAST.json").write_text(json.dumps({**LAST, "outcome": outcome}))
    assert figures(tmp_path / "LAST.json") == [f"shelfwise_retraining_ok {well}.0", FINISHED]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"outcome": "promoted"}', '{"outcome": "kept", "finished": 3}']
)
def test_a_damaged_record_of_a_retraining_is_not_well(tmp_path, text):
    (tmp_path / "LAST.json").write_text(text)
    assert figures(tmp_path / "LAST.json") == ["shelfwise_retraining_ok 0.0"]


def test_where_nothing_was_retrained_nothing_is_told(tmp_path):
    assert figures(tmp_path / "LAST.json") == figures(None) == []


def test_several_processes_tell_it_once(tmp_path):
    (tmp_path / "LAST.json").write_text(json.dumps(LAST))
    code = f"""
from pathlib import Path
from engine.settings import share_metrics
share_metrics(Path({str(tmp_path)!r}))
from engine.serve.metrics import Metrics
print(Metrics(Path({str(tmp_path / "LAST.json")!r})).text().decode())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True).stdout
    assert told.count(FINISHED) == told.count("shelfwise_retraining_ok 1.0") == 1


def test_threads_that_answer_are_counted_while_they_do():
    metrics = Metrics()
    work, begun, end = Work(2, metrics.busy.track_inprogress), threading.Event(), threading.Event()

    async def answer() -> float:
        running = asyncio.create_task(work.run(lambda: (begun.set(), end.wait(10))))
        await asyncio.to_thread(begun.wait, 10)
        busy = metrics.busy._value.get()
        end.set()
        await running
        return busy

    assert asyncio.run(answer()) == 1 and metrics.busy._value.get() == 0
    work.close()
