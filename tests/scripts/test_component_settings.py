from __future__ import annotations

import pytest

from engine.errors import SettingsError, UnknownNameError
from engine.tags.registry import TAGGERS
from scripts.component_settings import config_of
from scripts.train_tags import main
from tests.tagged import fill, made


def test_settings_have_the_types_of_the_config():
    config = config_of(TAGGERS, "linear", ["ridge=0.25", "min_support=3"])
    assert (config.ridge, config.min_support) == (0.25, 3)
    assert config_of(TAGGERS, "transformer", ["base=a/b=c"]).base == "a/b=c"


def test_what_cant_be_set_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'ridge'"):
        config_of(TAGGERS, "linear", ["rigde=1"])
    with pytest.raises(SettingsError, match="min_support is 'many'; it must be a whole number"):
        config_of(TAGGERS, "linear", ["min_support=many"])


def test_train_tags_uses_them(workspace, capsys):
    fill(workspace, made(120))
    assert main(["--workspace", "shop", "--model", "prior", "--set", "min_support=5000"]) == 2
    assert "needs 5000 items" in capsys.readouterr().err
