"""A Parquet file of lists whose features are given, for tests: those of tests/ranked.py."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.ranked import make_lists

CONFIG = """
data:
  {{lists: {path}, list_column: list, item_column: item, time_column: at, wanted_column: y, popularity: item_events}}
split: {{valid: 0.2, test: 0.2}}
models:
  lightgbm: {{rounds: 15, least: 5, patience: 0}}
  xgboost: {{rounds: 15, patience: 0}}
ensemble: {{members: [lightgbm, xgboost, transformer]}}
output: {{plots: [png]}}
"""


def write_given(folder: Path, n_lists: int = 120, *, seed: int = 0, **columns: object) -> Path:
    """The file; `columns` are put in, or in place of what it has."""
    lists = make_lists(n_lists, 8, seed=seed, histories=False)
    owner = lists.list_of_row
    table = {
        "list": lists.list_ids[owner].tolist(),
        "item": lists.stock.item_ids[lists.items].tolist(),
        "at": pa.array(lists.micros[owner], pa.timestamp("us")),
        "y": lists.known.astype(np.int64),
        **{name: lists.features[:, place] for place, name in enumerate(lists.names)},
        **columns,
    }
    path = folder / "given.parquet"
    pq.write_table(pa.table(table), path)
    return path


def write_config(folder: Path, path: Path) -> Path:
    """A small configuration for the file at `path`."""
    file = folder / "given.yaml"
    file.write_text(CONFIG.format(path=path), encoding="utf-8")
    return file
