"""The first page paints before anything heavy is loaded."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "sklearn", "mlflow", "matplotlib", "lightgbm", "chromadb"}
SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
assert not app.exception and app.get("bidi_component")
print("loaded:", *sorted(set(sys.argv[1:]) & set(sys.modules)))
"""


def test_the_overview_loads_no_model_library(shop):
    command = [sys.executable, "-c", SCRIPT, *HEAVY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"
