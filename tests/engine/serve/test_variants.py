"""Who gets which variant, and the file that says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError, UnknownNameError
from engine.serve.variants import (
    ENDED,
    FILE,
    Experiment,
    Variant,
    experiments,
    read_experiment,
    start_experiment,
    stop_experiment,
)
from engine.settings import PROJECT

HALVES = (Variant("control", 0.5), Variant("new", 0.5, "20261121-030000-000000"))
TEST = Experiment("spring", "salt", "2026-11-21T06:00:00+00:00", HALVES)
IDS = [f"U-{n}" for n in range(100_000)]


def split(experiment: Experiment) -> list[str]:
    return [experiment.variant_of(user_id).name for user_id in IDS]


def test_shares_are_met_within_chance():
    shares = {"a": 0.6, "b": 0.3, "c": 0.1}
    counts = Counter(split(replace(TEST, variants=tuple(Variant(name, share) for name, share in shares.items()))))
    for name, share in shares.items():
        sigma = (len(IDS) * share * (1 - share)) ** 0.5
        assert abs(counts[name] - len(IDS) * share) < 4 * sigma, (name, counts[name])


def test_another_salt_shuffles_independently():
    both = Counter(zip(split(TEST), split(replace(TEST, salt="other")), strict=True))
    assert len(both) == 4
    assert all(abs(n - len(IDS) / 4) < 4 * (len(IDS) * 3 / 16) ** 0.5 for n in both.values()), both


def test_a_user_keeps_the_variant_in_every_process():
    ids = ["U-1", "Zoë 🛍 пользователь", "' OR 1=1 --", "a:b", " ", "\udc80"]
    code = f"""
from engine.serve.variants import Experiment, Variant
one = Experiment("spring", "salt", "2026-11-21T06:00:00+00:00", (Variant("control", 0.5), Variant("new", 0.5, "v")))
print([one.variant_of(user_id).name for user_id in {ids!a}])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert told.stdout.strip() == str([TEST.variant_of(user_id).name for user_id in ids])


def test_the_hash_is_the_one_that_is_documented():
    # printf 'salt:U-1' | sha256sum begins with a71ead32, 'salt:U-5' with 34394ea5: above one half, and below
    assert [TEST.variant_of(user_id).name for user_id in ("U-1", "U-5")] == ["new", "control"]


def test_nobody_in_particular_is_in_no_variant():
    assert TEST.variant_of("") is None


@given(st.text(min_size=1))
def test_any_id_is_in_one_variant_and_always_the_same(user_id):
    assert TEST.variant_of(user_id) in HALVES and TEST.variant_of(user_id) == TEST.variant_of(user_id)


def test_a_variant_grows_without_moving_those_who_are_in_it():
    wider = replace(TEST, variants=(Variant("control", 0.7), replace(HALVES[1], share=0.3)))
    assert set(zip(split(TEST), split(wider), strict=True)) == {
        ("control", "control"),
        ("new", "control"),
        ("new", "new"),
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": HALVES[:1]}, "2 to 6"),
        ({"variants": tuple(Variant(f"v{n}", 1 / 7) for n in range(7))}, "2 to 6"),
        ({"variants": (HALVES[0], HALVES[0])}, "different names"),
        ({"variants": (HALVES[0], Variant("new", 0.6))}, "add up to 1"),
        ({"variants": (Variant("a", 1.5), Variant("b", -0.5))}, "above 0"),
        ({"variants": (Variant("a", float("nan")), Variant("b", 0.5))}, "above 0"),
        ({"name": "../../etc"}, "can't name"),
        ({"variants": (Variant("A b", 0.5), HALVES[1])}, "can't name"),
        ({"salt": ""}, "salt"),
    ],
)
def test_what_is_no_experiment_is_told(change, said):
    with pytest.raises(DataError, match=said):
        replace(TEST, **change)


def test_an_experiment_runs_ends_and_can_be_read_again(tmp_path):
    assert read_experiment(tmp_path) is None and experiments(tmp_path) == []
    start_experiment(tmp_path, TEST)
    assert read_experiment(tmp_path) == TEST == read_experiment(tmp_path, "spring")
    with pytest.raises(DataError, match="runs since"):
        start_experiment(tmp_path, replace(TEST, name="autumn"))
    ended = stop_experiment(tmp_path)
    assert read_experiment(tmp_path) is None and ended.until >= ended.since
    assert read_experiment(tmp_path, "spring") == ended == replace(TEST, stopped=ended.stopped)
    with pytest.raises(DataError, match="was an experiment"):
        start_experiment(tmp_path, TEST)
    with pytest.raises(DataError, match="No experiment runs"):
        stop_experiment(tmp_path)
    with pytest.raises(UnknownNameError, match="spring"):
        read_experiment(tmp_path, "sprung")


def test_an_end_that_was_interrupted_is_gone_through_again(tmp_path):
    start_experiment(tmp_path, TEST)
    text = (tmp_path / FILE).read_text()
    stop_experiment(tmp_path)
    (tmp_path / FILE).write_text(text)  # killed between the two steps
    assert experiments(tmp_path) == ["spring"] and read_experiment(tmp_path, "spring").stopped is None
    assert stop_experiment(tmp_path).stopped and not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '"text"', '{"name": "a"}', b"\xff\xfe", "[" * 100_000,
     json.dumps({"name": "a", "salt": "s", "started": "yesterday", "variants": []}),
     json.dumps({"name": "a", "salt": "s", "started": "yesterday",
                 "variants": [{"name": name, "share": 0.5, "version": None} for name in ("a", "b")]}),
     json.dumps({"name": "a", "salt": "s", "started": "2026-01-01", "variants": [{"name": "a", "share": "half"}]})],
)  # fmt: skip
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=r"experiment\.json"):
        read_experiment(tmp_path)


def test_a_name_that_leads_elsewhere_is_an_unknown_one(tmp_path):
    (tmp_path / ENDED).mkdir()
    with pytest.raises(UnknownNameError):
        read_experiment(tmp_path, "../workspace")
