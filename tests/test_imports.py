"""Heavy libraries load where they are chosen, never with the tables of what could be chosen."""

import subprocess
import sys

import pytest

HEAVY = {
    *("bm25s", "catboost", "chromadb", "duckdb", "implicit", "imblearn", "lightgbm", "mlflow", "rapidfuzz", "sklearn"),
    *("torch", "torch_geometric", "transformers", "xgboost"),
}


@pytest.mark.parametrize(
    "module",
    [
        "engine.tags.base",
        "engine.tags.registry",
        "engine.data.readers",
        "engine.schema",
        "engine.search.dense",
        "engine.search.registry",
        "engine.recommend.registry",
        "engine.rank.base",
        "engine.rank.registry",
    ],
)
def test_tables_of_parts_load_no_heavy_library(module):
    code = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_the_first_page_loads_no_statistics():
    """SciPy's distributions take most of a second, and a quantile and ranks are elsewhere too."""
    code = "import sys, engine.workflows, engine.scoreboard; print('scipy.stats' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "False"
