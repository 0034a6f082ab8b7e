from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, DataError, NotBuiltError, SettingsError, UnknownNameError
from engine.rank.evaluation import list_ndcg
from engine.ranking import members
from engine.ranking.cache import COST, ENSEMBLE, KIND
from engine.ranking.config import load_config
from engine.ranking.measuring import popularity
from engine.ranking.members import train_member
from engine.ranking.own_order import OWN, own_order
from engine.ranking.preparing import open_maker
from engine.ranking.serving import open_folder, open_ranker, open_scores
from engine.ranking.source import open_source, reopen, seed_of, vectors_of
from engine.ranking.training import train_ensemble
from engine.recommend.weights import fit_weights
from engine.runs import RunStore, compare
from engine.workspace import Workspace
from tests.given import write_config, write_given
from tests.recommended import build

OVERRIDES = (
    "preprocessing.sources=item_knn,popular,recent",
    "preprocessing.windows=2",
    "preprocessing.vectors=none",
    "models.lightgbm.rounds=10",
    "models.lightgbm.least=5",
    "models.xgboost.rounds=10",
    "ensemble.members=lightgbm,xgboost",
    "training.seed=1",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with an ensemble of two small members on lists made of its events."""
    workspace, config = build(tmp_path_factory.mktemp("home"), trained=False), load_config(None, OVERRIDES)
    source = open_source(workspace, config)
    return workspace, config, source, train_ensemble(workspace, config, source)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The same on lists of a file; its transformer can't take part."""
    folder = tmp_path_factory.mktemp("given")
    workspace = Workspace.create(folder / "results")
    config = load_config(write_config(folder, write_given(folder)))
    source = open_source(workspace, config)
    return workspace, config, source, train_ensemble(workspace, config, source)


@pytest.fixture(params=["shop", "given"])
def trained(request):
    return request.getfixturevalue(request.param)


def test_what_serves_says_what_was_measured(trained):
    workspace, _, source, card = trained
    served, kept = open_ranker(workspace, every=True), open_scores(workspace)
    test = source.prepared.test
    for name, own in kept.members.items():
        assert served.members[name].scores(test) == pytest.approx(own, abs=1e-6)
    scores = served.scores(test)
    run = RunStore(workspace).rows(card.config["run"])
    measured = list_ndcg(test, scores, 10)[test.sought > 0].mean()
    assert RunStore(workspace).aggregate(card.config["run"], ["ndcg@10"])["ndcg@10"] == pytest.approx(measured)
    assert run["list_id"].tolist() == test.list_ids[test.sought > 0].tolist()
    assert served.probabilities(test)[: test.sizes[0]].max() == pytest.approx(run["scores"][0][0])


def test_runs_of_members_and_baselines_can_be_compared(trained):
    workspace, _, source, card = trained
    runs = {**card.config["runs"], **card.config["baselines"]}
    assert {"lightgbm", "xgboost", "popularity"} <= set(runs)
    assert (OWN in runs) == (source.place.get("kind") == "rankings")
    for run in runs.values():
        found = compare(RunStore(workspace), run, card.config["run"], "ndcg@10")
        assert found.wins + found.ties + found.losses == (source.prepared.test.sought > 0).sum()


def test_the_same_again_is_taken_as_it_is(trained, caplog):
    workspace, config, source, card = trained
    n_runs = len(RunStore(workspace).list("rank"))
    with caplog.at_level(logging.INFO, logger="engine.ranking"):
        assert train_ensemble(workspace, config, source) == card
    assert len(RunStore(workspace).list("rank")) == n_runs
    assert "lightgbm: unchanged" in caplog.text and "ensemble: unchanged" in caplog.text


def test_members_are_stopped_by_valid_and_kept_with_what_made_them(trained):
    workspace, config, source, card = trained
    own = ArtifactStore(workspace).card(KIND, "lightgbm", card.config["members"]["lightgbm"])
    assert own.config["settings"]["rounds"] == config.of("lightgbm").rounds
    assert own.config["balance"]["before"] == own.config["balance"]["after"]
    assert own.data_hash == source.mark and own.seed == seed_of(config)
    assert {"ndcg@10", "log_loss", "seconds", COST} <= set(own.metrics) and own.libraries["lightgbm"]
    assert {"ndcg@10 of weights", "ndcg@10 of rank_average", "ndcg@10 of stacking"} <= set(card.metrics)


def test_lists_are_found_again_and_their_change_is_seen(given, tmp_path):
    workspace, config, source, card = given
    found = reopen(workspace, card)
    assert found.mark == source.mark
    assert np.array_equal(found.prepared.test.features, source.prepared.test.features, equal_nan=True)
    path = config.data.lists
    before = path.read_bytes()
    try:
        write_given(path.parent, seed=5)
        with pytest.raises(ArtifactError, match="have changed; train it again"):
            reopen(workspace, card)
        path.unlink()
        with pytest.raises(ArtifactError, match=r"can't be read .*given\.parquet"):
            reopen(workspace, card)
    finally:
        path.write_bytes(before)


def test_a_member_that_lists_say_nothing_to_is_left_out_with_a_sentence(given):
    workspace, config, source, card = given
    assert "have no histories" in card.config["left_out"]["transformer"]
    alone = replace(config, ensemble=replace(config.ensemble, members=("transformer",)))
    with pytest.raises(DataError, match=r"No member can learn from these lists \(transformer: it reads what users did"):
        train_ensemble(workspace, alone, source)


def test_without_a_feature_popularity_is_how_often_train_wanted_an_item(given):
    _, _, source, _ = given
    found, train, test = popularity(source, None), source.prepared.train, source.prepared.test
    item = int(test.items[0])
    assert found["test"][0] == (train.items[train.known] == item).sum()
    assert popularity(source, "no such") is None and len(found["valid"]) == len(source.prepared.valid.items)


def test_given_lists_are_split_in_time(given):
    _, _, source, _ = given
    parts = [source.prepared.part(name) for name in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [72, 24, 24]
    assert parts[0].micros.max() < parts[1].micros.min() <= parts[1].micros.max() < parts[2].micros.min()


def test_recommends_own_order_is_what_the_pipeline_ranks_by(shop):
    workspace, config, source, _ = shop
    found = own_order(workspace, config, source)
    maker = open_maker(workspace, config.preprocessing, seed=1)
    lines = {}
    for part in ("valid", "test"):
        window = next(window for window in maker.windows() if window.part == part)
        task = maker.task(window)
        lines[part] = (maker.pipeline(task.past, task.start, task.rules)[0], task)
    weights = fit_weights(*lines["valid"], seed=1)
    line, task = lines["test"]
    ranked = line.rank(line.gather(task.histories), 5, replace(weights, diversity=0.0)).ranked
    lists = source.prepared.test
    order = lists.ordered(found["test"])
    for n, ids in enumerate(ranked.ids(maker.shop.catalogue.item_ids)):
        own = order[lists.starts[n] : lists.starts[n + 1]][:5]
        top = found["test"][own]
        assert len(set(top)) < 5 or lists.stock.item_ids[lists.items[own]].tolist() == ids[: len(own)]


def test_balance_is_on_one_switch(given):
    workspace, config, source, _ = given
    smote = train_member(workspace, "lightgbm", replace(config, smote=replace(config.smote, how="smote")), source)
    before, after = smote.config["balance"]["before"], smote.config["balance"]["after"]
    assert before[0] < before[1] == after[0] == after[1] and smote.config["balance"]["how"] == "smote"
    weights = train_member(workspace, "lightgbm", replace(config, smote=replace(config.smote, how="weights")), source)
    assert weights.config["balance"]["how"] == "weights"
    again = train_member(workspace, "lightgbm", config, source)
    assert again.config["balance"]["how"] == "none"
    assert ArtifactStore(workspace).current(KIND, "lightgbm", command="") == again.version


def test_old_versions_go(given):
    workspace, config, source, _ = given
    few = replace(config, cache=replace(config.cache, keep=2))
    for rounds in (3, 4, 5):
        settings = replace(config.of("xgboost"), rounds=rounds)
        card = train_member(workspace, "xgboost", replace(few, models={"xgboost": settings}), source)
    assert len(ArtifactStore(workspace).versions(KIND, "xgboost")) == 2
    assert open_folder(workspace, "xgboost")[0].version == card.version


def test_without_the_cache_it_is_trained_again(given):
    workspace, config, source, _ = given
    first = train_member(workspace, "lightgbm", config, source)
    off = replace(config, cache=replace(config.cache, use=False))
    second = train_member(workspace, "lightgbm", off, source)
    assert second.version > first.version
    same = {"ndcg@5", "ndcg@10", "mrr", "log_loss"}
    assert {name: second.metrics[name] for name in same} == {name: first.metrics[name] for name in same}


def test_a_failed_training_leaves_what_serves(given, monkeypatch):
    workspace, config, source, _ = given
    before = open_folder(workspace, "lightgbm")[0].version

    def refused(*_, **__):
        raise DataError("There is nothing to learn.")

    monkeypatch.setattr(members, "balance", refused)
    with pytest.raises(DataError, match="nothing to learn"):
        train_member(workspace, "lightgbm", replace(config, cache=replace(config.cache, use=False)), source)
    assert open_folder(workspace, "lightgbm")[0].version == before


def test_a_ranker_of_other_features_refuses_the_lists(trained):
    workspace, _, source, _ = trained
    test = source.prepared.test
    fewer = replace(test, features=test.features[:, 1:], columns=test.columns[1:])
    with pytest.raises(ArtifactError, match=f"was fitted on other features .*{test.columns[0].name} missing"):
        open_ranker(workspace).scores(fewer)


def test_a_damaged_ensemble_is_named(given):
    workspace, _, _, _ = given
    file = open_folder(workspace, ENSEMBLE)[1] / "members" / "xgboost" / "config.json"
    before = file.read_bytes()
    try:
        file.write_bytes(before[:-10])
        with pytest.raises(ArtifactError, match=r"config\.json is damaged"):
            open_ranker(workspace)
    finally:
        file.write_bytes(before)


def test_what_isnt_there_is_said_with_its_command(given, tmp_path):
    workspace, config, source, _ = given
    with pytest.raises(NotBuiltError, match=r"train_ranker\.py --workspace results --model gat"):
        open_ranker(workspace, "gat")
    with pytest.raises(UnknownNameError, match="did you mean 'lightgbm'"):
        train_member(workspace, "lightgmb", config, source)


def test_a_workspaces_lists_have_the_split_of_its_recommendations(shop):
    workspace, config, _, _ = shop
    with pytest.raises(SettingsError, match="split can be set for given lists only"):
        open_source(workspace, replace(config, split=replace(config.split, test=0.2)))
    with pytest.raises(SettingsError, match=r"data\.vector_map is a\.pq, and data\.vectors says nothing"):
        open_source(workspace, load_config(None, [*OVERRIDES, "data.vector_map=a.pq"]))


def test_too_few_moments_for_three_parts_are_refused(tmp_path):
    path = write_given(tmp_path, at=np.full(120 * 8, 7, dtype="datetime64[us]"))
    config = load_config(write_config(tmp_path, path))
    with pytest.raises(DataError, match="120 lists at 1 moments leave none for"):
        open_source(Workspace.create(tmp_path / "results"), config)


def test_vectors_come_from_the_files_that_the_configuration_names(shop, tmp_path):
    workspace, config, source, _ = shop
    table = np.arange(12.0).reshape(4, 3)
    np.savez(tmp_path / "vectors.npz", table)
    ids = source.prepared.test.stock.item_ids
    pd.DataFrame({"product_id": ids[:4], "vector_id": [3, 2, 1, 0]}).to_parquet(tmp_path / "map.pq")
    data = replace(config.data, vectors=tmp_path / "vectors.npz", vector_map=tmp_path / "map.pq")
    found = vectors_of(workspace, data)
    assert found.vectors[:4].tolist() == table[::-1].tolist() and found.without.tolist() == [False] * 4 + [True] * (
        len(ids) - 4
    )
    assert vectors_of(workspace, config.data) is None
    with pytest.raises(DataError, match=r"no word of 25 titles is the number of one"):
        vectors_of(workspace, replace(data, vector_map=None))
    other = open_source(workspace, replace(config, data=data))
    assert other.mark != source.mark and other.prepared.valid.stock.vectors.shape == (len(ids), 3)
