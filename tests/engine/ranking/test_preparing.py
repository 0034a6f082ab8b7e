from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from recommended import build

from engine.errors import ArtifactError, DataError, NotBuiltError, SettingsError, UnknownNameError
from engine.rank import features_made
from engine.ranking.kept import config_of, open_prepared, prepare_kept
from engine.ranking.leakage import look_ahead
from engine.ranking.live import features_for, open_live
from engine.ranking.preparing import PrepareConfig, open_maker, prepare
from engine.recommend.events import micros
from engine.recommend.item_knn import ItemKnnConfig
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.shop import fit_model, make_pipeline, open_shop
from engine.recommending.training import train_recommender

CONFIG = PrepareConfig(sources=("item_knn", "popular", "recent"), windows=2, share=0.15, negatives=5, vectors="none")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return build(tmp_path_factory.mktemp("home"), trained=False)


@pytest.fixture(scope="module")
def maker(workspace):
    return open_maker(workspace, CONFIG, seed=1)


@pytest.fixture(scope="module")
def prepared(workspace):
    return prepare(workspace, CONFIG, seed=1)


def test_windows_lie_one_behind_the_other_and_end_with_the_split(maker):
    windows, (valid, test) = maker.windows(), maker.shop.split.cutoffs
    assert [window.part for window in windows] == ["train", "train", "valid", "test"]
    assert [window.end for window in windows] == [*(window.start for window in windows[1:]), None]
    assert [window.start for window in windows[2:]] == [valid, test]
    n = [len(maker.shop.log.between(window.start, window.end)) for window in windows[:2]]
    assert n == pytest.approx([0.15 * len(maker.shop.log)] * 2, abs=2)


@pytest.mark.parametrize("part", ["valid", "test"])
def test_lists_ask_what_recommenders_are_asked(maker, prepared, part):
    task, lists = maker.shop.task(part), prepared.part(part)
    assert lists.users.tolist() == task.histories.users.tolist()
    assert set(lists.micros.tolist()) == {micros(task.start)}
    assert lists.sought.sum() == task.wanted.nnz
    assert (lists.known == task.wanted[lists.list_of_row, lists.items]).all()


def test_candidates_are_those_that_the_pipeline_gathers(maker, prepared):
    task, lists = maker.shop.task("test"), prepared.test
    line = maker.pipeline(task.past, task.start, task.rules)[0]
    gathered = line.gather(task.histories)
    assert np.array_equal(lists.items, gathered.items)
    score = lists.features[:, lists.names.index("item_knn_score")]
    assert np.array_equal(score, gathered.raw[:, 0], equal_nan=True)


def test_of_too_many_users_some_are_drawn_and_said(workspace, prepared):
    maker = open_maker(workspace, replace(CONFIG, most_lists=7), seed=1)
    window = maker.windows()[-1]
    lists = maker.lists(window)
    whole = prepared.test
    assert len(lists) == 7 < len(whole)
    kept = np.flatnonzero(np.isin(whole.users, lists.users))
    assert whole.take(kept).features.tobytes() == lists.features.tobytes()
    assert lists.sought.tolist() == whole.sought[kept].tolist()
    assert maker.notes[window.name].startswith(f"{len(whole) - 7} of {len(whole)} users")


