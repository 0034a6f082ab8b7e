"""How long the pipeline takes at first, again, and after a value changed: python benchmarks/dvc_repro.py [--items 600]

Copies the project's code, dvc.yaml and params.yaml into a temporary folder and runs `dvc repro` there: from nothing,
with nothing changed, and after a value of tags, of ranking and of recommendations changed. Three minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
CHANGES = (("tags", "settings", "ridge=0.7"), ("ranking", "rounds", 50), ("recommend", "sources", "als,ease,popular"))


def main() -> int:
    """Run it five times and print what ran and for how long."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--items", type=int, default=600, help="SKUs of the store; all else in proportion")
    items = arguments.parse_args().items
    with tempfile.TemporaryDirectory() as temporary:
        folder, params = Path(temporary), yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
        params["demo"] = {name: max(n * items // params["demo"]["items"], 10) for name, n in params["demo"].items()}
        copy(folder)
        first = repro(folder, params, "first")
        again = repro(folder, params, "second")
        print(f"second / first: {again / first:.3f}")
        for room, name, value in CHANGES:
            params[room][name] = value
            repro(folder, params, f"{room}.{name} changed")
    return 0


def copy(folder: Path) -> None:
    """The code and the pipeline, outside Git, with this Python's packages."""
    for name in ("engine", "scripts"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text((PROJECT / ".dvc" / "config").read_text() + "    no_scm = true\n")
    (folder / ".venv").symlink_to(sys.prefix)


def repro(folder: Path, params: dict[str, Any], title: str) -> float:
    """Run the pipeline with `params`; the seconds it took."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": str(folder / ".site")}
    started = time.perf_counter()
    command = [sys.executable, "-m", "dvc", "repro"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    ran = re.findall(r"Running stage '(\w+)'", done.stdout)
    print(f"{title:<26}{seconds:7.1f} s, {len(ran):>2} stages ran: {', '.join(ran) or 'none'}", flush=True)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
