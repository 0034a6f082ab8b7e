"""The dashboards as files: .venv/bin/python -m deploy.grafana.dashboards writes deploy/grafana/dashboards/*.json.

golden.py, business.py and model.py are where they are changed; a test holds that the files are what these make.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.grafana.business import BUSINESS
from deploy.grafana.golden import GOLDEN
from deploy.grafana.model import MODEL
from deploy.grafana.panels import dashboard_json

FOLDER = Path(__file__).resolve().parent / "dashboards"
DASHBOARDS = (GOLDEN, BUSINESS, MODEL)


def documents() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        f"{dashboard.uid}.json": json.dumps(dashboard_json(dashboard), indent=1, ensure_ascii=False) + "\n"
        for dashboard in DASHBOARDS
    }


def main() -> int:
    """Write the files."""
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
