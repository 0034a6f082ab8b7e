from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import DataError, SettingsError, UnknownNameError
from engine.rank.config import Range
from engine.ranking.config import RankingConfig, load_config, plain, read_config

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.fixture
def loaded(tmp_path):
    def written(text, *overrides):
        path = tmp_path / "some.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides)

    return written


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configurations_that_come_with_it_can_be_read_and_kept(path):
    config = load_config(path)
    kept = json.loads(json.dumps(plain(config), allow_nan=False))
    assert read_config(kept) == config


def test_the_default_one_says_what_holds_when_nothing_is_said():
    default = load_config(next(path for path in CONFIGS if path.stem == "default"))
    assert replace(default, tuning=replace(default.tuning, spaces={}, members=())) == load_config()
    assert set(default.tuning.spaces) == {"lightgbm", "catboost", "xgboost", "transformer", "gat"}


def test_overrides_come_last_and_have_the_types_of_the_sections(loaded):
    text = "smote: {how: smote}\nmodels:\n  lightgbm: {rounds: 7}\n"
    config = loaded(text, "smote.how=weights", "models.lightgbm.rate=1e-2", "ensemble.members=xgboost,lightgbm")
    assert config.smote.how == "weights"
    assert (config.of("lightgbm").rounds, config.of("lightgbm").rate) == (7, 0.01)
    assert config.ensemble.members == ("xgboost", "lightgbm")
    assert config.of("xgboost") == type(config.of("xgboost"))()
    assert loaded("", "training.seed=none").training.seed is None
    assert loaded("models:\n  xgboost:\n").models["xgboost"] == config.of("xgboost")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("smote:\n  hwo: none", UnknownNameError, r"setting of smote \(.*some\.yaml, line 2\) named 'hwo'.* 'how'"),
        ("smote:\n  how: smut", SettingsError, r"line 2: smote\.how is 'smut'; it must be one of none, weights, smote"),
        ("smote:\n  how: off", SettingsError, r"smote\.how is 'False'"),
        ("split:\n  test: 0.9", SettingsError, r"line 2: split\.test is '0\.9'; it must be .* 0\.4 or less"),
        ("models:\n  lightgmb: {}", UnknownNameError, r"ranker \(.*line 2\) named 'lightgmb'; did you mean 'lightgbm'"),
        ("models:\n  lightgbm:\n    rouds: 3", UnknownNameError, r"line 3\) named 'rouds'; did you mean 'rounds'"),
        ("models:\n  lightgbm:\n    rounds: many", SettingsError, r"line 3: models\.lightgbm\.rounds is 'many'"),
        ("models:\n  lightgbm:\n    rounds: 0", SettingsError, "line 3: models.lightgbm.rounds is '0'"),
        ("models: [lightgbm]", SettingsError, "models is .* rankers with their settings"),
        ("ensemble: {members: [lightgbm, cat]}", UnknownNameError, r"line 1\) named 'cat'; did you mean"),
        ("tuning: {spaces: {lightgbm: {leavs: {low: 1, high: 2}}}}", UnknownNameError, "did you mean 'leaves'"),
        ("tuning: {spaces: {lightgbm: {leaves: {low: 9, high: 2}}}}", SettingsError, "a low and a higher high"),
        ("tuning: {spaces: {lightgbm: {rate: {low: 0, high: 1, log: true}}}}", SettingsError, "above 0 on a log"),
        ("tuning: {metric: ndgc@10}", SettingsError, "one of ndcg@5, ndcg@10, mrr, auc, log_loss"),
        ("a: [", DataError, "line 1: this isn't YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place_before_anything_runs(loaded, text, kind, said):
    with pytest.raises(kind, match=said):
        loaded(text)


def test_a_mistake_on_the_command_line_is_named_as_such(loaded):
    with pytest.raises(SettingsError, match=r"--set: smote\.neighbours is '0'; it must be 1 or more"):
        loaded("smote: {neighbours: 3}", "smote.neighbours=0")
    with pytest.raises(UnknownNameError, match=r"setting of cache \(--set\) named 'kep'; did you mean 'keep'"):
        loaded("", "cache.kep=1")


def test_a_space_is_a_range_or_choices(loaded):
    spaces = loaded(
        "tuning: {spaces: {lightgbm: {leaves: {low: 7, high: 63, log: true}, rows: {choices: [1]}}}}"
    ).tuning
    assert spaces.spaces["lightgbm"] == {"leaves": Range(7, 63, log=True), "rows": Range(choices=(1,))}
    assert isinstance(loaded(""), RankingConfig)
