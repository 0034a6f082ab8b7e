"""Whether the service keeps to its OpenAPI document: schemathesis asks it, by its own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure

from engine.settings import PROJECT

PHASES = "examples,coverage,fuzzing,stateful"
UNKNOWN = ("unknown-category", "unknown-filter")  # names of the right form that this shop hasn't got


@dataclass(frozen=True)
class Checked:
    """What schemathesis says. asked: requests; operations: how many of them were tried; failures: what is wrong with
    which; text: all that it wrote, with the commands that show each failure."""

    asked: int
    operations: int
    failures: tuple[str, ...]
    text: str


def check_schema(port: int, key: str, folder: Path, *, examples: int, seed: int, phases: str = PHASES) -> Checked:
    """Ask the service at `port` in as many ways as `examples` says, of each operation, all its checks on.

    5xx, answers that the document doesn't have or that aren't as it says, requests against it that are taken, requests
    by it that are refused, methods that there aren't, and calls without a key or with a wrong one.
    """
    report = folder / "schema.json"
    options = {"--max-examples": examples, "--seed": seed, "--phases": phases}
    options |= {"--header": f"Authorization: Bearer {key}"}
    options |= {"--report": "json", "--report-json-path": report, "--generation-database": "none"}
    ran = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json", "--no-color",
         "--continue-on-failure", *(str(part) for pair in options.items() for part in pair)],
        cwd=folder, env={**os.environ, "SCHEMATHESIS_HOOKS": __name__, "PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    text = ran.stdout + ran.stderr
    assert report.exists(), text
    told = json.loads(report.read_text(encoding="utf-8"))
    failures = [f"{one['title']}: {', '.join(one['operations'])}" for one in told["failures"]]
    failures += [f"error: {one}" for one in told["errors"]]
    return Checked(told["test_cases"]["generated"], told["operations"]["tested"], tuple(failures), text)


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Whether a failure counts. A request of the right form may be refused for what no form says: it names a category
    that there isn't, or prices of which the lowest is above the highest."""
    refused = type(failure).__name__ == "RejectedPositiveData" and response.status_code == 422
    if not refused:
        return True
    lowest, highest = ((case.query or {}).get(name) for name in ("min_price", "max_price"))
    crossed = None not in (lowest, highest) and float(lowest) > float(highest)
    return not (response.json()["type"].endswith(UNKNOWN) or crossed)
