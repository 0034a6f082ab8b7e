import numpy as np
import pytest

from engine.errors import DataError, UnknownNameError
from engine.hiding import Hiding
from scripts.hide_items import main
from tests.shop import make_shop


@pytest.fixture
def shop(home):
    return make_shop(home)


def test_items_are_hidden_until_they_are_shown_again(shop):
    hiding = Hiding(shop)
    before = hiding.version()
    hiding.hide(["SK-001", "SK-002"], who="Ann", reason="recalled")
    Hiding(shop).hide(["SK-003"], who="Bob")
    hiding.show(["SK-001"], who="Bob")
    assert {(item.item_id, item.reason, item.who) for item in hiding.current()} == {
        ("SK-002", "recalled", "Ann"),
        ("SK-003", "", "Bob"),
    }
    assert hiding.version() > before
    assert hiding.mask(np.array(["SK-001", "SK-002"], dtype=object)).tolist() == [False, True]


def test_one_unknown_item_hides_none(shop):
    with pytest.raises(UnknownNameError, match="SK-0333"):
        Hiding(shop).hide(["SK-001", "SK-0333"], who="Ann")
    with pytest.raises(DataError, match="name"):
        Hiding(shop).hide(["SK-001"], who=" ")
    assert Hiding(shop).current() == []


def test_the_command_hides_shows_and_lists(shop, capsys):
    assert main(["SK-004", "SK-005", "--reason", "out of season", "--who", "Ann"]) == 0
    assert main(["SK-004", "--show", "--who", "Ann"]) == 0
    assert "SK-005" in capsys.readouterr().out
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "1 item hidden" in said and "out of season" in said and "SK-004" not in said
    assert main(["nonsense"]) == 2
