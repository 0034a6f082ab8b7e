import json
import logging
import os

import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError, UnknownNameError, WorkspaceError
from engine.metrics.ranking import top_k
from engine.runs import RunStore, aggregate, compare, new_run

TAGS = [f"tag {n}" for n in range(40)]


def run(model="linear", **changes):
    made = {"config": {"c": 1.0}, "data_hash": "d1", "split": "item-5", "seed": 7, "eligibility": "items with tags"}
    return new_run(changes.pop("kind", "tags"), model, **(made | changes))


def tag_rows(seed=0, n=30, share=0.5):
    rng = np.random.default_rng(seed)
    known = [TAGS[i % 7 : i % 7 + 4] for i in range(n)]
    predicted = [[tag for tag in tags if rng.random() < share] for tags in known]
    return pd.DataFrame(
        {
            "item_id": [f"00{i}" for i in range(n)],
            "category": ["Bags" if i % 3 else "Shoes" for i in range(n)],
            "predicted": predicted,
            "ranked": [[*tags, "tag 39"] for tags in predicted],
            "scores": [[0.5] * (len(tags) + 1) for tags in predicted],
            "true": known,
            "known": known,
            "hit_rank": [1 if tags else None for tags in predicted],
        }
    )


@pytest.fixture
def store(workspace):
    return RunStore(workspace)


def test_a_run_comes_back_as_it_was_saved(store):
    saved = store.save(run(), tag_rows())
    assert store.get(saved.id) == saved
    assert saved.versions["numpy"] == np.__version__
    assert saved.id.split("-")[2] == "linear"
    rows = store.rows(saved.id)
    assert rows["item_id"].tolist()[:2] == ["000", "001"]
    assert [list(tags) for tags in rows["predicted"]] == tag_rows()["predicted"].tolist()


def test_figures_equal_what_the_rows_give_after_the_round_trip(store):
    saved = store.save(run(), tag_rows())
    assert store.aggregate(saved.id) == aggregate("tags", tag_rows()) == aggregate("tags", store.rows(saved.id))
    assert 0 < store.aggregate(saved.id)["micro_f1"] < 1


def test_a_slice_is_read_and_measured_by_itself(store):
    saved = store.save(run(), tag_rows())
    bags = store.rows(saved.id, filters=[("category", "=", "Bags"), ("hit_rank", "<=", 10)])
    expected = tag_rows().query("category == 'Bags' and hit_rank <= 10")
    assert aggregate("tags", bags) == aggregate("tags", expected)
    assert list(store.rows(saved.id, columns=["item_id", "hit_rank"]).columns) == ["item_id", "hit_rank"]
    assert store.rows(saved.id, filters=[("category", "=", "Toys")]).empty
    with pytest.raises(UnknownNameError, match="did you mean 'category'"):
        store.rows(saved.id, filters=[("categry", "=", "Bags")])


def test_rows_where_nothing_was_predicted_keep_their_types(store):
    rows = tag_rows(share=0).assign(ranked=[[] for _ in range(30)], scores=[[] for _ in range(30)])
    saved = store.save(run(), rows)
    assert store.rows(saved.id, filters=[("hit_rank", "<=", 3)]).empty
    assert store.aggregate(saved.id)["micro_f1"] == 0


def test_a_tagger_of_constant_scores_scores_like_chance(store):
    n, rng = 300, np.random.default_rng(1)
    ids = [f"sku-{i}" for i in range(n)]
    order = top_k(np.full((n, len(TAGS)), 0.5), 10, row_ids=ids, column_ids=TAGS)
    gold = [TAGS[:4]] * n  # the first in the file's order, which would give a precision of 1
    ranked = [[TAGS[column] for column in row] for row in order]
    frame = pd.DataFrame({"item_id": ids, "predicted": [[]] * n, "ranked": ranked, "known": gold, "true": gold})
    saved = store.save(run("constant"), frame.iloc[rng.permutation(n)])
    assert store.aggregate(saved.id)["p@3"] == pytest.approx(4 / len(TAGS), abs=0.03)
    assert store.aggregate(saved.id)["r@3"] == pytest.approx(3 / len(TAGS), abs=0.03)


def test_runs_are_listed_newest_first_by_kind(store):
    first, second = store.save(run("prior"), tag_rows()), store.save(run("linear"), tag_rows())
    rows = pd.DataFrame({"query_id": ["q"], "hits": [["a"]], "relevant": [["a"]]})
    third = store.save(run("bm25", kind="search"), rows)
    assert store.list() == [third, second, first]
    assert store.list("tags") == [second, first]
    assert store.aggregate(third.id)["mrr"] == 1


def test_a_workspace_without_runs_lists_none(store):
    assert store.list() == []
    with pytest.raises(UnknownNameError, match="known: none yet"):
        store.get("20260101-1200-linear-ab12")


@pytest.mark.parametrize("bad", ["../../etc", "", "20260101-1200-linear-ab1", ".tmp-x", "20260101-1200-a/b-ab12"])
def test_ids_that_are_no_ids_never_become_paths(store, bad):
    for read in (store.get, store.rows, store.aggregate):
        with pytest.raises(UnknownNameError, match="no run named"):
            read(bad)


def test_a_misspelt_id_is_told_the_nearest(store):
    saved = store.save(run(), tag_rows())
    with pytest.raises(UnknownNameError, match=f"did you mean '{saved.id}'"):
        store.get(saved.id.replace("linear", "linaer"))


