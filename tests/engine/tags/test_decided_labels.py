from __future__ import annotations

import pytest

from engine.decisions import Decisions, Labels
from engine.runs import RunStore
from engine.tags.corpus import Corpus, read_corpus
from engine.workflows import train_tagger
from scripts.train_tags import main as train
from tests.tagged import fill, made


@pytest.fixture(autouse=True)
def _without_mlflow(monkeypatch):
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)


def labels(true=(), false=()):
    sides = ({}, {})
    for side, pairs in zip(sides, (true, false), strict=True):
        for item, tag in pairs:
            side[item] = side.get(item, frozenset()) | {tag}
    return Labels(*sides)


def corpus(**tags):
    items = made(4).items
    return Corpus(list(items), {f"SKU-00{n}": frozenset(given) for n, given in enumerate(tags.values())}, "import")


def test_decisions_stand_on_top_of_the_sources_tags():
    plain = corpus(a={"soft", "light"}, b={"soft"})
    amended = plain.amended(
        labels([("SKU-000", "warm"), ("SKU-002", "soft")], [("SKU-000", "light"), ("SKU-001", "soft")])
    )
    assert dict(amended.tags) == {"SKU-000": {"soft", "warm"}, "SKU-001": set(), "SKU-002": {"soft"}}
    assert amended.tagged == ["SKU-000", "SKU-001", "SKU-002"]
    assert amended.source.startswith("import with 4 decisions (")
    assert dict(plain.tags) == {"SKU-000": {"soft", "light"}, "SKU-001": {"soft"}}


def test_a_rejection_alone_makes_no_tagged_item_and_an_item_that_is_gone_stays_out():
    amended = corpus(a={"soft"}).amended(labels([("gone", "soft")], [("SKU-003", "soft")]))
    assert amended.tagged == ["SKU-000"]
    assert set(amended.tags) == {"SKU-000"}


def test_without_decisions_nothing_changes():
    plain = corpus(a={"soft"})
    assert plain.amended(labels()) is plain


def test_training_with_decisions_learns_a_tag_that_only_people_gave(workspace, capsys):
    data = made(120)
    fill(workspace, data)
    bright = [item.item_id for item, tags in zip(data.items, data.tags, strict=True) if "keeps warm" in tags]
    rest = [item.item_id for item, tags in zip(data.items, data.tags, strict=True) if "маломерит" in tags]
    decisions = Decisions(workspace)
    decisions.add([(item, "for winter") for item in bright], who="Ann")
    decisions.reject([(item, "маломерит") for item in rest], reason="Too vague", who="Ann")
    train_tagger(workspace, "prior", seed=1)
    assert train(["--workspace", workspace.name, "--model", "prior", "--seed", "1", "--with-decisions"]) == 0
    assert f"with {len(bright) + len(rest)} decisions" in capsys.readouterr().out
    amended, plain = RunStore(workspace).list("tags")
    true = [{tag for tags in RunStore(workspace).rows(run.id)["true"] for tag in tags} for run in (amended, plain)]
    assert "for winter" in true[0] and "маломерит" not in true[0]
    assert "for winter" not in true[1] and "маломерит" in true[1]
    assert amended.eligibility != plain.eligibility
    assert "for winter" in read_corpus(workspace).amended(decisions.labels()).tags[bright[0]]
