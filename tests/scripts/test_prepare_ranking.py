import re

import pytest
from recommended import build

from scripts import prepare_ranking

SMALL = ["--set", "sources=item_knn,popular,recent", "--set", "windows=2", "--set", "vectors=none", "--seed", "1"]


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    place = tmp_path_factory.mktemp("home")
    build(place, trained=False)
    return place


@pytest.fixture
def home(shops, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(shops))
    return shops


def test_lists_are_made_once_and_told(home, capsys):
    assert prepare_ranking.main(SMALL) == 0
    said = capsys.readouterr().out
    assert re.match(r"Rankings default [0-9-]+: made\n", said)
    assert re.search(
        r"  test  \d+ lists, [\d,]+ candidates with \d+ features; \d+ of \d+ wanted items are among them", said
    )
    assert prepare_ranking.main(SMALL) == 0
    assert "unchanged" in capsys.readouterr().out
    assert prepare_ranking.main([*SMALL, "--set", "groups=item,pair"]) == 0
    assert "with 16 features" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("window=2", "setting of ranking lists named 'window'; did you mean 'windows'?"),
        ("windows=two", "windows is 'two'; it must be a whole number."),
        ("share=0.5", "2 windows of 0.5 of the events each leave nothing of train"),
        ("groups=itme", "group of features named 'itme'; did you mean 'item'?"),
        ("sources=alz", "recommender named 'alz'; did you mean 'als'?"),
    ],
)
def test_a_setting_that_cannot_be_is_named(home, capsys, option, said):
    assert prepare_ranking.main([*SMALL, "--set", option]) == 2
    assert said in capsys.readouterr().err
