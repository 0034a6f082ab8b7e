"""Whether the service keeps to its OpenAPI document: python benchmarks/serve_schema.py [--examples N] [--seeds N]

schemathesis asks a service with every part, by scripts/serve.py with keys, on a database of its own: each operation as
its examples say, at the edges of each value, at random and in sequence. Printed for each seed: requests, operations,
and what failed, which should be nothing: no 5xx, no answer that the document doesn't have, no request against it that
is taken. Two minutes on two cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.checked_schema import check_schema
from tests.running import build_whole, make_key, serving


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, print, and give 1 when something failed."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--examples", type=int, default=150, help="of each operation and phase")
    arguments.add_argument("--seeds", type=int, default=3)
    chosen = arguments.parse_args(argv)
    failed = 0
    with tempfile.TemporaryDirectory() as home:
        workspace = build_whole(Path(home))
        with serving(workspace, "--deadline", "20", key=make_key(workspace)) as served:
            for seed in range(1, chosen.seeds + 1):
                start = time.perf_counter()
                checked = check_schema(served.port, served.key, Path(home), examples=chosen.examples, seed=seed)
                print(
                    f"seed {seed}: {checked.asked:,} requests to {checked.operations} operations in "
                    f"{time.perf_counter() - start:.0f} s, failures: {len(checked.failures)}",
                    flush=True,
                )
                failed += len(checked.failures)
                if checked.failures:
                    print(checked.text, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
