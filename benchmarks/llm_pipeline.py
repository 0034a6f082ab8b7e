"""Tags of 2,000 SKUs through a server that fails and a client that is killed: python -m benchmarks.llm_pipeline

A scripted server of the OpenAI kind on this machine answers a part of the requests with 429, 500, silence, cut
connections, malformed bodies and hostile JSON; the script that asks it is killed with SIGKILL every few seconds and
started again. At the end every SKU must be done exactly once with its own tags. About two minutes on two cores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from engine.state import State
from engine.workspace import Workspace, new_workspace
from tests.fakes import FakeServer, Faulty, serving

TIMEOUT = 2.0  # seconds that the client waits for an answer; "timeout" means that the server takes longer
NAME = re.compile(r"named (\w+)")


def word(number: int) -> str:
    """A made-up word that only SKU `number` has."""
    letters = "bcdfghklmnprst"
    return "zo" + "".join(letters[number // 14**place % 14] + "aeiou"[number // 14**place % 5] for place in range(3))


def make_shop(home: Path, skus: int) -> Workspace:
    """A workspace of SKUs whose reviews name the one thing that their tag must name."""
    workspace = new_workspace(home, "bench")
    ids = [f"SKU-{number:05}" for number in range(skus)]
    items = pd.DataFrame({"item_id": ids, "title": ids, "category": "Shoes"})
    rows = [
        (f"{sku}-{n}", sku, f"Soft foam, and a clasp named {word(i)}. Review {n}.")
        for i, sku in enumerate(ids)
        for n in range(4 + i % 8)
    ]
    with workspace.replace_tables("benchmark") as writer:
        writer.write("items", items)
        writer.write("reviews", pd.DataFrame(rows, columns=["review_id", "item_id", "text"]))
    return workspace


def answer(body: dict[str, Any]) -> dict[str, list[str]]:
    """The tags that a good model would give: the clasp that the reviews name."""
    found = NAME.search(body["messages"][1]["content"])
    return {"tags": [f"{found.group(1)} clasp" if found else "nothing found", "good product"]}


def run_with_kills(server: FakeServer, home: Path, every: float, done: Any) -> tuple[int, int]:
    """Start the script again and again, killing it after `every` seconds, until `done()`; (kills, starts)."""
    command = [sys.executable, "scripts/generate_tags.py", "--workspace", "bench", "--reset-failed"]
    settings = {"OPENAI_BASE_URL": server.url, "OPENAI_MODEL": "fake", "MAX_CONCURRENT": "16"}
    environment = os.environ | settings | {"SHELFWISE_HOME": str(home)}
    kills = starts = 0
    while not done():
        starts += 1
        asked = len(server.requests)
        with subprocess.Popen(
            [*command, "--timeout", str(TIMEOUT)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and len(server.requests) == asked:
                time.sleep(0.01)  # it is still starting
            try:
                process.wait(every)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    return kills, starts


def check(workspace: Workspace, skus: int) -> dict[str, int]:
    """SKUs done in the state, with their own tag in the table, and with a wrong one."""
    with State.open(workspace) as state:
        done = state.read("SELECT count(*), count(DISTINCT item_id) FROM progress WHERE result IS NOT NULL")[0]
    tags = workspace.read("tags")
    expected = {(f"SKU-{number:05}", f"{word(number)} clasp") for number in range(skus)}
    found = set(zip(tags["item_id"], tags["tag"], strict=True))
    return {"done": done[0], "different": done[1], "lost": len(expected - found), "wrong": len(found - expected)}


def main() -> int:
    """Run, check, print."""
    arguments = _arguments()
    script = Faulty(answer, rate=arguments.faults, hang=TIMEOUT + 1, delay=0.05)
    with tempfile.TemporaryDirectory() as folder, serving(script) as server:
        workspace = make_shop(Path(folder), arguments.skus)

        def done() -> bool:
            opened = Workspace.open(workspace.path)
            return "tags" in opened.tables and opened.tables["tags"].rows >= arguments.skus

        started = time.perf_counter()
        kills, starts = run_with_kills(server, Path(folder), arguments.every, done)
        seconds = time.perf_counter() - started
        found = check(Workspace.open(workspace.path), arguments.skus)
    _show(script, found, Counter(kills=kills, starts=starts), seconds)
    return int(found["lost"] + found["wrong"] > 0 or found["done"] != arguments.skus)


def _arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skus", type=int, default=2000)
    parser.add_argument("--faults", type=float, default=0.25, help="share of requests that meet a fault")
    parser.add_argument("--every", type=float, default=4.0, help="seconds from the first request of a run to its kill")
    return parser.parse_args()


def _show(script: Faulty, found: dict[str, int], runs: Counter[str], seconds: float) -> None:
    spent, needed, faults = script.good.total(), len(script.good), script.faults.total()
    print(f"{seconds:.0f} s, {runs['kills']} kills, {runs['starts']} starts")
    print(
        f"SKUs done {found['done']:,} (different {found['different']:,}), lost {found['lost']}, wrong {found['wrong']}"
    )
    print(f"faults served {faults:,}: {dict(script.faults.most_common())}")
    print(f"requests answered {spent:,} for {needed:,} different questions, repairs among them: {spent / needed:.3f}")


if __name__ == "__main__":
    sys.exit(main())
