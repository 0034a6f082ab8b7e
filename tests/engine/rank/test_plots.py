from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from engine.errors import SettingsError
from engine.rank import plots

HOSTILE = "</script><script>alert(1)</script>"
MEMBERS = ("lightgbm", HOSTILE)


def frames():
    rng = np.random.default_rng(0)
    counts = [
        {"member": m, "stage": s, "wanted": w, "n": 5}
        for m in MEMBERS
        for s in ("before", "after")
        for w in ("yes", "no")
    ]
    shares = [{"member": m, "feature": f"f{n}", "share": 0.05 * n} for m in MEMBERS for n in range(30)]
    points = pd.DataFrame(
        {
            "feature": [f"f{n % 30}" for n in range(9000)],
            "contribution": rng.normal(size=9000) * (np.arange(9000) % 30),
            "standing": np.where(np.arange(9000) % 7, 0.5, np.nan),
            "spread": 0.1,
        }
    )
    bins = [{"member": m, "said": 0.1 * n, "wanted": 0.1 * n, "n": 7} for m in MEMBERS for n in range(4)]
    curves = [{"member": m, "curve": "valid ndcg@5", "round": n, "value": 0.1 * n} for m in MEMBERS for n in range(9)]
    figures = [{"member": m, "metric": "NDCG@5", "value": 0.2, "low": 0.1, "high": 0.3} for m in MEMBERS]
    trials = {
        "number": [0, 1, 2],
        "state": ["complete", "pruned", "fail"],
        "value": [0.1, 0.2, None],
        "best": [0.1] * 3,
    }
    return {
        "class_balance": plots.class_balance(pd.DataFrame(counts)),
        "importance": plots.importance(pd.DataFrame(shares)),
        "contributions": plots.contributions(points, HOSTILE),
        "calibration": plots.calibration(pd.DataFrame(bins)),
        "learning_curves": plots.learning_curves(pd.DataFrame(curves)),
        "comparison": plots.comparison(pd.DataFrame(figures)),
        "study": plots.study(pd.DataFrame(trials), HOSTILE, "ndcg@10"),
    }


SPECS = frames()


@pytest.mark.parametrize("name", SPECS)
def test_a_picture_holds_its_rows_and_is_drawn(name, tmp_path):
    spec = SPECS[name]
    rows = spec["data"]["values"]
    assert 0 < len(rows) <= plots.MOST_POINTS
    json.dumps(spec, allow_nan=False)
    (path,) = plots.save_plot(tmp_path, name, spec, ["png"])
    assert path.name == f"{name}.png" and path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


def test_only_the_features_that_count_most_are_drawn():
    shown = {row["feature"] for row in SPECS["importance"]["data"]["values"]}
    assert shown == {f"f{n}" for n in range(15, 30)}
    assert {row["feature"] for row in SPECS["contributions"]["data"]["values"]} <= shown


def test_a_page_needs_no_network_and_data_ends_no_script(tmp_path):
    (path,) = plots.save_plot(tmp_path, "study", SPECS["study"], ["html"])
    text = path.read_text(encoding="utf-8")
    (other,) = plots.save_plot(tmp_path, "plain", SPECS["calibration"] | {"data": {"values": []}}, ["html"])
    assert not re.findall(r"<(?:script|link|iframe)[^>]+(?:src|href)\s*=", text)
    assert "https://cdn" not in text and "alert(1)" in text and "<script>alert" not in text
    assert text.count("</script") == other.read_text(encoding="utf-8").count("</script")


def test_another_format_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="'svg' is no format of pictures; they are html, png"):
        plots.save_plot(tmp_path, "study", SPECS["study"], ["svg"])
    assert list(tmp_path.iterdir()) == []