def test_a_model_name_becomes_a_plain_id(store):
    saved = store.save(run("My model/../№7 " + "x" * 60), tag_rows())
    assert store.get(saved.id).model.startswith("My model")


@pytest.mark.parametrize(
    ("file", "text"), [("run.json", "{"), ("run.json", "[]"), ("run.json", '{"id": 1}'), ("run.json", None)]
)
def test_a_damaged_run_is_named_with_the_way_out_and_the_others_stay(store, caplog, file, text):
    good, bad = store.save(run(), tag_rows()), store.save(run("prior"), tag_rows())
    path = store.workspace.path / "runs" / bad.id / file
    path.write_text(text) if text else path.unlink()
    with pytest.raises(
        WorkspaceError, match=rf"Run {bad.id} is damaged: run.json .* remove the folder .*{bad.id} and eval"
    ):
        store.get(bad.id)
    with caplog.at_level(logging.WARNING):
        assert store.list() == [good]
    assert bad.id in caplog.text
    assert list(store.damaged()) == [bad.id]


def test_a_folder_that_was_renamed_by_hand_is_damaged(store):
    saved = store.save(run(), tag_rows())
    place = store.workspace.path / "runs" / saved.id
    place.rename(place.with_name("20200101-0000-linear-ab12"))
    with pytest.raises(WorkspaceError, match="says that its id is"):
        store.get("20200101-0000-linear-ab12")


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PAR1 nonsense"), lambda path: path.unlink()])
def test_damaged_rows_are_named(store, damage):
    saved = store.save(run(), tag_rows())
    damage(store.workspace.path / "runs" / saved.id / "rows.parquet")
    with pytest.raises(WorkspaceError, match=f"Run {saved.id} is damaged: rows.parquet"):
        store.rows(saved.id)


def test_a_failed_save_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr("engine.runs.pq.write_table", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.save(run(), tag_rows())
    assert list((store.workspace.path / "runs").iterdir()) == []


def test_what_a_killed_save_left_is_swept_by_the_next_one_and_a_save_at_work_is_not(store):
    runs = store.workspace.path / "runs"
    for name in (".tmp-killed-run", ".tmp-at-work-run"):
        (runs / name).mkdir(parents=True)
        (runs / name / "rows.parquet").write_bytes(b"half")
    os.utime(runs / ".tmp-killed-run", (0, 0))
    saved = store.save(run(), tag_rows())
    assert sorted(place.name for place in runs.iterdir()) == [".tmp-at-work-run", saved.id]


def test_a_run_is_never_written_twice(store):
    saved = store.save(run(), tag_rows())
    with pytest.raises(WorkspaceError, match="exists already"):
        store.save(saved, tag_rows())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:0], "no rows"),
        (lambda rows: rows.drop(columns="known"), "'known'"),
        (lambda rows: pd.concat([rows, rows[:1]]), "'000' stands in more than one row"),
        (lambda rows: rows.assign(item_id=None), "column 'item_id'"),
        (lambda rows: rows.assign(ranked="text"), "column 'ranked'"),
    ],
)
def test_rows_that_cannot_be_measured_are_refused(store, change, said):
    with pytest.raises(DataError, match=said):
        store.save(run(), change(tag_rows()))
    assert store.list() == []


def test_runs_are_compared_over_their_common_rows_in_any_order(store):
    weak = store.save(run("prior"), tag_rows(share=0.3))
    strong = store.save(run(), tag_rows(share=0.9).sample(frac=1, random_state=1))
    found = compare(store, weak.id, strong.id, "micro_f1")
    assert found.a == pytest.approx(store.aggregate(weak.id)["micro_f1"])
    assert found.b == pytest.approx(store.aggregate(strong.id)["micro_f1"])
    assert found.clear
    assert found.words().startswith("+0.")
    assert "SKUs better" in found.words()
    assert compare(store, weak.id, strong.id, "micro_f1") == found
    same = compare(store, weak.id, weak.id, "p@3")
    assert (same.difference, same.wins, same.losses) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_hash": "d2"}, "the data differs ('d1' and 'd2')"),
        ({"split": "item-6"}, "the split differs ('item-5' and 'item-6')"),
        ({"eligibility": "all"}, "the eligibility differs"),
    ],
)
def test_runs_on_different_ground_are_not_compared(store, change, said):
    a, b = store.save(run(), tag_rows()), store.save(run(**change), tag_rows())
    with pytest.raises(DataError) as error:
        compare(store, a.id, b.id, "micro_f1")
    assert said in str(error.value)
    assert a.id in str(error.value)


def test_runs_over_other_rows_are_not_compared(store):
    a, b = store.save(run(), tag_rows(n=30)), store.save(run(), tag_rows(n=28))
    with pytest.raises(DataError, match="2 SKUs are in one of them only, such as '0028'"):
        compare(store, a.id, b.id, "micro_f1")


def test_an_unknown_metric_is_named(store):
    saved = store.save(run(), tag_rows())
    with pytest.raises(UnknownNameError, match="did you mean 'micro_f1'"):
        compare(store, saved.id, saved.id, "micro-f1")


def test_the_file_says_what_made_the_run(store):
    saved = store.save(run(), tag_rows())
    stored = json.loads((store.workspace.path / "runs" / saved.id / "run.json").read_text(encoding="utf-8"))
    assert stored["config"] == {"c": 1.0}
    assert {"data_hash", "split", "seed", "eligibility", "versions", "created", "model", "kind"} <= set(stored)