def test_histories_and_features_end_before_the_moment(maker, prepared):
    lists, log = prepared.test, maker.shop.log
    assert lists.histories.micros.max() < lists.micros.min()
    for place in (0, len(lists) // 2, len(lists) - 1):
        mine = (log.users[log.user] == lists.users[place]) & (log.micros < lists.micros[place])
        assert lists.histories.sizes[place] == mine.sum()
        events = lists.features[lists.starts[place], lists.names.index("user_events")]
        assert events == mine.sum()


def test_lists_of_train_have_something_wanted_and_few_others(prepared):
    lists = prepared.train
    n_wanted = np.bincount(lists.list_of_row[lists.known], minlength=len(lists))
    assert n_wanted.min() > 0
    assert (lists.sizes - n_wanted).max() == 5
    assert len(set(lists.list_ids)) == len(lists) > len(set(lists.users))


@pytest.mark.parametrize("number", [0, 2, 3])
def test_another_future_changes_nothing(maker, number):
    found = look_ahead(maker, maker.windows()[number], seed=4)
    assert found.n_future > 20
    assert found.n_candidates > 200
    assert found.changed == {}
    assert "nothing changed" in found.words


def test_a_feature_that_looks_ahead_is_found(maker, monkeypatch):
    honest = features_made.MAKERS["item"]

    def leaky(items, users, asked):
        later = replace(asked, micros=asked.micros + timedelta(days=365) // timedelta(microseconds=1))
        return {**honest(items, users, asked), "item_events_30d": honest(items, users, later)["item_events"]}

    monkeypatch.setitem(features_made.MAKERS, "item", leaky)
    assert set(look_ahead(maker, maker.windows()[2], seed=4).changed) == {"item_events_30d"}


def test_live_features_are_those_of_prepared_lists(workspace, maker):
    """With the same sources of candidates, the same histories and the same moment."""
    workspace = build(workspace.path.parent, "live", trained=False)
    prepare_kept(workspace, CONFIG, seed=1)
    shop = open_shop(workspace)
    live, task = open_live(workspace, shop), shop.task("test")
    line = maker.pipeline(task.past, task.start, task.rules)[0]
    lists = features_for(live, line.gather(task.histories), task.start)
    known = open_prepared(workspace)[0].test
    same = [name for name in known.names if "together" not in name]  # learned from everything when serving
    for name in same:
        place = known.names.index(name)
        assert np.array_equal(lists.features[:, place], known.features[:, place], equal_nan=True), name
    assert lists.columns == known.columns
    assert lists.wanted is None


def test_a_source_that_the_pipeline_lacks_is_unknown_when_serving(workspace):
    workspace = build(workspace.path.parent, "fewer", trained=False)
    prepare_kept(workspace, CONFIG, seed=1)
    shop = open_shop(workspace)
    data = shop.all
    models = {"popular": fit_model("popular", data, shop.catalogue, seed=1)}
    line = make_pipeline(shop, data, models, PipelineConfig(sources={"popular": 1.0}, candidates=5), seed=1)
    lists = features_for(open_live(workspace, shop), line.gather(data.rows(np.arange(2))))
    assert np.isnan(lists.features[:, lists.names.index("item_knn_score")]).all()
    assert (lists.features[:, lists.names.index("popular_rank")] >= 1).all()


def test_lists_are_kept_and_made_again_only_for_another_configuration_or_other_data(workspace):
    workspace = build(workspace.path.parent, "kept", trained=False)
    with pytest.raises(NotBuiltError, match="prepare_ranking"):
        open_prepared(workspace)
    card, made = prepare_kept(workspace, CONFIG, seed=1)
    assert (made, config_of(card)) == (True, CONFIG)
    again, made = prepare_kept(workspace, CONFIG, seed=1)
    assert (made, again.version) == (False, card.version)
    assert prepare_kept(workspace, replace(CONFIG, negatives=6), seed=1)[1]
    assert not (workspace.path / ".preparing").exists()
    items = workspace.read("items")
    with workspace.replace_tables("test") as writer:
        writer.write("items", items.assign(price=1.0))
    assert prepare_kept(workspace, replace(CONFIG, negatives=6), seed=1)[1]


def test_a_stopped_preparation_goes_on_where_it_was(workspace):
    workspace = build(workspace.path.parent, "stopped", trained=False)

    def stop(share, step):
        if step.startswith("test"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_kept(workspace, CONFIG, seed=1, progress=stop)
    done = sorted(workspace.path.glob(".preparing/*/*/lists.parquet"))
    assert len(done) == 3
    marks = [file.stat().st_mtime_ns for file in done]
    seen = []

    def look(share, step):
        seen.append([file.stat().st_mtime_ns for file in done])

    prepare_kept(workspace, CONFIG, seed=1, progress=look)
    assert seen[-1] == marks
    whole = prepare(workspace, CONFIG, seed=1)
    kept = open_prepared(workspace)[0]
    assert kept.train.features.tobytes() == whole.train.features.tobytes()
    assert kept.train.stock.item_ids.tolist() == whole.train.stock.item_ids.tolist()


def test_another_catalogue_asks_for_lists_anew(workspace):
    workspace = build(workspace.path.parent, "grown", trained=False)
    prepare_kept(workspace, CONFIG, seed=1)
    items = workspace.read("items")
    with workspace.replace_tables("test") as writer:
        writer.write("items", pa.Table.from_pandas(items.iloc[:-1].drop(columns=["category_path", "features"])))
    with pytest.raises(ArtifactError, match="another catalogue"):
        open_live(workspace, open_shop(workspace))


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"candidates": 0}, SettingsError, "candidates is 0"),
        ({"negatives": -1}, SettingsError, "negatives is -1"),
        ({"sources": ()}, SettingsError, "sources and groups"),
        ({"groups": ("itme",)}, UnknownNameError, "'item'"),
        ({"vectors": "title"}, UnknownNameError, "'titles'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, said):
    with pytest.raises(error, match=said):
        replace(CONFIG, **settings)


def test_windows_longer_than_train_are_refused(workspace):
    with pytest.raises(SettingsError, match=r"4 windows of 0\.25"):
        open_maker(workspace, replace(CONFIG, windows=4, share=0.25), seed=1).windows()


def test_too_few_events_are_said(tmp_path):
    workspace = build(tmp_path, trained=False)
    events = workspace.read("events").head(1)
    with workspace.replace_tables("test") as writer:
        writer.write("events", events)
    with pytest.raises(DataError):
        prepare(workspace, CONFIG, seed=1)


def test_lists_are_learned_from_recommenders_as_they_serve(workspace):
    workspace = build(workspace.path.parent, "tuned", trained=False)
    train_recommender(workspace, "item_knn", config=ItemKnnConfig(weighting="cosine"), seed=1)
    assert open_maker(workspace, CONFIG, seed=1).sources.configs == {"item_knn": ItemKnnConfig(weighting="cosine")}
    card, _ = prepare_kept(workspace, CONFIG, seed=1)
    assert card.config["recommenders"]["item_knn"]["weighting"] == "cosine"
    open_live(workspace, open_shop(workspace))
    train_recommender(workspace, "item_knn", seed=1)
    with pytest.raises(ArtifactError, match="item_knn serves with other settings"):
        open_live(workspace, open_shop(workspace))
    assert prepare_kept(workspace, CONFIG, seed=1)[1]
    open_live(workspace, open_shop(workspace))
